/** What a Zod schema checks or changes beyond what JSON Schema can say. */

import type { ZodDef } from './zod-schema.ts'

/** One refinement (it may refuse) or transform (it changes what it is handed), as the keyword `x-dure-refinements` lists them. */
export type Refinement = {
  readonly is: 'refinement' | 'transform'
  /** What it answers when it refuses, if that is always the same. */
  readonly says?: string
  /** Of its source text without white space; missing when that cannot be seen. */
  readonly code?: string
}

export const REFINEMENTS = 'x-dure-refinements'

/** Checks whose keywords Zod draws. */
const DRAWN = /^(?:(?:min|max)_(?:length|size)|(?:length|size)_equals|(?:greater|less)_than|multiple_of|\w+_format)$/

/** What JSON Schema has no word for: refinements, and whatever makes another value of the one that came. */
export function refinementsOf(def: ZodDef): readonly Refinement[] {
  const found = (def.checks ?? []).flatMap(({ _zod }) => {
    const { check, fn, tx, error } = _zod.def
    if (DRAWN.test(check)) return []
    if (check === 'overwrite') return [refinement('transform', tx)]
    return [refinement('refinement', fn, saidBy(error))]
  })
  for (const part of [def, def.in?._zod.def, def.out?._zod.def])
    if (part?.transform !== undefined) found.push(refinement('transform', part.transform))
  return found
}

function saidBy(error: unknown): string | undefined {
  try {
    const said: unknown = typeof error === 'function' ? error({ input: undefined, issues: [] }) : undefined
    return typeof said === 'string' ? said : undefined
  } catch {
    return undefined
  }
}

function refinement(is: Refinement['is'], code: unknown, says?: string): Refinement {
  return { is, ...(says !== undefined && { says }), ...(typeof code === 'function' && { code: fingerprint(String(code)) }) }
}

/** FNV-1a. */
function fingerprint(source: string): string {
  let hash = 0x811c9dc5
  for (const character of source.replaceAll(/\s+/g, '')) hash = Math.imul(hash ^ character.codePointAt(0)!, 0x01000193)
  return (hash >>> 0).toString(16)
}
