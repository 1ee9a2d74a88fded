import { withoutPrivate } from '../contract/internal.ts'
import type { DeadlineEntry } from '../runtime/runtime.ts'
import { tellInstead } from '../telemetry/internal.ts'
import { isFault, type Callee } from './callee.ts'
import { Cancellation, type CancelListener, type CancelReason } from './cancellation.ts'
import type { CallContext } from './context.ts'
import { cancelledError } from './failure.ts'
import { beginServed, parentOfCall, placeOfCall, recordServed, TracedCall } from './tracing.ts'

/**
 * A call, stream or channel under way at its callee, in one object: its own end (what the handler's signal follows), its
 * node in the deadline wheel, and its ear for its caller's end.
 */
export abstract class Pending extends Cancellation implements DeadlineEntry, CancelListener {
  at = 0
  previous: DeadlineEntry | undefined = undefined
  following: DeadlineEntry | undefined = undefined
  protected readonly shared: Callee
  protected call: CallContext
  /** What came in, where some of it must not be told. */
  protected given: unknown = undefined
  /** Its caller has got the end. */
  protected settled = false

  constructor(shared: Callee, call: CallContext) {
    super()
    this.shared = shared
    this.call = call
  }

  abstract onCancel(reason: CancelReason): void

  /** Whether it was let in there. */
  isInside(admission: Callee['admission']): boolean {
    return this.shared.admission === admission
  }

  /** Lets it in, or says why not; `leave` must follow when it is in. */
  protected enter(): Error | undefined {
    const { shared } = this
    if (shared.tracer !== undefined && this.call.sampled === undefined)
      this.call = beginServed(shared.shape!, shared.tracer, this.call)
    const { call } = this
    if (call.deadline <= call.sentAt) return this.#refused(cancelledError(shared.place, 'deadline'))
    const refused = shared.barred?.(call.caller) ?? shared.refused?.(call.principal)
    if (refused !== undefined) return this.#refused(refused)
    const { admission, priority } = shared
    return admission.enter(priority) ? undefined : this.#refused(admission.refusal(priority))
  }

  /** From now on its deadline and its caller's end count, also one that has come already. */
  protected watch(): void {
    this.shared.deadlines.add(this, this.call.deadline)
    this.call.cancellation?.add(this)
  }

  protected leave(error: Error | undefined): void {
    const { shared, call } = this
    this.settled = true
    shared.deadlines.remove(this)
    call.cancellation?.remove(this)
    shared.admission.leave()
    const ms = shared.clock.monotonic() - call.sentAt
    shared.metrics?.record(ms, error, call.sampled === true ? call.traceparent : undefined)
    this.#tell(error && (this.#without(error) as Error), ms)
  }

  /** What its caller sees of what was thrown; the log is told of what is the service's own fault. */
  protected failureOf(thrown: unknown): Error {
    const { shared, call } = this
    const overdue = shared.clock.monotonic() >= call.deadline
    const error = shared.toFailure(thrown, this.reason, overdue)
    if (isFault(error, thrown)) {
      const told = this.#without(thrown)
      tellInstead(error, told)
      shared.onFault(shared.place, told, call)
    }
    return error
  }

  #refused(error: Error): Error {
    this.settled = true
    this.shared.metrics?.record(0, error)
    this.#tell(error, 0)
    return error
  }

  /** Ends its span, makes one of what was sampled or failed within this process, and has the rest recorded. */
  #tell(error: Error | undefined, ms: number): void {
    const { tracer, shape } = this.shared
    if (tracer === undefined || shape === undefined) return
    const { call } = this
    if (call instanceof TracedCall) call.span.end(error)
    else if (error !== undefined || call.sampled === true) recordServed(shape, tracer, call, error)
    else {
      const place = placeOfCall(call)
      if (place !== undefined) tracer.recorder.note(shape, place, parentOfCall(call), call.sentAt, ms)
    }
  }

  /** As it may be told of. */
  #without(thrown: unknown): unknown {
    const { hidden } = this.shared
    return hidden === undefined ? thrown : withoutPrivate(thrown, hidden(this.given))
  }

  /** The deadline has passed, or the service has waited long enough for its calls. */
  expire(): void {
    this.onCancel(this.shared.admission.expelling() ? 'stopping' : 'deadline')
  }
}
