import type { AnyOperation, Metadata, Principal } from '../contract/contract.ts'
import type { AnsweredBy } from '../resilience/resilience.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { Attributes } from '../telemetry/telemetry.ts'
import { isSampled, traceparentOf, type ActiveSpan, type SpanPlace, type Tracer, type TraceWords } from '../telemetry/internal.ts'
import type { Cancellation } from './cancellation.ts'
import type { CallContext, CallOptions } from './context.ts'
import { placeOfCall } from './tracing.ts'
import type { Route } from './transport.ts'

/** The idempotency key of one command that is called with none. */
export type CallKeys = (operation: AnyOperation, place: string, input: unknown) => string

/** Where calls come from: the service and, inside a handler, the call that leads to them. */
export type Caller = {
  /** The calling service; undefined at the door. */
  readonly service: string | undefined
  /** The call under way: its deadline bounds, its end ends, its correlation continues. */
  readonly parent?: (CallContext & { readonly cancellation: Cancellation | undefined }) | undefined
  /** Without a parent: on whose behalf, as a door has found out. */
  readonly principal?: Principal | undefined
  readonly metadata?: Metadata | undefined
  /** Without a parent: the span that a door has begun, of which the call is a part. */
  readonly span?: ActiveSpan | undefined
  /** Without a parent: its own end, as the door knows of it. */
  readonly cancellation?: Cancellation | undefined
  /** Whoever calls may be run again: its commands carry keys. */
  readonly keys?: CallKeys | undefined
}

/** What all calls of one operation by one caller share. */
export type Way = {
  readonly place: string
  readonly operation: AnyOperation
  readonly route: Route
  readonly runtime: Runtime
  readonly tracer: Tracer | undefined
  readonly attributes: Attributes
}

export function outgoing(way: Way, caller: Caller, options: CallOptions | undefined): OutgoingCall {
  const now = way.runtime.clock.monotonic()
  const own = now + (options?.timeout ?? way.operation.deadline)
  const parent = caller.parent
  const deadline = parent === undefined || own < parent.deadline ? own : parent.deadline
  return new OutgoingCall(way, now, deadline, caller, options)
}

/** The context of one call. Its ids are made only when somebody reads them. */
export class OutgoingCall implements CallContext {
  /** Its place in its trace; undefined where nothing is traced. */
  readonly trace: TraceWords | undefined
  readonly low: number
  readonly sentAt: number
  readonly deadline: number
  cancellation: Cancellation | undefined
  readonly causationId: string | undefined
  readonly caller: string | undefined
  readonly idempotencyKey: string | undefined
  readonly principal: Principal | undefined
  readonly metadata: Metadata | undefined
  sampled: boolean | undefined
  /** Told by policies on the way, when somebody else than the callee has answered. */
  answeredBy: AnsweredBy = 'callee'
  readonly #way: Way
  readonly #parent: CallContext | undefined
  readonly #span: ActiveSpan | undefined
  readonly #options: CallOptions | undefined
  #correlationId: string | undefined = undefined
  #traceparent: string | undefined = undefined

  constructor(way: Way, now: number, deadline: number, caller: Caller, options: CallOptions | undefined) {
    const { parent, span } = caller
    const { tracer } = way
    this.sentAt = now
    this.deadline = deadline
    this.cancellation = parent === undefined ? caller.cancellation : parent.cancellation
    this.causationId = parent?.causationId
    this.caller = caller.service
    this.idempotencyKey = options?.idempotencyKey
    // Who calls from inside calls on behalf of whoever it was called for.
    const origin = parent ?? caller
    this.principal = origin.principal
    this.metadata = origin.metadata
    if (span === undefined) {
      this.sampled = tracer === undefined ? undefined : decide(options?.traceparent, parent, tracer, now)
      const before = options?.traceparent === undefined ? parent && placeOfCall(parent) : undefined
      this.trace = before?.trace ?? tracer?.traceOf(options?.traceparent ?? parent?.traceparent)
    } else {
      this.sampled = span.place === undefined
      this.trace = span.place?.trace ?? tracer?.traceOf(span.traceparent)
    }
    this.low = tracer === undefined ? 0 : tracer.next()
    this.#way = way
    this.#parent = parent
    this.#span = span
    this.#options = options
  }

  get correlationId(): string {
    return (this.#correlationId ??= this.#options?.correlationId ?? this.#parent?.correlationId ?? this.#way.runtime.ids.next())
  }

  /** The trace context that this call is a child of. */
  get parentTrace(): string | undefined {
    return this.#span?.traceparent ?? this.#options?.traceparent ?? this.#parent?.traceparent
  }

  get tracestate(): string | undefined {
    return this.#options?.tracestate ?? this.#parent?.tracestate
  }

  get traceparent(): string | undefined {
    const { tracer } = this.#way
    if (tracer === undefined) return this.parentTrace
    return (this.#traceparent ??= traceparentOf(this as SpanPlace, this.sampled === true))
  }

  get high(): number {
    return this.#way.tracer?.high ?? 0
  }

  get spanPlace(): SpanPlace | undefined {
    return this.trace === undefined ? undefined : (this as SpanPlace)
  }

  get spanParent(): SpanPlace | string | undefined {
    const parent = this.#parent
    if (this.#span !== undefined) return this.#span.place ?? this.#span.traceparent
    return this.#options?.traceparent ?? (parent && (placeOfCall(parent) ?? parent.traceparent))
  }

  /** It goes to another process, which makes a span of its own: what travels is all that process knows. */
  leave(): void {
    this.#traceparent = this.traceparent
    this.sampled = undefined
  }
}

/** Once, where the trace begins; everything after does as it was decided there. */
function decide(given: string | undefined, parent: CallContext | undefined, tracer: Tracer, now: number): boolean {
  if (given !== undefined) return isSampled(given)
  if (parent === undefined) return tracer.sample(now)
  if (parent.sampled !== undefined) return parent.sampled
  return parent.traceparent === undefined ? tracer.sample(now) : isSampled(parent.traceparent)
}
