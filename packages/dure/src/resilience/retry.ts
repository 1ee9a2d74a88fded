import {
  backoff,
  checkNumbers,
  completeNumbers,
  COUNT,
  WAIT_OR_NONE,
  type BackoffPolicy,
  type Ranges,
} from '../runtime/internal.ts'
import { guardOf, realWorld, type Done, type Guard, type GuardedCall, type PolicyWorld, type Step } from './guard.ts'
import { hostOutcomeOf } from './outcome.ts'
import { refusedBy } from './refusal.ts'
import { createRetryBudget, type RetryBudgetPolicy } from './retry-budget.ts'

export type RetryOptions = {
  /** Times one call is made at most, the first included. Default 3. */
  readonly attempts?: number
  /** Pauses before tries. Default 50 to 2,000 milliseconds. */
  readonly backoff?: BackoffPolicy
  /** What repetitions may add to the load. */
  readonly budget?: Partial<RetryBudgetPolicy>
  /** Whether trying again may help. Default: what failed, not what was refused by a limit and not a declared error. */
  readonly when?: (error: unknown) => boolean
  readonly world?: PolicyWorld
}

type Numbers = { readonly attempts: number }
const NUMBERS: Ranges<Numbers> = { attempts: COUNT }
const BACKOFF: Ranges<BackoffPolicy> = { first: WAIT_OR_NONE, factor: { least: 1, most: 1_000 }, max: WAIT_OR_NONE }

/**
 * Calls that failed are made again, after pauses with jitter and within a budget: in an outage repetitions are a share of the calls.
 * @throws {TypeError} when a number cannot be used
 *
 * @example
 * ```ts
 * import { retry } from 'dure/resilience'
 *
 * let calls = 0
 * const flaky = async (): Promise<string> => {
 *   if (++calls < 3) throw new Error('try again')
 *   return 'done'
 * }
 * console.log(await retry({ backoff: { first: 1, max: 2 } }).run(flaky), calls) // → done 3
 * ```
 */
export function retry(options: RetryOptions = {}): Guard {
  const { world = realWorld(), when = (error) => hostOutcomeOf(error) === 'failed' && refusedBy(error) === undefined } = options
  const { attempts } = completeNumbers<Numbers>('repeat calls', { attempts: 3 }, { attempts: options.attempts }, NUMBERS)
  const pauses = checkNumbers('repeat calls', options.backoff ?? { first: 50, max: 2_000 }, BACKOFF)
  const { clock, timers, random } = world
  const budget = createRetryBudget({ clock, ...(options.budget === undefined ? {} : { policy: options.budget }) })
  const wrap = (next: Step): Step => {
    const again = async (call: GuardedCall, tries: number, failure: unknown, done: Done): Promise<void> => {
      await timers.sleep(backoff(pauses, tries, random), call.options.signal)
      if (call.ended) done(false, failure)
      else attempt(call, clock.monotonic(), tries + 1, done)
    }
    const attempt = (call: GuardedCall, at: number, tries: number, done: Done): void =>
      next(call.again(at), (ok, result) => {
        if (ok || tries >= attempts || call.ended) return done(ok, result)
        let wanted = false
        try {
          wanted = when(result) && budget.take()
        } catch (error) {
          return done(false, error)
        }
        if (wanted) void again(call, tries, result, done)
        else done(false, result)
      })
    return (call, done) => {
      budget.called(call.at)
      if (call.options.repeatable === false) next(call, done)
      else attempt(call, call.at, 1, done)
    }
  }
  return guardOf([{ kind: 'retry', world, wrap }])
}
