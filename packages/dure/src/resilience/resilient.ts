import { CallError } from '../contract/contract.ts'
import { realRuntime, type Runtime } from '../runtime/runtime.ts'
import {
  backoff,
  checkNumbers,
  completeNumbers,
  COUNT,
  COUNT_OR_NONE,
  isPlatformFetch,
  WAIT,
  WAIT_OR_NONE,
  type BackoffPolicy,
  type Ranges,
} from '../runtime/internal.ts'
import { attempts, type Tried } from './attempt.ts'
import { createHosts, type Host, type Hosts } from './hosts.ts'
import { httpCalls } from './http-calls.ts'
import { functionCalls, type Call, type Calls, type Settled } from './outcome.ts'
import type { FunctionResilienceOptions, HttpResilienceOptions, Limits, Resilient, ResilientOptions } from './options.ts'

const DEFAULTS: Limits = { timeout: 10_000, attempts: 3, concurrency: 100, queue: 100 }
const NUMBERS: Ranges<Limits> = {
  timeout: WAIT,
  tryTimeout: WAIT,
  attempts: COUNT,
  // The bulkhead checks these by itself; it is made at the first call, and a mistake is told here.
  concurrency: COUNT,
  queue: COUNT_OR_NONE,
}
const BACKOFF: Ranges<BackoffPolicy> = { first: WAIT_OR_NONE, factor: { least: 1, most: 1_000 }, max: WAIT_OR_NONE }

/**
 * Any asynchronous function, called with a deadline, repeated within a budget where that is safe, in bounded numbers, and
 * not at all while its host is out. For an application of any kind: nothing has to be started or stopped, and nothing is
 * left behind that keeps a process alive.
 *
 * `resilient(fetch)` keeps fetch's signature. Answers 429, 502, 503 and 504, and requests without an answer, are repeated; the
 * last `Response` is given to the caller whatever its status. The caller's own signal rejects with its own reason.
 * @throws {CallError} when called: DEADLINE_EXCEEDED; RESOURCE_EXHAUSTED, as too many are under way; UNAVAILABLE, as the host
 * is left out or, of `fetch`, did not answer. What another function throws is thrown as it is.
 * @throws {TypeError} when a number of the options cannot be used
 *
 * @example
 * ```ts
 * import { resilient } from 'dure/resilience'
 *
 * let calls = 0
 * const getRate = async (currency: string): Promise<number> => {
 *   if (++calls < 3) throw new Error('try again')
 *   return currency === 'EUR' ? 1.1 : 1
 * }
 * const rate = resilient(getRate, { timeout: 1_000, repeatable: () => true })
 * console.log(await rate('EUR'), calls) // → 1.1 3
 *
 * // export const get = resilient(fetch, { timeout: 2_000, concurrency: 20 })
 * ```
 */
export function resilient<F extends (...args: never[]) => Promise<unknown>>(work: F, options?: ResilientOptions<F>): Resilient<F>
export function resilient<A extends readonly unknown[], R>(
  work: (...args: A) => Promise<R>,
  options: FunctionResilienceOptions<A> & { readonly http?: boolean } = {},
): Resilient<(...args: A) => Promise<R>> {
  const { runtime = realRuntime(), budget, ejection } = options
  const { timeout, tryTimeout, attempts, concurrency, queue } = options
  const limits = completeNumbers('make it resilient', DEFAULTS, { timeout, tryTimeout, attempts, concurrency, queue }, NUMBERS)
  const pauses = checkNumbers('make it resilient', options.backoff ?? { first: 50, max: 2_000 }, BACKOFF)
  const calls =
    (options.http ?? isPlatformFetch(work))
      ? (httpCalls((options as HttpResilienceOptions).repeatable, runtime.clock) as unknown as Calls<A, R>)
      : functionCalls(options, work.name)
  const hosts = createHosts({ runtime, budget, ejection, concurrency: limits.concurrency, queue: limits.queue })
  return Object.assign(resilience({ work, runtime, limits, pauses, calls, hosts }), { state: hosts.state })
}

function resilience<A extends readonly unknown[], R>(options: {
  work: (...args: A) => Promise<R>
  runtime: Pick<Runtime, 'clock' | 'timers' | 'random'>
  limits: Limits
  pauses: BackoffPolicy
  calls: Calls<A, R>
  hosts: Hosts
}): (...args: A) => Promise<R> {
  const { work, limits, pauses, calls, hosts } = options
  const { clock, timers, random } = options.runtime

  /** A place at the host, and whether the host is on probation; or why there is none. */
  const admit = async (host: Host, call: Call<A>, deadline: number): Promise<{ probe: boolean } | { refused: unknown }> => {
    const { bulkhead, health } = host
    if (call.signal?.aborted === true) return { refused: call.signal.reason }
    if (health.state() !== 'in' && health.nextProbe() > clock.monotonic())
      return { refused: leftOut(call, health.nextProbe() - clock.monotonic()) }
    const admission = await bulkhead.wait(deadline, call.signal)
    if (admission === 'ended') return { refused: call.signal!.reason }
    if (admission !== 'entered' && admission !== 'moved') return { refused: bulkhead.refusal(admission) }
    if (admission === 'entered') {
      if (health.state() === 'in') return { probe: false }
      if (health.probe()) return { probe: true }
      bulkhead.leave()
    }
    return { refused: leftOut(call, health.nextProbe() - clock.monotonic()) }
  }

  const attempt = attempts(options)
  const untilSettled = async (host: Host, call: Call<A>): Promise<Settled<R>> => {
    const began = clock.monotonic()
    const deadline = began + limits.timeout
    host.budget.called(began)
    let before: Tried<R> | undefined
    for (let tries = 1; ; tries++) {
      const admitted = await admit(host, call, deadline)
      if ('refused' in admitted) {
        const isEnded = call.signal?.aborted === true
        if (!isEnded) host.count.refusals++
        // What came before is what the caller is told: it knows more than that there was no other try.
        if (!isEnded && before !== undefined) return before.settled
        before?.drop()
        throw admitted.refused
      }
      before?.drop()
      host.count.tries++
      before = await attempt(host, call, { deadline, tries, probe: admitted.probe })
      const { again, after = 0 } = before.outcome
      if (tries >= limits.attempts || !call.lasting) return before.settled
      if (again === 'never' || (again === 'if repeatable' && !call.repeatable)) return before.settled
      const pause = Math.max(backoff(pauses, tries, random), after)
      if (clock.monotonic() + pause >= deadline || !host.budget.take()) return before.settled
      await timers.sleep(pause, call.signal)
    }
  }

  return async (...args) => {
    const call = calls.open(args)
    if (call === undefined) return work(...args)
    call.signal?.throwIfAborted()
    const host = hosts.enter(call.host, call.place)
    try {
      const settled = await untilSettled(host, call)
      if ('value' in settled) return settled.value
      throw call.signal?.aborted === true && settled.error === call.signal.reason
        ? settled.error
        : calls.explain(settled.error, call)
    } finally {
      hosts.leave(host)
    }
  }
}

function leftOut({ place }: Call<readonly unknown[]>, ms: number): CallError {
  const when = Number.isFinite(ms) ? `one is let through in ${Math.max(1, Math.ceil(ms))} ms` : 'one is under way'
  return new CallError(
    'UNAVAILABLE',
    `${place} was not made: others failed in a row, and ${when} to find out whether it is back`,
    {
      inside: true,
    },
  )
}
