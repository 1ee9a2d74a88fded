import type { Parsed } from '../contract/internal.ts'
import { EndedElsewhere, invalidInput, invalidOutput, type Callee } from './callee.ts'
import type { CancelReason } from './cancellation.ts'
import type { CallContext } from './context.ts'
import { cancelledError } from './failure.ts'
import { Pending } from './pending.ts'
import type { Settle } from './transport.ts'

/** One call under way. */
export class PendingCall extends Pending {
  readonly #to: Settle

  constructor(shared: Callee, call: CallContext, to: Settle) {
    super(shared, call)
    this.#to = to
  }

  start(input: unknown): void {
    const refused = this.enter()
    if (refused !== undefined) return this.#to.reject(refused)
    if (this.shared.hidden !== undefined) this.given = input
    try {
      this.watch()
      const parsed = this.shared.parseInput(input)
      if (parsed instanceof Promise) this.#when(parsed, (value) => this.#run(value as Parsed, input))
      else this.#run(parsed, input)
    } catch (thrown) {
      this.#fail(thrown)
    }
  }

  #run(parsed: Parsed, input: unknown): void {
    const { shared, call } = this
    // The deadline may have passed while an asynchronous schema was parsing: nothing starts then.
    if (this.settled) return
    if (!parsed.ok) return this.#settle(invalidInput(shared.place, parsed.issues), undefined)
    const denied = shared.denied?.(call.principal, parsed.value)
    if (denied !== undefined) return this.#settle(denied, undefined)
    const result =
      shared.keyed === undefined
        ? this.#handled(parsed.value, input)
        : shared.keyed({ input, parsed: parsed.value, call, own: this }, () => this.#handled(parsed.value, input))
    if (isThenable(result)) {
      result.then(
        (value) => this.#answered(value),
        (thrown: unknown) => this.#fail(thrown),
      )
    } else this.#answer(result)
  }

  #handled(value: unknown, input: unknown): unknown {
    const { shared, call } = this
    const context = shared.context(call, this)
    if (call.idempotencyKey === undefined || shared.once === undefined) return shared.handler(value, context)
    return shared.once(input, call, this, () => shared.handler(value, context))
  }

  #answered(result: unknown): void {
    try {
      this.#answer(result)
    } catch (thrown) {
      this.#fail(thrown)
    }
  }

  #answer(result: unknown): void {
    if (this.settled) return
    if (result instanceof EndedElsewhere) return this.#end(result.error, result.value)
    const parsed = this.shared.parseOutput(result)
    if (parsed instanceof Promise) this.#when(parsed, (value) => this.#deliver(value as Parsed))
    else this.#deliver(parsed)
  }

  #deliver(parsed: Parsed): void {
    if (parsed.ok) return this.#end(undefined, parsed.value)
    const error = invalidOutput(this.shared.place, parsed.issues)
    this.shared.onFault(this.shared.place, error, this.call)
    this.#end(error, undefined)
  }

  /** Goes on when `work` is done; whatever is thrown on the way is this call's failure. */
  #when(work: PromiseLike<unknown>, next: (value: unknown) => void): void {
    const fail = (thrown: unknown): void => this.#fail(thrown)
    work.then((value) => {
      try {
        next(value)
      } catch (thrown) {
        this.#fail(thrown)
      }
    }, fail)
  }

  #fail(thrown: unknown): void {
    if (!this.settled) this.#end(this.failureOf(thrown), undefined)
  }

  /** By its handler, not from outside. */
  #end(error: Error | undefined, value: unknown): void {
    this.#settle(error, value)
    this.over()
  }

  #settle(error: Error | undefined, value: unknown): void {
    if (this.settled) return
    this.leave(error)
    if (error === undefined) this.#to.resolve(value)
    else this.#to.reject(error)
  }

  onCancel(reason: CancelReason): void {
    if (this.settled) return
    // The caller hears first; then the handler is told to stop, whatever it makes of that.
    this.#settle(cancelledError(this.shared.place, reason), undefined)
    this.cancel(reason)
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}
