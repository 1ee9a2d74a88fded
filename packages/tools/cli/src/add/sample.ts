import { inspect } from 'node:util'
import type { AnyEvent } from 'dure/contract'
import { parserOf, sampleFor, shown, typeOf } from 'dure/contract/internal'

/** Data that an event's schema allows, as they are written in TypeScript; undefined when that needs thought. */
export async function sampleOf({ schema }: AnyEvent): Promise<string | undefined> {
  try {
    const value = sampleFor(typeOf(shown(schema, 'input')))
    const { ok } = await parserOf(schema, 'input')(value)
    return ok ? inspect(value, { depth: null, compact: true, breakLength: Infinity }) : undefined
  } catch {
    // Patterns and refinements want more than this finds.
    return undefined
  }
}
