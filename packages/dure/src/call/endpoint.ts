import { CallError, parserOf, type AnyOperation, type Issue, type Parsed, type Parser } from '../contract/contract.ts'
import type { Clock, DeadlineEntry, Deadlines } from '../runtime/runtime.ts'
import { Cancellation, type CancelListener, type CancelReason } from './cancellation.ts'
import type { CallContext } from './context.ts'
import { cancelledError, createFailureMapper } from './failure.ts'
import type { Gate } from './gate.ts'
import type { OperationMetrics } from './metrics.ts'
import { streamOf } from './streaming.ts'
import type { Route } from './transport.ts'

/**
 * The callee's half of a call, composed once per operation: admit, parse and isolate the input, run the
 * handler under its deadline, parse and isolate the output. Whatever carried the call here (the local
 * transport, a socket), everything from here on is the same.
 */
export type Endpoint = Route & { readonly operation: AnyOperation; readonly metrics: OperationMetrics }

export type EndpointOptions = {
  /** `orders.place`, for messages. */
  readonly place: string
  readonly operation: AnyOperation
  readonly handler: (input: unknown, context: unknown) => unknown
  /** Makes what the handler gets as its context; `cancellation` is this call's own end. */
  readonly context: (call: CallContext, cancellation: Cancellation) => unknown
  /** Stands around the handler when the call carries an idempotency key; `input` is what the caller sent. */
  readonly once?: ((input: unknown, call: CallContext, run: () => unknown) => unknown) | undefined
  readonly gate: Gate
  readonly clock: Clock
  readonly deadlines: Deadlines
  readonly metrics: OperationMetrics
  /** Told of failures that are the service's own fault, with what was thrown. */
  readonly onFault: (place: string, thrown: unknown, call: CallContext) => void
}

/** All that a pending call shares with others of its operation. */
export type EndpointShared = EndpointOptions & {
  readonly parseInput: Parser
  readonly parseOutput: Parser
  readonly toFailure: (thrown: unknown, cancelled: CancelReason | undefined) => Error
}

export function createEndpoint(options: EndpointOptions): Endpoint {
  const { operation, place } = options
  const shared: EndpointShared = {
    ...options,
    parseInput: parserOf(operation.input, 'input'),
    parseOutput: parserOf(operation.output, 'output'),
    toFailure: createFailureMapper(place, operation),
  }
  return {
    operation,
    metrics: options.metrics,
    call: (input, context) =>
      new Promise((resolve, reject) => {
        new PendingCall(shared, context, resolve, reject).start(input)
      }),
    stream: (input, context) => streamOf(shared, input, context),
  }
}

/**
 * One call under way, in one object: its own end (what the handler's signal follows), its node in the deadline
 * wheel, and its ear for its caller's end.
 */
class PendingCall extends Cancellation implements DeadlineEntry, CancelListener {
  at = 0
  previous: DeadlineEntry | undefined = undefined
  following: DeadlineEntry | undefined = undefined
  readonly #shared: EndpointShared
  readonly #call: CallContext
  readonly #resolve: (value: unknown) => void
  readonly #reject: (error: Error) => void
  #settled = false

  constructor(shared: EndpointShared, call: CallContext, resolve: (value: unknown) => void, reject: (error: Error) => void) {
    super()
    this.#shared = shared
    this.#call = call
    this.#resolve = resolve
    this.#reject = reject
  }

  start(input: unknown): void {
    const shared = this.#shared
    const call = this.#call
    if (call.deadline <= call.sentAt) return this.#refuse(cancelledError(shared.place, 'deadline'))
    if (!shared.gate.enter()) return this.#refuse(shared.gate.refusal())
    shared.deadlines.add(this, call.deadline)
    call.cancellation?.add(this)
    try {
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
        ? shared.once(input, call, () => shared.handler(parsed.value, context))
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
    if (parsed.ok) return this.#settle(undefined, parsed.value)
    const error = invalidOutput(this.#shared.place, parsed.issues)
    this.#shared.onFault(this.#shared.place, error, this.#call)
    this.#settle(error, undefined)
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
    const error = this.#shared.toFailure(thrown, this.reason)
    if (isFault(error, thrown)) this.#shared.onFault(this.#shared.place, thrown, this.#call)
    this.#settle(error, undefined)
  }

  #settle(error: Error | undefined, value: unknown): void {
    if (this.#settled) return
    this.#settled = true
    const shared = this.#shared
    const call = this.#call
    shared.deadlines.remove(this)
    call.cancellation?.remove(this)
    shared.gate.leave()
    shared.metrics.record(shared.clock.monotonic() - call.sentAt, error)
    if (error === undefined) this.#resolve(value)
    else this.#reject(error)
  }

  #refuse(error: Error): void {
    this.#settled = true
    this.#shared.metrics.record(0, error)
    this.#reject(error)
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

export function invalidInput(place: string, issues: readonly Issue[]): CallError {
  return new CallError(
    'INVALID_ARGUMENT',
    `Call to ${place} was refused: its input does not match the contract (${inWords(issues)})`,
    {
      details: { issues },
    },
  )
}

export function invalidOutput(place: string, issues: readonly Issue[]): CallError {
  return new CallError(
    'INTERNAL',
    `Call to ${place} failed: the handler's answer does not match the contract (${inWords(issues)})`,
  )
}

function inWords(issues: readonly Issue[]): string {
  const shown = issues.slice(0, 3).map(({ path, message }) => (path.length === 0 ? message : `${path.join('.')}: ${message}`))
  return issues.length > 3 ? `${shown.join('; ')}; and ${issues.length - 3} more` : shown.join('; ')
}

/** Whether the service itself is to blame: such failures are logged with what was thrown. */
export function isFault(error: Error, thrown: unknown): boolean {
  return error instanceof CallError && (error.code === 'INTERNAL' || error.code === 'UNKNOWN') && error !== thrown
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}
