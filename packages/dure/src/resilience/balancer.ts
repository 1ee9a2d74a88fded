import type { Random } from '../runtime/runtime.ts'

/** Somebody with work in hand. */
export type Loaded = {
  /** Calls sent and not answered. */
  readonly pending: () => number
}

/**
 * The less loaded of two chosen by chance: nearly as even as asking everybody, without the herd that all callers of the
 * one least loaded would make (M. Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001).
 * Undefined when there is nobody to choose from.
 *
 * @example
 * ```ts
 * import { leastOfTwo } from 'dure/resilience'
 * import { seededRandom } from 'dure/runtime'
 *
 * const peers = [
 *   { name: 'idle', pending: () => 0 },
 *   { name: 'busy', pending: () => 9 },
 * ]
 * console.log(leastOfTwo(peers, seededRandom(1))?.name) // → idle
 * ```
 */
export function leastOfTwo<T extends Loaded>(among: readonly T[], random: Random): T | undefined {
  const count = among.length
  if (count < 2) return among[0]
  const first = random.integer(count)
  // The second is drawn from the others, so that it is another one.
  const drawn = random.integer(count - 1)
  const one = among[first]!
  const other = among[drawn < first ? drawn : drawn + 1]!
  return other.pending() < one.pending() ? other : one
}
