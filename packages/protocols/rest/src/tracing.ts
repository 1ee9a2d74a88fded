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
    attributes,
  } as const
  const { traceparent, end } = tracer.begin(start, given === undefined ? tracer.sample() : isSampled(given))
  reply.header('traceresponse', traceparent)
  return {
    traceparent,
    tracestate,
    end: (status, failure) => end(failureOf(status, failure), { 'http.response.status_code': status }),
  }
}

/** A refusal of what a client sent is an answer; a call that failed is a failure, whatever its status. */
function failureOf(status: number, failure: unknown): unknown {
  if (failure !== undefined) return failure
  return status >= 500 ? new Error(`It was answered with ${status}`) : undefined
}
