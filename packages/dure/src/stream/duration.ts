import { CENTURY } from '../runtime/internal.ts'

/** Milliseconds, or a number with its unit: `'10m'`. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/**
 * @param what the action, for the message: `declare window of "totals"`
 * @param least the shortest that makes sense, in milliseconds
 * @throws {TypeError} when it is no such time
 */
export function millisecondsOf(what: string, name: string, duration: Duration, least = 1): number {
  const [, count, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(String(duration)) ?? []
  const ms = typeof duration === 'number' ? duration : Number(count) * UNITS[unit ?? '']!
  if (Number.isInteger(ms) && ms >= least && ms <= CENTURY) return ms
  throw new TypeError(
    `Cannot ${what}: "${name}" is ${JSON.stringify(duration)}; give whole milliseconds from ${least} on, or a number with ms, s, m, h or d: "10m"`,
  )
}
