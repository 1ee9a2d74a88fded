import { checkNumbers, COUNT } from '../runtime/internal.ts'
import { finish, guardOf, GuardedCall, keyMissing, type Done, type Guard, type Step } from './guard.ts'

export type CollapseOptions = {
  /** Keys under way at once for which calls are collapsed; further ones are made each by itself. Default 10,000. */
  readonly keys?: number
  /** Makes the answer of all but the first to ask, so that nobody sees what another does with it. Default: all get the same value. */
  readonly copy?: (value: unknown) => unknown
}

/**
 * Calls of one `key` that are under way at once are one call, whose answer, or failure, all get (request collapsing, single flight). It ends
 * when the last one of its callers has given up.
 * @throws {TypeError} when a number cannot be used; when called, when the call has no key
 *
 * @example
 * ```ts
 * import { collapse } from 'dure/resilience'
 *
 * let calls = 0
 * const load = collapse().around(async (id: string) => `${id} ${++calls}`, { key: (id) => id })
 * console.log(await Promise.all([load('a'), load('a'), load('b')])) // → [ 'a 1', 'a 1', 'b 2' ]
 * ```
 */
export function collapse(options: CollapseOptions = {}): Guard {
  const { keys = 10_000, copy } = options
  checkNumbers('collapse calls', { keys }, { keys: COUNT })
  const wrap = (next: Step): Step => {
    const open = new Map<string, Flight>()
    return (call, done) => {
      const { key, signal } = call.options
      if (key === undefined) return done(false, keyMissing('collapse'))
      const there = open.get(key)
      if (there !== undefined) return there.join(call, done)
      if (open.size >= keys) return next(call, done)
      // Of nobody in particular: whoever asked first may be the first to leave. Who cannot leave may as well be the one.
      const shared =
        signal === undefined && call.options.ends === undefined
          ? call
          : new GuardedCall(call.work, { ...call.options, signal: undefined, ends: undefined }, call.at, undefined)
      const flight = new Flight(shared, copy, (one) => {
        if (open.get(key) === one) open.delete(key)
      })
      open.set(key, flight)
      flight.join(call, done)
      next(flight.shared, (ok, result) => flight.end(ok, result))
    }
  }
  return guardOf([{ kind: 'collapse', world: undefined, wrap }])
}

type Passenger = { readonly call: GuardedCall; readonly done: Done; readonly leave: (() => void) | undefined }

/** One call for all that asked for the same while it was under way. */
class Flight {
  readonly shared: GuardedCall
  readonly #copy: ((value: unknown) => unknown) | undefined
  readonly #over: (flight: Flight) => void
  /** Nearly every call has one caller: a list is made for the second. */
  #first: Passenger | undefined = undefined
  #others: Passenger[] | undefined = undefined
  #waiting = 0

  constructor(shared: GuardedCall, copy: ((value: unknown) => unknown) | undefined, over: (flight: Flight) => void) {
    this.shared = shared
    this.#copy = copy
    this.#over = over
  }

  join(call: GuardedCall, done: Done): void {
    const { signal } = call.options
    this.#waiting++
    const leave = signal === undefined ? undefined : (): void => this.#leave(signal)
    signal?.addEventListener('abort', leave!, { once: true })
    const passenger = { call, done, leave }
    if (this.#first === undefined) this.#first = passenger
    else (this.#others ??= []).push(passenger)
  }

  /** Its own signal has told that caller already. */
  #leave(signal: AbortSignal): void {
    if (--this.#waiting > 0) return
    this.#over(this)
    this.shared.end(signal.reason)
  }

  end(ok: boolean, result: unknown): void {
    this.#over(this)
    this.#tell(this.#first!, ok, result, undefined)
    if (this.#others !== undefined) for (const other of this.#others) this.#tell(other, ok, result, this.#copy)
  }

  #tell({ call, done, leave }: Passenger, ok: boolean, result: unknown, copy: ((value: unknown) => unknown) | undefined): void {
    if (leave !== undefined) call.options.signal?.removeEventListener('abort', leave)
    const { from } = this.shared
    if (from !== 'callee') call.answeredBy(from)
    if (ok && copy !== undefined) finish(done, () => copy(result))
    else done(ok, result)
  }
}
