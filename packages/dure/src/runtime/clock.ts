/** Time as a port. */
export type Clock = {
  /** Wall-clock time in milliseconds since the Unix epoch; may jump, so never measure with it. */
  readonly now: () => number
  /** Monotonic time in milliseconds (fractional) from an arbitrary origin; for deadlines and durations. */
  readonly monotonic: () => number
}

export function realClock(): Clock {
  return { now: () => Date.now(), monotonic: () => performance.now() }
}
