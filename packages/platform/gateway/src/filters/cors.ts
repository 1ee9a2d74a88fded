import { filter, type Filter, type GatewayRequest } from '../filter.ts'
import { withVary } from './vary.ts'

export type CorsOptions = {
  /** Who may ask from a browser: `https://shop.example`; or '*' for anybody. */
  readonly origins: '*' | readonly string[]
  /** Default GET, HEAD, POST, PUT, PATCH, DELETE. */
  readonly methods?: readonly string[]
  /** Headers that requests may have beside the plain ones. Default: those that are asked for. */
  readonly headers?: readonly string[]
  /** Headers of answers that scripts may read. Default none. */
  readonly exposed?: readonly string[]
  /** Whether cookies come along. Not with origins '*'. Default false. */
  readonly credentials?: boolean
  /** Seconds that a browser keeps what it was told. Default 600. */
  readonly maxAge?: number
}

/**
 * Answers what browsers ask before they let scripts of other origins in (the Fetch standard, section 3.2), and says so in answers. Routes
 * that it stands in need OPTIONS among their methods.
 * @throws {TypeError} when credentials are for anybody, or an origin is none
 *
 * @example
 * ```ts
 * import { cors } from '@dure/gateway'
 *
 * const shop = cors({ origins: ['https://shop.example'], credentials: true })
 * console.log(shop.name) // → cors
 * ```
 */
export function cors(options: CorsOptions): Filter {
  const {
    origins,
    methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    headers,
    exposed = [],
    credentials = false,
    maxAge = 600,
  } = options
  if (origins === '*' && credentials) throw new TypeError('Cannot let anybody in with cookies: name the origins')
  for (const origin of origins === '*' ? [] : origins)
    if (!URL.canParse(origin) || new URL(origin).origin !== origin)
      throw new TypeError(
        `Cannot let the origin ${JSON.stringify(origin)} in: give one as browsers send it, "https://shop.example"`,
      )
  const allowed = (request: GatewayRequest): string | undefined => {
    const origin = request.header('origin')
    if (origin === undefined) return undefined
    if (origins === '*') return '*'
    return origins.includes(origin) ? origin : undefined
  }
  const said = (origin: string): Record<string, string> => ({
    'access-control-allow-origin': origin,
    ...(credentials && { 'access-control-allow-credentials': 'true' }),
  })
  return filter('cors', {
    before: (request) => {
      if (request.method !== 'OPTIONS' || request.header('access-control-request-method') === undefined) return undefined
      const origin = allowed(request)
      const asked = headers?.join(', ') ?? request.header('access-control-request-headers')
      if (origin === undefined) return { status: 204 }
      const told: Record<string, string> = {
        'access-control-allow-methods': methods.join(', '),
        'access-control-max-age': String(maxAge),
      }
      if (asked !== undefined) told['access-control-allow-headers'] = asked
      return { status: 204, headers: told }
    },
    after: (answer, request) => {
      const origin = allowed(request)
      if (origins !== '*') answer.setHeader('vary', withVary(answer.header('vary'), 'origin'))
      if (origin === undefined) return
      for (const [name, value] of Object.entries(said(origin))) answer.setHeader(name, value)
      if (exposed.length > 0) answer.setHeader('access-control-expose-headers', exposed.join(', '))
    },
  })
}
