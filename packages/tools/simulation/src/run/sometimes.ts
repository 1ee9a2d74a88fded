/**
 * Marks that something rare did happen in a run: the retry, the compensation, the repeated message that was recognised.
 * Outside of a simulation it does nothing, so it may stand in a service as well. What is never seen over many seeds was
 * never tested: reports name it.
 *
 * @example
 * ```ts
 * import { sometimes } from '@dure/simulation'
 *
 * // In a handler: counted in a simulation, and nothing at all outside of one.
 * sometimes('a card was declined')
 * ```
 */
export function sometimes(what: string): void {
  if (current !== undefined) current.set(what, (current.get(what) ?? 0) + 1)
}

/** One run at a time: the run that is under way in this thread. */
let current: Map<string, number> | undefined

export function beginMarks(): Map<string, number> {
  current = new Map()
  return current
}

export function endMarks(): void {
  current = undefined
}
