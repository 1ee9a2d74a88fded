/** How many copies a load needs: a function of samples, with a memory that keeps the number from going up and down. */

/** What was seen at a moment, of all copies together. */
export type Sample = {
  /** Milliseconds of a clock that does not jump. */
  readonly at: number
  readonly copies: number
  /** Calls under way. */
  readonly inHand: number
  /** Messages that wait to be handled. Default 0. */
  readonly lag?: number
}

export type AutoscaleLimits = {
  readonly least: number
  readonly most: number
  /** Calls under way that a copy is meant to have. */
  readonly inHand: number
  /** Messages that a copy is meant to have waiting. Default: they are not looked at. */
  readonly lag?: number
  /** Part by which the load may miss that before anything changes. Default 0.1. */
  readonly tolerance?: number
  /** Milliseconds that fewer copies must have been enough before there are fewer. Default 300,000. */
  readonly settle?: number
}

/** What is remembered from one sample to the next: how many copies each of the last ones would have needed, and since when there are any. */
export type AutoscaleState = {
  readonly since: number
  readonly needed: readonly { readonly at: number; readonly copies: number }[]
}

/** Samples that are remembered, at most. */
const MOST = 1_000

/**
 * The number of copies from now on: more at once, at most twice as many; fewer when that would have been enough for a while.
 *
 * @example
 * ```ts
 * import { autoscale } from '@dure/deploy'
 *
 * const limits = { least: 1, most: 10, inHand: 20 }
 * const { copies } = autoscale({ at: 0, copies: 2, inHand: 75 }, limits)
 * console.log(copies) // → 4
 * ```
 */
export function autoscale(
  sample: Sample,
  limits: AutoscaleLimits,
  state: AutoscaleState = { since: sample.at, needed: [] },
): { readonly copies: number; readonly state: AutoscaleState } {
  const { at, copies, inHand, lag = 0 } = sample
  const { least, most, tolerance = 0.1, settle = 300_000 } = limits
  const within = (count: number): number => Math.min(most, Math.max(least, count))
  const load = Math.max(inHand / limits.inHand, limits.lag === undefined ? 0 : lag / limits.lag)
  const now = within(Math.abs(load / copies - 1) <= tolerance ? copies : Math.ceil(load))
  const needed = [...state.needed.filter((one) => one.at > at - settle), { at, copies: now }].slice(-MOST)
  const next = { since: state.since, needed }
  if (now > copies) return { copies: within(Math.min(now, copies * 2)), state: next }
  // Not from what was seen of a moment.
  const settled = at - state.since >= settle
  return { copies: within(settled ? Math.max(...needed.map((one) => one.copies)) : copies), state: next }
}
