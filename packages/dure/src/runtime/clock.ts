/** Time as a port. */
export type Clock = {
  /** Wall-clock time in milliseconds since the Unix epoch; may jump, so never measure with it. */
  readonly now: () => number
  /** Monotonic time in milliseconds (fractional) from an arbitrary origin; for deadlines and durations. */
  readonly monotonic: () => number
}

export function realClock(): Clock {
  // Asking the global for it each time takes a while, and every call tells the time twice.
  const time = performance
  return { now: () => Date.now(), monotonic: () => time.now() }
}

/**
 * The wall clock as it was when this was made, carried on by the monotonic one. Comparable with times that were stored, and
 * no jump of the wall clock moves it: for what is due. Whole milliseconds, as databases keep them.
 */
export function steadyTime(clock: Clock): () => number {
  const origin = clock.now() - clock.monotonic()
  return () => Math.floor(origin + clock.monotonic())
}

/**
 * Follows the wall clock when it is set back and not when it is set forward, so what has been kept for some time by this
 * has been kept for that time: for throwing away. Whole milliseconds, as databases keep them.
 *
 * @example
 * ```ts
 * import { cautiousTime } from 'dure/data/adapter'
 *
 * let wall = 1_000
 * const time = cautiousTime({ now: () => wall, monotonic: () => 0 })
 * wall = 5_000
 * console.log(time()) // → 1000
 * ```
 */
export function cautiousTime(clock: Clock): () => number {
  let origin = Number.POSITIVE_INFINITY
  const now = (): number => {
    const monotonic = clock.monotonic()
    origin = Math.min(origin, clock.now() - monotonic)
    return Math.floor(origin + monotonic)
  }
  now()
  return now
}
