import { CallError } from '../contract/contract.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { Host } from './hosts.ts'
import type { Limits } from './options.ts'
import { CALLERS_OWN, type Call, type Calls, type Outcome, type Settled } from './outcome.ts'

/** Milliseconds a try must have had for its missed deadline to speak against the host, where tries have as much. */
const STALL_AFTER = 100

/** One try: what it came to, what that says, and a way to let go of the answer. */
export type Tried<R> = {
  readonly settled: Settled<R>
  readonly outcome: Outcome
  readonly stalled?: boolean
  readonly drop: () => void
}

export type Attempt = { readonly deadline: number; readonly tries: number; readonly probe: boolean }

/** Prepares the tries of one function: each has a place at its host already, gives it back, and tells how the host did. */
export function attempts<A extends readonly unknown[], R>(options: {
  work: (...args: A) => Promise<R>
  runtime: Pick<Runtime, 'clock' | 'timers'>
  limits: Limits
  calls: Calls<A, R>
}): (host: Host, call: Call<A>, attempt: Attempt) => Promise<Tried<R>> {
  const { work, limits, calls } = options
  const { clock, timers } = options.runtime
  /** What is left of a call after tries and pauses may be too little for any host: that says nothing of this one. */
  const speaks = Math.min(STALL_AFTER, limits.tryTimeout ?? limits.timeout)

  const note = ({ health, count }: Host, { outcome, stalled }: Omit<Tried<R>, 'drop'>, probe: boolean): void => {
    if (outcome.host === 'failed') count.failures++
    if (probe) health.probed(outcome.host)
    else if (outcome.host === 'failed') (stalled === true ? health.stalled : health.failed)()
    else if (outcome.host === 'answered') health.succeeded()
  }

  /** The application's own word on an error may be one as well. */
  const judge = (settled: Settled<R>): Omit<Tried<R>, 'drop'> => {
    try {
      return { settled, outcome: calls.judge(settled) }
    } catch (error) {
      return { settled: { error }, outcome: CALLERS_OWN }
    }
  }

  return (host: Host, call: Call<A>, { deadline, tries, probe }: Attempt): Promise<Tried<R>> =>
    new Promise((resolve) => {
      const { signal } = call
      const controller = new AbortController()
      const left = deadline - clock.monotonic()
      const given = Math.min(left, limits.tryTimeout ?? left)
      const late = (ms: number): CallError =>
        new CallError(
          'DEADLINE_EXCEEDED',
          `${call.place} was not answered within ${Math.round(ms)} ms, in try ${tries} of at most ${limits.attempts}`,
          { inside: true },
        )
      const end = (tried: Omit<Tried<R>, 'drop'>): void => {
        timer.cancel()
        signal?.removeEventListener('abort', abort)
        // Before the place goes to the next one, who may have to be told that the host is out.
        note(host, tried, probe)
        resolve({ ...tried, drop: () => controller.abort() })
      }
      const stop = (error: unknown, outcome: Outcome, stalled: boolean): void => {
        end({ settled: { error }, outcome, stalled })
        controller.abort(error)
      }
      const abort = (): void => stop(signal!.reason, CALLERS_OWN, false)
      const timer = timers.after(
        given,
        () =>
          stop(
            late(given),
            given < speaks ? CALLERS_OWN : { host: 'failed', again: given < left ? 'if repeatable' : 'never' },
            true,
          ),
        'waited',
      )
      signal?.addEventListener('abort', abort, { once: true })
      const settle = (settled: Settled<R>): void => {
        const isOver = controller.signal.aborted
        const judged = judge(settled)
        if (!isOver) end(judged)
        host.bulkhead.leave()
        if (isOver || !('value' in judged.settled)) return
        const tooLate = calls.reading?.(judged.settled.value, controller, () => late(limits.timeout))
        if (tooLate !== undefined) timers.after(deadline - clock.monotonic(), tooLate)
      }
      begin(() => work(...call.withSignal(controller.signal))).then(
        (value) => settle({ value }),
        (error: unknown) => settle({ error }),
      )
    })
}

/** A function that throws before it has made its promise has failed as well. */
async function begin<R>(work: () => Promise<R>): Promise<R> {
  return work()
}
