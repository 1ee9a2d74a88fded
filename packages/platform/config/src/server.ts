/** The server's HTTP: bounded, and for those who are let in. */
import { createHash, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Clock } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'
import { environmentText, WITH_ORIGINS } from './answers.ts'
import type { Decrypt } from './cipher.ts'
import { environmentOf } from './environment.ts'
import { ConfigFault } from './fault.ts'
import { rendered } from './rendered.ts'
import type { Repository } from './repositories/repository.ts'
import { routeOf } from './routes.ts'
import { wantedOf } from './wanted.ts'

export type Credentials = { readonly user: string; readonly password: string }

export type HttpLimits = {
  /** Requests that are worked on at once; more are told to come again. Default 64. */
  readonly requests: number
  /** Connections at once. Default 2,000. */
  readonly connections: number
  /** Milliseconds that a request may take to arrive. Default 10,000. */
  readonly requestTimeout: number
}

type Answer = {
  readonly status: number
  readonly type: string
  readonly text: string
  readonly headers?: Readonly<Record<string, string>>
}

/** Bytes of what comes before a body, which is not read; addresses of which it is remembered why they are not answered. */
const [LONGEST_HEAD, MOST_TOLD] = [16_384, 500]

export function configHttpServer(options: {
  readonly repository: Repository
  readonly decrypt: Decrypt
  /** None: whoever reaches it is let in. */
  readonly credentials: readonly Credentials[]
  readonly limits: HttpLimits
  readonly clock: Clock
  readonly log: Logger
}): Server {
  const { repository, decrypt, credentials, limits, clock, log } = options
  const lets = letIn(credentials)
  const told = new Map<string, string>()
  let working = 0

  const answer = async (request: IncomingMessage): Promise<Answer> => {
    const { method = '', url = '', headers } = request
    const route = routeOf(method, url)
    if (route.kind === 'health') return { status: 200, type: 'application/json', text: '{"status":"UP"}' }
    if (!lets(headers.authorization))
      throw new ConfigFault(
        401,
        'Cannot let you in: give a user and a password of the configuration server, http://user:password@…',
      )
    if (working >= limits.requests)
      throw new ConfigFault(503, `Cannot answer now: ${limits.requests} requests are worked on already; come again`)
    working++
    try {
      if (route.kind === 'monitor') {
        await repository.refresh()
        return { status: 200, type: 'application/json', text: '[]' }
      }
      const environment = await environmentOf(repository, wantedOf(route.asked), decrypt)
      told.delete(url)
      if (route.kind === 'file') {
        const type = route.format === 'json' ? 'application/json' : 'text/plain;charset=UTF-8'
        return { status: 200, type, text: rendered(environment, route.format, route) }
      }
      const origins = (headers.accept ?? '').includes(WITH_ORIGINS)
      return { status: 200, type: origins ? WITH_ORIGINS : 'application/json', text: environmentText(environment, { origins }) }
    } finally {
      working--
    }
  }
  const refusal = (error: unknown, { method, url = '' }: IncomingMessage): Answer => {
    const known = error instanceof ConfigFault
    const status = known ? error.status : 500
    const fields = { method, url: url.slice(0, 200), status }
    if (!known) log.error('Cannot answer a request', { ...fields, error })
    else if (status >= 500 && told.get(url) !== error.message) {
      // Clients ask again and again: it is said once for each address, until that is answered.
      if (told.size >= MOST_TOLD) told.clear()
      told.set(url, error.message)
      log.error(error.message, { ...fields, ...(error.cause !== undefined && { why: String((error.cause as Error).message) }) })
    }
    // What is wrong inside is for the log.
    const message = known ? error.message : 'Cannot answer: the configuration server failed; its log says why'
    const [path] = url.split('?', 1)
    const timestamp = new Date(clock.now()).toISOString()
    const text = JSON.stringify({ timestamp, status, error: REASONS[status] ?? 'Error', message, path: path!.slice(0, 2_000) })
    const headers: Readonly<Record<string, string>> =
      status === 401 ? { 'www-authenticate': 'Basic realm="config"' } : status === 503 ? { 'retry-after': '1' } : {}
    return { status, type: 'application/json', text, headers }
  }
  const server = createServer(
    {
      maxHeaderSize: LONGEST_HEAD,
      headersTimeout: limits.requestTimeout,
      requestTimeout: limits.requestTimeout,
      connectionsCheckingInterval: 1_000,
    },
    (request, response) => {
      // A body says nothing that is needed, as that of a webhook.
      request.resume()
      void answer(request)
        .catch((error: unknown) => refusal(error, request))
        .then((said) => {
          // Whoever keeps a connection would keep a server that ends.
          response.shouldKeepAlive = server.listening
          send(said, request, response)
        })
    },
  )
  server.maxConnections = limits.connections
  return server
}

function send({ status, type, text, headers = {} }: Answer, request: IncomingMessage, response: ServerResponse): void {
  const bytes = Buffer.from(text)
  response.writeHead(status, { 'content-type': type, 'content-length': bytes.length, 'cache-control': 'no-store', ...headers })
  response.end(request.method === 'HEAD' ? undefined : bytes)
}

const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  404: 'Not Found',
  405: 'Method Not Allowed',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
}

/** All of them are compared, whoever comes, so that the time says nothing. */
function letIn(credentials: readonly Credentials[]): (authorization: string | undefined) => boolean {
  if (credentials.length === 0) return () => true
  const all = credentials.map(({ user, password }) => digest(`Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`))
  return (authorization) => {
    const given = digest(authorization ?? '')
    return all.filter((each) => timingSafeEqual(each, given)).length > 0
  }
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
