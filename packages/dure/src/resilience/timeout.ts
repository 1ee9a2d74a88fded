import { CallError } from '../contract/contract.ts'
import type { DeadlineEntry } from '../runtime/runtime.ts'
import { checkNumbers, WAIT } from '../runtime/internal.ts'
import { guardOf, realWorld, type Done, type Guard, type GuardedCall, type PolicyWorld, type Step } from './guard.ts'
import { markRefused } from './refusal.ts'
import { sharedDeadlines, type SharedDeadlines } from './shared-deadlines.ts'

export type TimeoutOptions = {
  /** Milliseconds a call has. */
  readonly ms: number
  /** What is called, for messages. */
  readonly name?: string
  readonly world?: PolicyWorld
}

/**
 * A time limit: its caller hears DEADLINE_EXCEEDED, at most 10 ms late, and the function's signal aborts. A call whose time has passed
 * while it waited for a place has been refused: that says nothing of whoever was to be called.
 * @throws {TypeError} when `ms` is no such number
 *
 * @example
 * ```ts
 * import { timeout } from 'dure/resilience'
 *
 * const quick = timeout({ ms: 20, name: 'the printer' })
 * const never = (signal: AbortSignal) => new Promise<void>(() => signal.addEventListener('abort', () => console.log('told')))
 * await quick.run(({ signal }) => never(signal)).catch((error: Error) => console.log(error.message))
 * // → told
 * // → Call of "the printer" was not answered within 20 ms
 * ```
 */
export function timeout(options: TimeoutOptions): Guard {
  const { ms, name = 'a function', world = realWorld() } = checkNumbers('limit the time of calls', options, { ms: WAIT })
  const deadlines = sharedDeadlines(world)
  const wrap =
    (next: Step): Step =>
    (call, done) => {
      const timed = new TimedCall(call, name, ms, deadlines, done)
      deadlines.add(timed, call.at + ms)
      next(call, (ok, result) => timed.end(ok, result))
    }
  return guardOf([{ kind: 'timeout', world, wrap }])
}

class TimedCall implements DeadlineEntry {
  at = 0
  previous: DeadlineEntry | undefined = undefined
  following: DeadlineEntry | undefined = undefined
  readonly #call: GuardedCall
  readonly #name: string
  readonly #ms: number
  readonly #deadlines: SharedDeadlines
  readonly #done: Done
  #over = false

  constructor(call: GuardedCall, name: string, ms: number, deadlines: SharedDeadlines, done: Done) {
    this.#call = call
    this.#name = name
    this.#ms = ms
    this.#deadlines = deadlines
    this.#done = done
  }

  end(ok: boolean, result: unknown): void {
    if (this.#over) return
    this.#over = true
    this.#deadlines.remove(this)
    this.#done(ok, result)
  }

  expire(): void {
    if (this.#over) return
    const { begun } = this.#call
    const where = begun ? '' : ', all of which it waited for a place'
    const words = `Call of "${this.#name}" was not answered within ${this.#ms} ms${where}`
    const late = new CallError('DEADLINE_EXCEEDED', words, { inside: true })
    const error = begun ? late : markRefused('bulkhead', late)
    // The caller hears first; then the function is told to stop, whatever it makes of that.
    this.end(false, error)
    this.#call.end(error)
  }
}
