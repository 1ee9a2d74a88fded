import { isSampled, keepTracestate } from '../telemetry/internal.ts'
import type { Attributes, SpanKind } from '../telemetry/telemetry.ts'
import type { OpenState } from './open-door.ts'

/** A request's place in its trace. */
export type RequestTrace = {
  /** What the call is a child of. */
  readonly traceparent: string | undefined
  readonly tracestate: string | undefined
  /** Whether a span was begun, which whoever asked may be told of. */
  readonly begun: boolean
  /** The request was answered; `failure` is what it failed with, if it did. */
  readonly end: (failure: unknown, attributes?: Attributes) => void
}

/** Continues the trace that a request brings, or begins one; whether it is sampled is decided here if nobody has. */
export function traceRequest(
  state: Pick<OpenState, 'door' | 'world'>,
  request: {
    readonly name: string
    readonly kind?: SpanKind
    readonly traceparent: string | undefined
    readonly tracestate: string | undefined
    /** The same for all requests of its name. */
    readonly attributes: Attributes
    /** What this one has beside them. */
    readonly details?: Attributes
  },
): RequestTrace {
  const { name, kind = 'server', traceparent: given, attributes, details } = request
  const tracestate = given === undefined ? undefined : keepTracestate(request.tracestate)
  const tracer = state.world.telemetry?.tracer
  if (tracer === undefined) return { traceparent: given, tracestate, begun: false, end: () => {} }
  const start = { name, kind, service: state.door, parent: given, tracestate, attributes, details, numbers: STATUSES }
  const { traceparent, end } = tracer.begin(start, given === undefined ? tracer.sample() : isSampled(given))
  return { traceparent, tracestate, begun: true, end }
}

/** What a record of a request that is not sampled holds of its end. */
const STATUSES = ['http.response.status_code', 'rpc.grpc.status_code']
