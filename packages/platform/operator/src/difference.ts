import { z } from 'zod'

/** What differs between two JSON values, place by place. */
export type Difference = { before: unknown; after: unknown; changes: Change[] }
type Change = {
  path: (string | number)[]
  kind: 'added' | 'removed' | 'changed'
  before: unknown
  after: unknown
}
export const Difference: z.ZodType<Difference> = z.object({
  before: z.unknown(),
  after: z.unknown(),
  changes: z.array(
    z.object({
      /** Keys and positions, from the outside in; empty for the whole. */
      path: z.array(z.union([z.string(), z.number()])),
      kind: z.enum(['added', 'removed', 'changed']),
      before: z.unknown(),
      after: z.unknown(),
    }),
  ),
})

/** Changes that are told, at most. */
const MOST = 1_000

/** Compares two texts of JSON; one that is none is a text. */
export function diffOf(before: string, after: string): Difference {
  const [from, to] = [readable(before), readable(after)]
  const changes: Change[] = []
  compare(from, to, [], changes)
  return { before: from, after: to, changes }
}

function readable(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function compare(before: unknown, after: unknown, path: Change['path'], changes: Change[]): void {
  if (changes.length >= MOST || Object.is(before, after)) return
  if (!isTree(before) || !isTree(after) || Array.isArray(before) !== Array.isArray(after)) {
    changes.push({ path, kind: 'changed', before, after })
    return
  }
  const [from, to] = [new Map(Object.entries(before)), new Map(Object.entries(after))]
  for (const key of new Set([...from.keys(), ...to.keys()])) {
    const at = [...path, Array.isArray(before) ? Number(key) : key]
    if (!to.has(key)) changes.push({ path: at, kind: 'removed', before: from.get(key), after: undefined })
    else if (!from.has(key)) changes.push({ path: at, kind: 'added', before: undefined, after: to.get(key) })
    else compare(from.get(key), to.get(key), at, changes)
  }
}

const isTree = (value: unknown): value is object => typeof value === 'object' && value !== null
