/** The text of a schema: bounded, and told apart by what it says. */
import { faults } from './fault.ts'

/** Levels that may be inside each other: whoever reads a schema goes down as many. */
const DEEPEST = 100

/** @throws {SchemaFault} 42201 */
export function readSchema(text: unknown): unknown {
  if (typeof text !== 'string' || text.trim() === '') throw faults.invalidSchema('"schema" is to be a text that is not empty')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw faults.invalidSchema(`it is not JSON: ${(cause as Error).message}`)
  }
  if (depthOf(value) > DEEPEST) throw faults.invalidSchema(`it has more than ${DEEPEST} levels`)
  return value
}

/** Level by level, for a text may be deeper than the stack. */
function depthOf(value: unknown): number {
  let level: unknown[] = [value]
  for (let depth = 0; ; depth++) {
    level = level.filter((each) => typeof each === 'object' && each !== null).flatMap((each) => Object.values(each as object))
    if (level.length === 0 || depth > DEEPEST) return depth
  }
}

/** The same with the keys of every object in one order. */
export function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, each]) => [key, sorted(each)]),
  )
}
