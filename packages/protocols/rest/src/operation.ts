import type { HttpMapping } from 'dure/contract'
import { wireOf, type Route } from 'dure/contract/internal'
import { Cancellation, operationDoor, Refusal, steeringOf, traceRequest, type Served as AnyServed } from 'dure/door/internal'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { traceIdOf } from 'dure/telemetry/internal'
import { problemOf, type Problem } from './problem.ts'
import { headerOf } from './headers.ts'
import { cacheControlOf, sendCacheable } from './cacheable.ts'
import { inputReader, type RequestParts } from './input.ts'
import { mappingOf } from './mapping.ts'
import { sendLines } from './ndjson.ts'
import { correlate, sendJson, sendNothing, sendProblem, type DoorState } from './reply.ts'

/** One operation as the door serves it. */
export type Served = AnyServed & { readonly http: HttpMapping }

export type Handler = (request: FastifyRequest, reply: FastifyReply) => void

/** Compiles the handler of one route of an operation: everything that can be known before a request is. */
export function operationHandler(served: Served, route: Route, state: DoorState, unknownFields: 'refuse' | 'drop'): Handler {
  const { operation, http } = served
  const words = `${route.method} ${route.path}`
  const { take, tell } = operationDoor(served, state, words)
  const { toJson } = wireOf(operation.output, 'output')
  const empty = operation.output === undefined || http.status === 204
  const caching = route.method === 'GET' ? cacheControlOf(operation) : undefined
  const read = inputReader(mappingOf(operation, route), unknownFields)

  return (request, reply) => {
    const correlationId = correlate(request, reply, state)
    const path = pathOf(request.url)
    const header = headerOf(request.headers)
    let failure: unknown
    let traceId: string | undefined
    const describe = (error: unknown): Problem => {
      // A refusal of what a client sent is an answer, and no failure.
      if (!(error instanceof Refusal)) failure = error
      return problemOf(tell(error, { correlationId, traceId }), path)
    }
    const fail = (error: unknown): void => sendProblem(reply, state, describe(error))
    const succeed = (value: unknown): void => {
      if (empty) sendNothing(reply, state, http.status)
      else if (caching !== undefined) sendCacheable(reply, state, { text: JSON.stringify(toJson(value)), caching, request, http })
      else sendJson(reply, state, http.status, JSON.stringify(toJson(value)))
    }
    try {
      const steering = steeringOf(header, state.limits.deadline)
      checkQuery(request.url)
      const trace = traceRequest(state, {
        name: words,
        traceparent: steering.traceparent,
        tracestate: header('tracestate'),
        attributes: { 'http.request.method': request.method, 'http.route': route.path },
        details: { 'url.path': path },
      })
      traceId = traceIdOf(trace.traceparent)
      // W3C Trace Context level 2: whoever asked can look the trace up.
      if (trace.span !== undefined) reply.header('traceresponse', trace.span.traceparent)
      // The client may go away at any moment; what it asked for is then nobody's.
      const gone = new Cancellation()
      reply.raw.once('close', () => {
        if (!reply.raw.writableEnded) gone.cancel('caller')
        trace.end(failed(reply.statusCode, failure), { 'http.response.status_code': reply.statusCode })
      })
      const send = (values: AsyncIterable<unknown>): void =>
        void sendLines(values, { reply, state, status: http.status, toJson, gone, describe }).catch(fail)
      take(
        {
          ...{ correlationId, steering, trace, header, gone },
          read: () => read(request as unknown as RequestParts),
        },
        { succeed, send, fail },
      )
    } catch (error) {
      fail(error)
    }
  }
}

/** A call that failed is a failure, whatever its status. */
function failed(status: number, failure: unknown): unknown {
  return failure ?? (status >= 500 ? new Error(`It was answered with ${status}`) : undefined)
}

/** What cannot be decoded would reach the service undecoded, as if somebody had meant it. */
function checkQuery(url: string): void {
  const at = url.indexOf('?')
  if (at === -1 || !url.includes('%', at)) return
  try {
    decodeURIComponent(url.slice(at))
  } catch {
    throw new Refusal('MALFORMED_REQUEST', 'Cannot read the query: it is not valid percent-encoding of UTF-8')
  }
}

export function pathOf(url: string): string {
  const query = url.indexOf('?')
  return query === -1 ? url : url.slice(0, query)
}
