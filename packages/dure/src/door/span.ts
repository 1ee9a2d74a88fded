import { isSampled, keepTracestate, type ActiveSpan } from '../telemetry/internal.ts'
import type { Attributes, SpanKind } from '../telemetry/telemetry.ts'
import type { OpenState } from './open-door.ts'

/** A request's place in its trace. */
export class RequestTrace {
  /** What the call is a child of; undefined where nothing is traced. */
  readonly span: ActiveSpan | undefined
  readonly tracestate: string | undefined
  readonly #given: string | undefined

  constructor(span: ActiveSpan | undefined, given: string | undefined, tracestate: string | undefined) {
    this.span = span
    this.tracestate = tracestate
    this.#given = given
  }

  /** The same as a text, which is made when it is asked for; without a span what the request has brought. */
  get traceparent(): string | undefined {
    return this.span === undefined ? this.#given : this.span.traceparent
  }

  /** The request was answered; `failure` is what it failed with, if it did. */
  end(failure: unknown, attributes?: Attributes): void {
    this.span?.end(failure, attributes)
  }
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
  if (tracer === undefined) return new RequestTrace(undefined, given, tracestate)
  const start = { name, kind, service: state.door, parent: given, tracestate, attributes, details, numbers: STATUSES }
  const span = tracer.begin(start, given === undefined ? tracer.sample() : isSampled(given))
  return new RequestTrace(span, given, tracestate)
}

/** What a record of a request that is not sampled holds of its end. */
const STATUSES = ['http.response.status_code', 'rpc.grpc.status_code']
