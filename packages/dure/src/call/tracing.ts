import { CallError, type Metadata, type Principal } from '../contract/contract.ts'
import { type Attributes } from '../telemetry/telemetry.ts'
import { isSampled, type ActiveSpan, type Tracer } from '../telemetry/internal.ts'
import type { Cancellation } from './cancellation.ts'
import type { CallContext } from './context.ts'

/** What spans of a call say, in OpenTelemetry's words; made once per operation. */
export function rpcAttributes(place: string): Attributes {
  const dot = place.indexOf('.')
  return { 'rpc.system': 'dure', 'rpc.service': place.slice(0, dot), 'rpc.method': place.slice(dot + 1) }
}

/** Whether spans are made of a call: as was decided where its trace began. */
export function sampledBy(call: CallContext): boolean {
  return call.sampled ?? (call.traceparent !== undefined && isSampled(call.traceparent))
}

/** A sampled call as its handler sees it: whatever follows from it is a child of the callee's span. */
export class TracedCall implements CallContext {
  readonly sentAt: number
  readonly deadline: number
  readonly cancellation: Cancellation | undefined
  readonly causationId: string | undefined
  readonly traceparent: string
  readonly tracestate: string | undefined
  readonly sampled = true
  readonly caller: string | undefined
  readonly idempotencyKey: string | undefined
  readonly principal: Principal | undefined
  readonly metadata: Metadata | undefined
  readonly span: ActiveSpan
  readonly #call: CallContext

  constructor(call: CallContext, span: ActiveSpan) {
    this.sentAt = call.sentAt
    this.deadline = call.deadline
    this.cancellation = call.cancellation
    this.causationId = call.causationId
    this.traceparent = span.traceparent
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
}

type Traced = { readonly place: string; readonly attributes: Attributes; readonly tracer?: Tracer | undefined }

/** Begins the callee's span of a sampled call that came from another process. */
export function beginServed({ place, attributes }: Traced, tracer: Tracer, call: CallContext): ActiveSpan {
  return tracer.begin({
    name: place,
    kind: 'server',
    service: attributes['rpc.service'] as string,
    parent: call.traceparent,
    tracestate: call.tracestate,
    at: call.sentAt,
    attributes,
  })
}

/**
 * Tells of a call that is over and has no span yet. In one process a call is one span, which takes the place that the
 * call itself has in the trace; what came from elsewhere is a child of its caller's.
 */
export function recordServed({ place, attributes }: Traced, tracer: Tracer, call: CallContext, error: Error | undefined): void {
  const { traceparent } = call
  tracer.record({
    name: place,
    kind: 'server',
    service: attributes['rpc.service'] as string,
    ...(call.sampled === undefined ? { parent: traceparent } : { own: traceparent, parent: call.parentTrace }),
    tracestate: call.tracestate,
    at: call.sentAt,
    attributes,
    error,
  })
}

/** Tells of a call to another process that failed and was not sampled. */
export function recordSent(
  tracer: Tracer,
  sent: { readonly place: string; readonly attributes: Attributes },
  call: CallContext,
  error: unknown,
): void {
  tracer.record({
    name: sent.place,
    kind: 'client',
    service: call.caller ?? OUTSIDE,
    own: call.traceparent,
    parent: call.parentTrace,
    tracestate: call.tracestate,
    at: call.sentAt,
    attributes: sent.attributes,
    error: error ?? new CallError('UNKNOWN', `Call to ${sent.place} failed`),
  })
}

/** Who calls when no service does: a door's client, a test, a command line. */
export const OUTSIDE = 'outside'
