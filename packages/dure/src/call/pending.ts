import type { Parsed } from '../contract/internal.ts'
import type { DeadlineEntry } from '../runtime/runtime.ts'
import { invalidInput, invalidOutput, isFault, type Callee } from './callee.ts'
import { Cancellation, type CancelListener, type CancelReason } from './cancellation.ts'
import type { CallContext } from './context.ts'
import type { ActiveSpan } from '../telemetry/internal.ts'
import { cancelledError } from './failure.ts'
import { beginServed, recordServed, sampledBy, TracedCall } from './tracing.ts'

/**
 * One call under way, in one object: its own end (what the handler's signal follows), its node in the deadline
 * wheel, and its ear for its caller's end.
 */
export class PendingCall extends Cancellation implements DeadlineEntry, CancelListener {
  at = 0
  previous: DeadlineEntry | undefined = undefined
  following: DeadlineEntry | undefined = undefined
  readonly #shared: Callee
  #call: CallContext
  #span: ActiveSpan | undefined = undefined
  readonly #resolve: (value: unknown) => void
  readonly #reject: (error: Error) => void
  #settled = false

  constructor(shared: Callee, call: CallContext, resolve: (value: unknown) => void, reject: (error: Error) => void) {
    super()
    this.#shared = shared
    this.#call = call
    this.#resolve = resolve
    this.#reject = reject
  }

  start(input: unknown): void {
    const shared = this.#shared
    if (shared.tracer !== undefined && this.#call.sampled === undefined && sampledBy(this.#call)) {
      this.#span = beginServed(shared, shared.tracer, this.#call)
      this.#call = new TracedCall(this.#call, this.#span)
    }
    const call = this.#call
    if (call.deadline <= call.sentAt) return this.#refuse(cancelledError(shared.place, 'deadline'))
    const refused = shared.refused?.(call.principal)
    if (refused !== undefined) return this.#refuse(refused)
    if (!shared.gate.enter()) return this.#refuse(shared.gate.refusal())
    try {
      shared.deadlines.add(this, call.deadline)
      call.cancellation?.add(this)
      const parsed = shared.parseInput(input)
      if (parsed instanceof Promise) this.#when(parsed, (value) => this.#run(value as Parsed, input))
      else this.#run(parsed, input)
    } catch (thrown) {
      this.#fail(thrown)
    }
  }

  #run(parsed: Parsed, input: unknown): void {
    const shared = this.#shared
    // The deadline may have passed while an asynchronous schema was parsing: nothing starts then.
    if (this.#settled) return
    if (!parsed.ok) return this.#settle(invalidInput(shared.place, parsed.issues), undefined)
    const call = this.#call
    const context = shared.context(call, this)
    const result =
      call.idempotencyKey !== undefined && shared.once !== undefined
        ? shared.once(input, call, this, () => shared.handler(parsed.value, context))
        : shared.handler(parsed.value, context)
    if (isThenable(result)) {
      result.then(
        (value) => this.#answered(value),
        (thrown: unknown) => this.#fail(thrown),
      )
    } else this.#answer(result)
  }

  #answered(result: unknown): void {
    try {
      this.#answer(result)
    } catch (thrown) {
      this.#fail(thrown)
    }
  }

  #answer(result: unknown): void {
    if (this.#settled) return
    const parsed = this.#shared.parseOutput(result)
    if (parsed instanceof Promise) this.#when(parsed, (value) => this.#deliver(value as Parsed))
    else this.#deliver(parsed)
  }

  #deliver(parsed: Parsed): void {
    if (parsed.ok) return this.#end(undefined, parsed.value)
    const error = invalidOutput(this.#shared.place, parsed.issues)
    this.#shared.onFault(this.#shared.place, error, this.#call)
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
    if (this.#settled) return
    const overdue = this.#shared.clock.monotonic() >= this.#call.deadline
    const error = this.#shared.toFailure(thrown, this.reason, overdue)
    if (isFault(error, thrown)) this.#shared.onFault(this.#shared.place, thrown, this.#call)
    this.#end(error, undefined)
  }

  /** By its handler, not from outside. */
  #end(error: Error | undefined, value: unknown): void {
    this.#settle(error, value)
    this.over()
  }

  #settle(error: Error | undefined, value: unknown): void {
    if (this.#settled) return
    this.#settled = true
    const shared = this.#shared
    const call = this.#call
    shared.deadlines.remove(this)
    call.cancellation?.remove(this)
    shared.gate.leave()
    shared.metrics?.record(shared.clock.monotonic() - call.sentAt, error)
    this.#tell(error)
    if (error === undefined) this.#resolve(value)
    else this.#reject(error)
  }

  #refuse(error: Error): void {
    this.#settled = true
    this.#shared.metrics?.record(0, error)
    this.#tell(error)
    this.#reject(error)
  }

  /** Ends the span of a sampled call, and makes one of a call that was not and failed. */
  #tell(error: Error | undefined): void {
    const { tracer } = this.#shared
    if (tracer === undefined) return
    if (this.#span !== undefined) this.#span.end(error)
    else if (error !== undefined || this.#call.sampled === true) recordServed(this.#shared, tracer, this.#call, error)
  }

  /** The deadline has passed, or the service has waited long enough for its calls. */
  expire(): void {
    this.onCancel(this.#shared.gate.expelling() ? 'stopping' : 'deadline')
  }

  onCancel(reason: CancelReason): void {
    if (this.#settled) return
    // The caller hears first; then the handler is told to stop, whatever it makes of that.
    this.#settle(cancelledError(this.#shared.place, reason), undefined)
    this.cancel(reason)
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}
