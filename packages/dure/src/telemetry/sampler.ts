import type { Runtime } from '../runtime/runtime.ts'
import { checkNumbers, SHARE, type Range } from '../runtime/internal.ts'

/** Which traces spans are made of. A number is the `ratio` alone. */
export type Sampling =
  | number
  | {
      /** Traces of each second that are all sampled; a quiet process keeps everything. Default 20. */
      readonly perSecond?: number
      /** Share of those beyond, from 0 to 1. Default 0.01. */
      readonly ratio?: number
    }

const DEFAULTS = { perSecond: 20, ratio: 0.01 }
const RATE: Range = { least: 0, most: 1_000_000 }
/** Milliseconds for which what was not used may be used at once. */
const BURST = 1_000

/**
 * Decides for traces that begin: so many each second, and a share of the others.
 * @param now monotonic milliseconds
 * @throws {TypeError} when a number cannot be used
 */
export function createSampler({ random }: Pick<Runtime, 'random'>, sampling: Sampling | undefined): (now: number) => boolean {
  if (typeof sampling !== 'object' || sampling === null) checkNumbers('open telemetry', { sampling }, { sampling: SHARE })
  const given = typeof sampling === 'number' ? { perSecond: 0, ratio: sampling } : (sampling ?? {})
  const { perSecond = DEFAULTS.perSecond, ratio = DEFAULTS.ratio } = given
  checkNumbers('open telemetry with this sampling', { perSecond, ratio }, { perSecond: RATE, ratio: SHARE })
  const steadily = perSecond === 0 ? undefined : createLimit(perSecond)
  return (now) => steadily?.(now) === true || (ratio > 0 && random.number() < ratio)
}

/**
 * At most so many a second, and after a rest at most those of one second at once: the generic cell rate algorithm (ITU-T
 * I.371), which needs no timer and one number.
 */
export function createLimit(perSecond: number): (now: number) => boolean {
  const interval = 1_000 / perSecond
  const tolerance = Math.max(0, BURST - interval)
  /** When the next would be due if all came evenly. */
  let due = Number.NEGATIVE_INFINITY
  return (now) => {
    if (due - now > tolerance) return false
    due = Math.max(due, now) + interval
    return true
  }
}
