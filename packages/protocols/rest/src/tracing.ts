import { isSampled, keepTracestate } from 'dure/telemetry/internal'
import type { Attributes } from 'dure/telemetry'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { DoorState } from './reply.ts'

/** A request's place in its trace. */
export type RequestTrace = {
  /** What the call is a child of. */
  readonly traceparent: string | undefined
  readonly tracestate: string | undefined
  /** The request was answered with this status; `failure` is what the call failed with, if it did. */
  readonly end: (status: number, failure: unknown) => void
}

/**
 * Continues the trace that a request brings, or begins one; whether it is sampled is decided here if nobody has. The
 * answer names it in `traceresponse` (W3C Trace Context level 2), so that whoever got it can look it up.
 */
export function traceRequest(
  request: FastifyRequest,
  reply: FastifyReply,
  options: {
    state: DoorState
    route: { readonly method: string; readonly path: string }
    given: string | undefined
    path: string
  },
): RequestTrace {
  const { state, route, given, path } = options
  const tracestate = given === undefined ? undefined : keepTracestate(request.headers['tracestate'] as string | undefined)
  const tracer = state.world.telemetry?.tracer
  if (tracer === undefined) return { traceparent: given, tracestate, end: () => {} }

  const attributes: Attributes = { 'http.request.method': request.method, 'http.route': route.path, 'url.path': path }
  const start = {
    name: `${route.method} ${route.path}`,
    kind: 'server',
    service: state.door,
    parent: given,
    tracestate,
  } as const
  const withStatus = (status: number): Attributes => ({ 'http.response.status_code': status })

  if (given === undefined ? tracer.sample() : isSampled(given)) {
    const span = tracer.begin({ ...start, attributes })
    reply.header('traceresponse', span.traceparent)
    const end = (status: number, failure: unknown): void => span.end(failureOf(status, failure), withStatus(status))
    return { traceparent: span.traceparent, tracestate, end }
  }
  const own = tracer.child(given, false)
  const at = state.world.runtime.clock.monotonic()
  reply.header('traceresponse', own)
  const end = (status: number, failure: unknown): void => {
    const error = failureOf(status, failure)
    if (error === undefined) return
    tracer.record({ ...start, own, at, error, attributes: { ...attributes, ...withStatus(status) } })
  }
  return { traceparent: own, tracestate, end }
}

/** A refusal of what a client sent is an answer; a call that failed is a failure, whatever its status. */
function failureOf(status: number, failure: unknown): unknown {
  if (failure !== undefined) return failure
  return status >= 500 ? new Error(`It was answered with ${status}`) : undefined
}
