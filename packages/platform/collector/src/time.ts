/** When something was, as far as it can be believed. */

/** Milliseconds that a clock may be ahead, and behind. */
const [AHEAD, BEHIND] = [86_400_000, 366 * 86_400_000]

/**
 * The time that somebody says, in milliseconds; when it was received, when they say none, or one that is years off: it would be
 * found by nobody who looks for what happened then.
 */
export function believed(ms: number, received: number): number {
  return Number.isFinite(ms) && ms > received - BEHIND && ms < received + AHEAD ? ms : received
}

/** Nanoseconds since the epoch, as a number or as text: milliseconds, to the microsecond, which is what a double holds of them. */
export const fromNanos = (nanos: unknown): number => Math.round(Number(nanos ?? NaN) / 1_000) / 1_000

/** 32 or 16 hexadecimal digits, in lower case; undefined when it is none, or all zeros. */
export function idOf(value: unknown, digits: 16 | 32): string | undefined {
  if (typeof value !== 'string' || value.length !== digits) return undefined
  const id = value.toLowerCase()
  return /^[0-9a-f]+$/.test(id) && !/^0+$/.test(id) ? id : undefined
}
