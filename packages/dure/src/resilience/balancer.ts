import type { Random } from '../runtime/runtime.ts'

/** Somebody with work in hand. */
export type Loaded = {
  /** Calls sent and not answered. */
  readonly pending: () => number
}

/**
 * Who takes the next call. What it remembers of those it chooses from, it remembers by their identity; so a list that has changed is
 * another list.
 */
export type Balancer<T> = {
  /**
   * One of `among`; undefined when nobody is there who takes calls.
   * @param key what calls have in common that should go to the same one, for balancers that heed it
   * @param again the call has been sent before, and those who had it may be left out of `among`
   */
  readonly choose: (among: readonly T[], key?: string, again?: boolean) => T | undefined
  /** A call that it answered took so many milliseconds. Undefined where nothing is learnt from it. */
  readonly took?: ((by: T, milliseconds: number) => void) | undefined
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
  const one = among[first]!
  const other = among[drawAnother(first, count, random)]!
  return other.pending() < one.pending() ? other : one
}

/** One of `count` that is not `first`. */
export function drawAnother(first: number, count: number, random: Random): number {
  const drawn = random.integer(count - 1)
  return drawn < first ? drawn : drawn + 1
}

/**
 * `leastOfTwo` as a balancer, to be put into another one.
 *
 * @example
 * ```ts
 * import { twoChoices } from 'dure/resilience'
 * import { seededRandom } from 'dure/runtime'
 *
 * const balancer = twoChoices({ random: seededRandom(1) })
 * console.log(balancer.choose([{ pending: () => 3 }])?.pending()) // → 3
 * ```
 */
export function twoChoices<T extends Loaded>({ random }: { random: Random }): Balancer<T> {
  return { choose: (among) => leastOfTwo(among, random), took: undefined }
}
