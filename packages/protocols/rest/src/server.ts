import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { fastify, type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { AnyContract } from 'dure/contract'
import { routesOf, type RefusalCode, type Route } from 'dure/contract/internal'
import { acceptJson } from './body.ts'
import { admit, failureOf, Refusal, type SecureOptions } from 'dure/door/internal'
import { problemOf } from './problem.ts'
import type { Limits } from './limits.ts'
import { answerMalformed } from './malformed.ts'
import { operationHandler, pathOf, type Served } from './operation.ts'
import { DOCS, PAGES, servePages } from './pages.ts'
import { signpost, type Signpost } from './paths.ts'
import { correlate, sendNothing, sendProblem, type DoorState } from './reply.ts'

export type ServerOptions = {
  readonly served: readonly Served[]
  /** Of which the pages tell. */
  readonly contracts: readonly AnyContract[]
  readonly state: DoorState
  readonly unknownFields: 'refuse' | 'drop'
  readonly pages: string | false
  readonly docs: boolean
  /** HTTPS, with these certificates. */
  readonly secure: SecureOptions | undefined
}

/** Builds the server with all its routes; it does not listen yet. */
export function createServer(options: ServerOptions): FastifyInstance {
  const { served, state, secure, unknownFields, pages, docs } = options
  const { limits } = state
  const app = newFastify({ limits, secure }, (error, request, reply) => failed(error, request, reply, state))
  acceptJson(app)
  app.addHook('onRequest', ({ raw }, _reply, done) => done(strangeRequest(raw)))

  const routes = served.flatMap((one) => routesOf(one.http).map((route) => ({ ...route, served: one })))
  const own = (pages === false ? [] : Object.keys(docs ? { ...PAGES, ...DOCS } : PAGES)).map((path) => ({
    method: 'GET' as const,
    path: `${pages}${path}`,
  }))
  refuseTwins(routes, own)

  const admit = admission(state)
  for (const route of routes) {
    app.route({
      method: route.method,
      url: route.path.replaceAll(/\{([^}]*)\}/g, ':$1'),
      // A HEAD on a stream would run it to its end for nobody.
      exposeHeadRoute: route.served.operation.kind !== 'stream',
      onRequest: admit,
      handler: operationHandler(route.served, route, state, unknownFields),
    })
  }
  if (pages !== false) servePages(app, options, pages)

  const signs = signpost([...routes, ...own])
  app.setNotFoundHandler((request, reply) => lost(request, reply, state, signs))
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    // What is wrong with a body that nobody would have read is no answer.
    if (request.is404 && !(error instanceof Refusal)) lost(request, reply, state, signs)
    else failed(error, request, reply, state)
  })
  return app
}

function newFastify(
  { limits, secure }: { readonly limits: Limits; readonly secure: SecureOptions | undefined },
  onFrameworkError: (error: FastifyError, request: FastifyRequest, reply: FastifyReply) => void,
): FastifyInstance {
  const http = {
    maxHeaderSize: limits.headers,
    // Of a header that may be there once, Node would keep the first and drop the others: joined, they are no valid value.
    joinDuplicateHeaders: true,
    // Its own refusal is not in the words of this door.
    requireHostHeader: false,
    headersTimeout: Math.min(limits.headersTimeout, limits.requestTimeout),
    requestTimeout: limits.requestTimeout,
    // Node looks for slow requests only this often; its 30 s would make the limits above a fiction.
    connectionsCheckingInterval: Math.min(1_000, Math.ceil(limits.headersTimeout / 2)),
  }
  const app = fastify({
    logger: false,
    bodyLimit: limits.body,
    keepAliveTimeout: limits.keepAliveTimeout,
    requestTimeout: limits.requestTimeout,
    // Requests of connections that are still open when the door closes are answered, and end them.
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 1024 },
    ...(secure === undefined ? { http } : { https: { ...http, ...secure, handshakeTimeout: limits.headersTimeout } }),
    clientErrorHandler: (error, socket) => answerMalformed(error, socket, limits),
    frameworkErrors: onFrameworkError,
  }) as FastifyInstance
  app.server.maxConnections = limits.connections
  // An expectation that is not known may be left alone: RFC 9110, section 10.1.1.
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response))
  app.server.on('connect', (_request, socket) => answerMalformed({ code: 'CONNECT' }, socket as Socket, limits))
  return app
}

