/** The registry's HTTP server: bounded, and for those who are let in. */
import { timingSafeEqual, createHash } from 'node:crypto'
import { fastify, type FastifyError, type FastifyInstance } from 'fastify'
import type { Logger } from 'dure/telemetry'
import { RegistryFault } from './fault.ts'
import { formatOf, serveRoutes, type Served } from './routes.ts'

export type HttpLimits = {
  /** Bytes of a body. Default 1 MiB. */
  readonly body: number
  /** Milliseconds that a request may take to arrive. Default 10,000. */
  readonly requestTimeout: number
  /** Connections at once. Default 5,000. */
  readonly connections: number
}

export type Credentials = { readonly user: string; readonly password: string }

export function createServer(options: {
  readonly served: Served
  readonly limits: HttpLimits
  readonly credentials: Credentials | undefined
  readonly log: Logger
}): FastifyInstance {
  const { served, limits, credentials, log } = options
  const app = fastify({
    logger: false,
    bodyLimit: limits.body,
    requestTimeout: limits.requestTimeout,
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 1024, ignoreTrailingSlash: true },
    // Netflix's own clients say the version.
    rewriteUrl: ({ url = '/' }) => url.replace(/^\/eureka\/v2(?=\/|$)/, '/eureka'),
    http: { headersTimeout: limits.requestTimeout, requestTimeout: limits.requestTimeout, connectionsCheckingInterval: 1_000 },
  })
  app.server.maxConnections = limits.connections
  app.removeAllContentTypeParsers()
  const types = ['application/json', 'application/xml', 'text/xml']
  app.addContentTypeParser(types, { parseAs: 'string' }, (_request, body, done) => done(null, body))
  if (credentials !== undefined) {
    const wanted = digest(`Basic ${Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64')}`)
    app.addHook('onRequest', async ({ headers }, reply) => {
      if (timingSafeEqual(digest(headers.authorization ?? ''), wanted)) return
      void reply.header('www-authenticate', 'Basic realm="registry"')
      throw new RegistryFault(401, 'Cannot let you in: give the user and the password of the registry, http://user:password@…')
    })
  }
  app.setNotFoundHandler(({ method, url }) => {
    throw new RegistryFault(
      404,
      `Cannot ${method} "${url.slice(0, 200)}": nothing is served there; Eureka's interface begins at /eureka`,
    )
  })
  app.setErrorHandler<FastifyError | RegistryFault>((error, request, reply) => {
    const fault = faultOf(error, limits)
    if (fault.status === 500)
      log.error('Cannot answer a request', { method: request.method, url: request.url.slice(0, 200), error })
    void reply.code(fault.status)
    if (formatOf(request) === 'json')
      return reply.type('application/json').send(JSON.stringify({ status: fault.status, error: fault.message }))
    return reply.type('text/plain; charset=utf-8').send(`${fault.message}\n`)
  })
  serveRoutes(app, served)
  return app
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

function faultOf(error: FastifyError | RegistryFault, limits: HttpLimits): RegistryFault {
  if (error instanceof RegistryFault) return error
  const { code, statusCode = 500, message } = error
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE')
    return new RegistryFault(413, `Cannot take the body: it is larger than ${limits.body} bytes`)
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE')
    return new RegistryFault(415, 'Cannot read the body: send it as application/json or application/xml')
  if (statusCode >= 400 && statusCode < 500) return new RegistryFault(statusCode, `Cannot read the request: ${message}`)
  // What is wrong inside is for the log.
  return new RegistryFault(500, 'Cannot answer: the registry failed; its log says why')
}
