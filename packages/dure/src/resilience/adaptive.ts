import { checkNumbers, completeNumbers, COUNT, SHARE, WAIT, type Range, type Ranges } from '../runtime/internal.ts'

/** One call that is over, as an algorithm sees it. */
export type LimitSample = {
  /** Milliseconds that it took. */
  readonly took: number
  /** Calls under way when it ended, itself included. */
  readonly inside: number
  /** It failed, or ended at its deadline: what it took says nothing. */
  readonly dropped: boolean
  /** Others were turned away since the last sample: there is use for more, however few are under way. Default false. */
  readonly wanted?: boolean
}

/** How many calls at once are good, found out from how they go (Netflix, concurrency-limits). Pure: it knows no clock. */
export type Limit = {
  readonly limit: () => number
  readonly sample: (sample: LimitSample) => void
}

type Bounds = {
  /** Where it begins, and between what it stays. */
  readonly initial: number
  readonly least: number
  readonly most: number
}
const BOUNDS: Ranges<Bounds> = { initial: COUNT, least: COUNT, most: COUNT }

export type AimdPolicy = Bounds & {
  /** What is left of it after a call that was dropped. Default 0.9. */
  readonly ratio: number
  /** Milliseconds from which on a call counts as dropped. Default 5,000. */
  readonly slow: number
}

/**
 * Additive increase, multiplicative decrease, as TCP has it: one more for each call that goes well while half of it is in use, a tenth
 * less for each that is dropped or slow.
 * @throws {TypeError} when a number cannot be used
 *
 * @example
 * ```ts
 * import { aimd } from 'dure/resilience'
 *
 * const limit = aimd({ initial: 10 })
 * limit.sample({ took: 5, inside: 10, dropped: false })
 * console.log(limit.limit()) // → 11
 * limit.sample({ took: 5, inside: 10, dropped: true })
 * console.log(limit.limit()) // → 9
 * ```
 */
export function aimd(given: Partial<AimdPolicy> = {}): Limit {
  const defaults: AimdPolicy = { initial: 20, least: 1, most: 1_000, ratio: 0.9, slow: 5_000 }
  const numbers: Ranges<AimdPolicy> = { ...BOUNDS, ratio: { least: 0.1, most: 0.99 }, slow: WAIT }
  const { initial, least, most, ratio, slow } = within(completeNumbers('find a limit', defaults, given, numbers))
  let limit = initial
  return {
    limit: () => limit,
    sample: ({ took, inside, dropped, wanted = false }) => {
      if (dropped || took >= slow) limit = Math.max(least, Math.floor(limit * ratio))
      // What is not in use says nothing of more.
      else if (wanted || inside * 2 >= limit) limit = Math.min(most, limit + 1)
    },
  }
}

export type GradientPolicy = Bounds & {
  /** How much slower than usual calls may become before the limit goes down. Default 1.5. */
  readonly tolerance: number
  /** How much the limit moves in a round: while as many calls end as are under way. Default 0.5. */
  readonly smoothing: number
  /** Calls over which is known what is usual. Default 600. */
  readonly window: number
  /** Calls that may wait at the callee. Default 4. */
  readonly queue: number
}

const FROM_ONE: Range = { least: 1, most: 100 }

/**
 * Gradient2 of Netflix's concurrency-limits: the limit follows how long calls take now to how long they usually do. It grows only
 * while it is in use, and to no more than twice of what is, and what is slow under load does not become usual (so that it does not run
 * away, as in concurrency-limits#134). It finds no less than five times `queue`.
 * @throws {TypeError} when a number cannot be used
 *
 * @example
 * ```ts
 * import { gradient } from 'dure/resilience'
 *
 * const limit = gradient({ initial: 20, least: 1 })
 * for (let i = 0; i < 100; i++) limit.sample({ took: 10, inside: 20, dropped: false })
 * const usual = limit.limit()
 * for (let i = 0; i < 100; i++) limit.sample({ took: 200, inside: usual, dropped: false })
 * console.log(usual > 20, limit.limit() < usual) // → true true
 * ```
 */
export function gradient(given: Partial<GradientPolicy> = {}): Limit {
  const defaults: GradientPolicy = { initial: 20, least: 20, most: 200, tolerance: 1.5, smoothing: 0.5, window: 600, queue: 4 }
  const numbers: Ranges<GradientPolicy> = { ...BOUNDS, tolerance: FROM_ONE, smoothing: SHARE, window: COUNT, queue: COUNT }
  const policy = within(completeNumbers('find a limit', defaults, given, numbers))
  const { initial, least, most, tolerance, smoothing, window, queue } = policy
  /** Samples of which the plain mean is what is usual; then it moves. */
  const WARM = 10
  const small = Math.max(least, queue * 5)
  let limit = initial
  let usual = 0
  let seen = 0
  /** Of the round that is under way: calls that ended, what they took together, and whether there was use for more. */
  let [calls, sum, more] = [0, 0, false]

  const change = (took: number, inside: number): void => {
    const warm = seen < WARM
    seen += calls
    // Calls that are slow because so many are under way say nothing of what is usual, or the limit would grow for ever; those of
    // a small limit do, as the callee itself has become slower.
    if (warm) usual += ((took - usual) * calls) / seen
    else if (took < usual || (inside * 2 < limit && !more) || limit <= small)
      usual += (took - usual) * Math.min(1, (2 * calls) / (window + 1))
    // After a bad time everything would look fast until what is usual has come down again.
    if (usual > took * 2) usual *= 0.95 ** calls
    // Where low priority may fill half of it, it is used by half, and would never be found to be too small.
    const used = more ? Math.max(inside, limit) : inside
    if (used * 2 < limit) return
    const gradient = took <= 0 ? 1 : Math.max(0.5, Math.min(1, (tolerance * usual) / took))
    const next = limit * (1 - smoothing) + smoothing * (limit * gradient + queue)
    limit = Math.max(least, Math.min(most, Math.max(limit, used * 2), next))
  }

  return {
    limit: () => Math.floor(limit),
    sample: ({ took, inside, dropped, wanted = false }) => {
      // A call that failed at once would make all others look slow (concurrency-limits#176).
      if (dropped) {
        limit = Math.max(least, limit * 0.9)
        return
      }
      calls++
      sum += took
      more ||= wanted
      // What a change does is seen when those under way have ended. With a change for each of them the limit would go up and down for
      // ever, and single calls that are quicker than others would make what is usual too quick.
      if (calls < inside) return
      change(sum / calls, inside)
      ;[calls, sum, more] = [0, 0, false]
    },
  }
}

/** @throws {TypeError} */
function within<T extends Bounds>(policy: T): T {
  const { initial, least, most } = policy
  const range = { ...COUNT, least, most: Math.max(least, most) }
  checkNumbers<Bounds>('find a limit', { initial, least, most }, { initial: range, least: COUNT, most: { ...COUNT, least } })
  return policy
}