// RFC 9110, section 7.2: a registered name or an address, and perhaps a port.
const HOST = /^(?:\[[\da-fA-F:.]+\]|[\w.~%!$&'()*+;=-]*)(?::\d*)?$/

/** What Node takes for a request and HTTP/1.1 does not. */
function strangeRequest({ httpVersion, headers }: IncomingMessage): Refusal | undefined {
  if (httpVersion !== '1.1' && httpVersion !== '1.0')
    return new Refusal('MALFORMED_REQUEST', 'Cannot read the request: it is not HTTP/1.1')
  if (headers.host === undefined ? httpVersion === '1.0' : HOST.test(headers.host)) return undefined
  return new Refusal(
    'MALFORMED_REQUEST',
    'Cannot read the request: it needs exactly one Host header, with a host and perhaps a port',
  )
}

/** Counts calls in hand, and turns one away when there are too many. */
function admission(state: DoorState): (request: FastifyRequest, reply: FastifyReply, done: () => void) => void {
  const release = (): void => void state.calls--
  return (request, reply, done) => {
    const refusal = admit(state)
    if (refusal !== undefined) return failed(refusal, request, reply, state)
    reply.raw.once('close', release)
    done()
  }
}

/** No route leads here: says what would. */
function lost(request: FastifyRequest, reply: FastifyReply, state: DoorState, signs: Signpost): void {
  const path = pathOf(request.url)
  const methods = signs.methods(path)
  if (methods.length > 0) {
    reply.header('allow', methods.join(', '))
    if (request.method === 'OPTIONS') return sendNothing(reply, state, 204)
    const detail = `Cannot ${request.method} "${path}": it is served with ${methods.join(' and ')} only`
    return failed(new Refusal('METHOD_NOT_ALLOWED', detail), request, reply, state)
  }
  const nearest = signs.nearest(path)
  const hint = nearest === undefined ? 'see /openapi.json for what is' : `did you mean "${nearest}"?`
  failed(
    new Refusal('PATH_NOT_FOUND', `Cannot find "${path.slice(0, 200)}": nothing is served there; ${hint}`),
    request,
    reply,
    state,
  )
}

/** Whatever goes wrong before an operation is called. */
function failed(error: unknown, request: FastifyRequest, reply: FastifyReply, state: DoorState): void {
  const correlationId = correlate(request, reply, state)
  const reason = refusalOf(error, request, state.limits) ?? error
  const { failure, hidden } = failureOf(reason, { correlationId })
  if (hidden) state.world.log.error('Cannot answer a request', { method: request.method, correlationId, error })
  sendProblem(reply, state, problemOf(failure, pathOf(request.url)))
}

const FRAMEWORK: Readonly<Record<string, { code: RefusalCode; detail: (request: FastifyRequest, limits: Limits) => string }>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: {
    code: 'BODY_TOO_LARGE',
    detail: (_, { body }) => `Cannot take the body: it is larger than ${body} bytes`,
  },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: {
    code: 'UNSUPPORTED_MEDIA_TYPE',
    detail: ({ headers }) => `Cannot read a body of type "${headers['content-type'] ?? ''}"; send application/json`,
  },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: {
    code: 'MALFORMED_REQUEST',
    detail: () => 'Cannot read the body: it is not as long as Content-Length says',
  },
  FST_ERR_BAD_URL: { code: 'MALFORMED_REQUEST', detail: () => 'Cannot read the path: it is not valid percent-encoding' },
  FST_ERR_MAX_PARAM_LENGTH: {
    code: 'PATH_TOO_LONG',
    detail: () => 'Cannot read the path: a parameter is longer than 1024 characters',
  },
  ECONNRESET: { code: 'MALFORMED_REQUEST', detail: () => 'Cannot read the body: the connection ended before it did' },
}

function refusalOf(error: unknown, request: FastifyRequest, limits: Limits): Refusal | undefined {
  const { code = '', statusCode = 500 } = (error ?? {}) as { code?: string; statusCode?: number }
  const known = FRAMEWORK[code]
  if (known !== undefined) return new Refusal(known.code, known.detail(request, limits))
  // Whatever else the framework finds wrong with a request is the client's fault, and no line in the log.
  const theirs = code.startsWith('FST_') && statusCode >= 400 && statusCode < 500
  return theirs ? new Refusal('MALFORMED_REQUEST', 'Cannot read the request: it is not one that this server takes') : undefined
}

function refuseTwins(
  routes: readonly (Route & { readonly served: Served })[],
  pages: readonly { readonly method: 'GET'; readonly path: string }[],
): void {
  const owners = new Map<string, string>()
  const take = ({ method, path, identity }: Omit<Route, 'parameters'>, owner: string, fix: string): void => {
    const other = owners.get(identity)
    if (other !== undefined)
      throw new Error(`Cannot open the REST door: "${method} ${path}" of ${other} and of ${owner} are the same route; ${fix}`)
    owners.set(identity, owner)
  }
  for (const route of routes) take(route, `${route.served.contract.name}.${route.served.name}`, 'give one of them another path')
  for (const page of pages)
    take({ ...page, identity: `GET ${page.path}` }, "the door's own pages", 'move the pages with the option "pages"')
}
