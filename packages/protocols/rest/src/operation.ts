import { CallError, type AnyContract, type AnyOperation, type ErrorTypes, type HttpMapping, type Principal } from 'dure/contract'
import { accessCheck } from 'dure/call/internal'
import { wireOf, type Route } from 'dure/contract/internal'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { traceIdOf } from 'dure/telemetry/internal'
import { Refusal, problem, problemIssues, problemOf, type DeclaredErrors, type Problem } from './problem.ts'
import { callHeaders, headerOf } from './headers.ts'
import { cacheControlOf, sendCacheable } from './cacheable.ts'
import { inputReader, type RequestParts } from './input.ts'
import { mappingOf } from './mapping.ts'
import { sendLines } from './ndjson.ts'
import { traceRequest } from './tracing.ts'
import { correlate, sendJson, sendNothing, sendProblem, type DoorState } from './reply.ts'

/** One operation as the door serves it. */
export type Served = {
  readonly contract: AnyContract
  readonly name: string
  readonly operation: AnyOperation
  readonly http: HttpMapping
  /** A command that may not be done twice, of a service that cannot know an idempotency key again. */
  readonly forgets: boolean
}

export type Handler = (request: FastifyRequest, reply: FastifyReply) => void

/** Compiles the handler of one route of an operation: everything that can be known before a request is. */
export function operationHandler(served: Served, route: Route, state: DoorState, unknownFields: 'refuse' | 'drop'): Handler {
  const { operation, http, forgets, name, contract } = served
  const { limits, world, host } = state
  const place = `${contract.name}.${name}`
  const { toJson } = wireOf(operation.output, 'output')
  const declared = declaredErrors(operation)
  const empty = operation.output === undefined || http.status === 204
  // Who may not call is told so, and not what is wrong with its input.
  const refused = host.authenticate && accessCheck(place, operation)
  const caching = route.method === 'GET' ? cacheControlOf(operation) : undefined
  const read = inputReader(mappingOf(operation, route), unknownFields)

  return (request, reply) => {
    const correlationId = correlate(request, reply, state)
    let failure: unknown
    let traceId: string | undefined
    const describe = (error: unknown): Problem => {
      failure = error
      const mapped = problemOf(error, { instance: pathOf(request.url), correlationId, declared })
      // A CallError was logged by the service it happened in, under the same correlation id.
      if (mapped.hidden && (!(error instanceof CallError) || error.inside === true)) {
        world.log.error(`Cannot answer "${route.method} ${route.path}"`, { operation: place, correlationId, traceId, error })
      }
      return mapped.problem
    }
    const fail = (error: unknown): void => sendProblem(reply, state, describe(error))
    try {
      const { timeout, traceparent: given, idempotencyKey, metadata } = callHeaders(request.headers, limits.deadline)
      if (forgets && idempotencyKey !== undefined) throw new Refusal('INVALID_HEADER', NO_MEMORY)
      checkQuery(request.url)
      const trace = traceRequest(request, reply, { state, route, given, path: pathOf(request.url) })
      const { traceparent, tracestate } = trace
      traceId = traceIdOf(traceparent)
      // The client may go away at any moment; what it asked for is then nobody's.
      const gone = new AbortController()
      reply.raw.once('close', () => {
        if (!reply.raw.writableEnded) gone.abort()
        trace.end(reply.statusCode, failure)
      })
      const succeed = (value: unknown): void => {
        if (empty) sendNothing(reply, state, http.status)
        else if (caching !== undefined)
          sendCacheable(reply, state, { text: JSON.stringify(toJson(value)), caching, request, http })
        else sendJson(reply, state, http.status, JSON.stringify(toJson(value)))
      }
      const serve = (principal: Principal | undefined): void => {
        const gathered = read(request as unknown as RequestParts)
        if (!gathered.ok) {
          const refusal = refused?.(principal)
          if (refusal !== undefined) return fail(refusal)
          const words = `Cannot call ${place}: the input does not match its contract`
          const document = problem(400, 'INVALID_ARGUMENT', words, pathOf(request.url))
          return sendProblem(reply, state, { ...document, errors: problemIssues(gathered.issues) })
        }
        const call = { correlationId, traceparent, tracestate, timeout, idempotencyKey, principal, metadata, signal: gone.signal }
        if (operation.kind === 'stream') {
          const values = host.stream(contract.name, name, gathered.input, call)
          void sendLines(values, { reply, state, status: http.status, toJson, gone, describe }).catch(fail)
        } else void host.call(contract.name, name, gathered.input, call).then(succeed).catch(fail)
      }
      if (host.authenticate === undefined) serve(undefined)
      else
        void host
          .authenticate({ door: state.door, header: headerOf(request.headers) })
          .then(serve)
          .catch(fail)
    } catch (error) {
      fail(error)
    }
  }
}

const NO_MEMORY =
  'Cannot use the Idempotency-Key header: the service has no database in which it could know the key again; send it without one'

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

function declaredErrors(operation: AnyOperation): DeclaredErrors {
  const types = Object.values(operation.errors as ErrorTypes)
  return new Map(types.map((type) => [type.code as string, { http: type.http, toJson: wireOf(type.data, 'output').toJson }]))
}

export function pathOf(url: string): string {
  const query = url.indexOf('?')
  return query === -1 ? url : url.slice(0, query)
}
