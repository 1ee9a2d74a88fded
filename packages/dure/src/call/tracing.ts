import type { Metadata, Principal } from '../contract/contract.ts'
import { type Attributes } from '../telemetry/telemetry.ts'
import { isSampled, type ActiveSpan, type SpanPlace, type SpanShape, type Tracer } from '../telemetry/internal.ts'
import type { Cancellation } from './cancellation.ts'
import type { CallContext } from './context.ts'

/** Its place in its trace in numbers, for those calls that have it without building a text; and that of which it is a child. */
type Placed = { readonly spanPlace?: SpanPlace | undefined; readonly spanParent?: SpanPlace | string | undefined }

export function placeOfCall(call: CallContext): SpanPlace | undefined {
  return (call as Placed).spanPlace
}

export function parentOfCall(call: CallContext): SpanPlace | string | undefined {
  return (call as Placed).spanParent
}

/** What spans of a call say, in OpenTelemetry's words; made once per operation. */
export function rpcAttributes(place: string): Attributes {
  const dot = place.indexOf('.')
  return { 'rpc.system': 'dure', 'rpc.service': place.slice(0, dot), 'rpc.method': place.slice(dot + 1) }
}

/** Whether spans are made of a call: as was decided where its trace began, which is here when nothing has led to it. */
export function sampledBy(call: CallContext, tracer: Tracer): boolean {
  return call.sampled ?? (call.traceparent === undefined ? tracer.sample() : isSampled(call.traceparent))
}

/** A call from another process as its handler sees it: whatever follows from it is a child of the callee's span. */
export class TracedCall implements CallContext {
  readonly sentAt: number
  readonly deadline: number
  readonly cancellation: Cancellation | undefined
  readonly causationId: string | undefined
  readonly tracestate: string | undefined
  readonly sampled: boolean
  readonly caller: string | undefined
  readonly idempotencyKey: string | undefined
  readonly principal: Principal | undefined
  readonly metadata: Metadata | undefined
  readonly span: ActiveSpan
  readonly #call: CallContext

  constructor(call: CallContext, span: ActiveSpan, sampled: boolean) {
    this.sentAt = call.sentAt
    this.deadline = call.deadline
    this.cancellation = call.cancellation
    this.causationId = call.causationId
    this.sampled = sampled
    this.tracestate = call.tracestate
    this.caller = call.caller
    this.idempotencyKey = call.idempotencyKey
    this.principal = call.principal
    this.metadata = call.metadata
    this.span = span
    this.#call = call
  }

  get correlationId(): string {
    return this.#call.correlationId
  }

  get traceparent(): string {
    return this.span.traceparent
  }

  get spanPlace(): SpanPlace | undefined {
    return this.span.place
  }
}

/** The shape of the callee's spans of an operation. */
export function servedShape(place: string, attributes: Attributes): SpanShape {
  return { name: place, kind: 'server', service: attributes['rpc.service'] as string, attributes }
}

/** Begins the callee's span of a call that came from another process. */
export function beginServed(shape: SpanShape, tracer: Tracer, call: CallContext): TracedCall {
  const { traceparent: parent, tracestate, sentAt: at } = call
  const sampled = sampledBy(call, tracer)
  return new TracedCall(call, tracer.begin({ ...shape, parent, tracestate, at }, sampled), sampled)
}

/**
 * Tells of a call that came from this process, is over, and was sampled or failed. It is one span, which takes the place that the call itself has
 * in the trace.
 */
export function recordServed(shape: SpanShape, tracer: Tracer, call: CallContext, error: Error | undefined): void {
  const { traceparent: own, parentTrace: parent, tracestate, sentAt: at } = call
  tracer.record({ ...shape, own, parent, tracestate, at, error })
}

/** Who calls when no service does: a door's client, a test, a command line. */
export const OUTSIDE = 'outside'
