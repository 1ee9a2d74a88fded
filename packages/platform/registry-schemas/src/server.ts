/** The registry's HTTP server: bounded, and in the words of Confluent's clients. */
import { fastify, type FastifyError, type FastifyInstance } from 'fastify'
import type { Logger } from 'dure/telemetry'
import { SchemaFault } from './fault.ts'
import { serveRoutes } from './routes.ts'
import type { Subjects } from './subjects.ts'

const MEDIA_TYPE = 'application/vnd.schemaregistry.v1+json'

export type Limits = {
  /** Bytes of a body. Default 1 MiB. */
  readonly body: number
  /** Milliseconds that a request may take to arrive. Default 10,000. */
  readonly requestTimeout: number
  /** Connections at once. Default 1,000. */
  readonly connections: number
}
export const LIMITS: Limits = { body: 1_048_576, requestTimeout: 10_000, connections: 1_000 }

export function createServer(book: Subjects, limits: Limits, log: Logger): FastifyInstance {
  const app = fastify({
    logger: false,
    bodyLimit: limits.body,
    requestTimeout: limits.requestTimeout,
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 1024 },
    http: { headersTimeout: limits.requestTimeout, requestTimeout: limits.requestTimeout, connectionsCheckingInterval: 1_000 },
  })
  app.server.maxConnections = limits.connections
  app.removeAllContentTypeParsers()
  const types = [MEDIA_TYPE, 'application/vnd.schemaregistry+json', 'application/json', 'application/octet-stream']
  app.addContentTypeParser(types, { parseAs: 'string' }, (_request, body, done) => {
    try {
      done(null, body === '' ? undefined : JSON.parse(String(body)))
    } catch (cause) {
      done(new SchemaFault(400, `Cannot read the body: it is not JSON (${(cause as Error).message})`, { cause }))
    }
  })
  app.addHook('onSend', async (_request, reply) => void reply.header('content-type', MEDIA_TYPE))
  app.setNotFoundHandler(({ method, url }) => {
    throw new SchemaFault(404, `Cannot ${method} "${url.slice(0, 200)}": nothing is served there`)
  })
  app.setErrorHandler<FastifyError | SchemaFault>((error, { method, url }, reply) => {
    const fault = faultOf(error, limits)
    if (fault.code === 50001) log.error('Cannot answer a request', { method, url: url.slice(0, 200), error })
    void reply.code(fault.status).send(JSON.stringify({ error_code: fault.code, message: fault.message }))
  })
  serveRoutes(app, book)
  return app
}

function faultOf(error: FastifyError | SchemaFault, limits: Limits): SchemaFault {
  if (error instanceof SchemaFault) return error
  const { code, statusCode = 500, message } = error
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE')
    return new SchemaFault(413, `Cannot take the body: it is larger than ${limits.body} bytes`)
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return new SchemaFault(415, `Cannot read the body: send it as ${MEDIA_TYPE}`)
  if (statusCode >= 400 && statusCode < 500) return new SchemaFault(statusCode, `Cannot read the request: ${message}`)
  // What the store says may name paths and tables.
  return new SchemaFault(50001, 'Error in the backend data store')
}
