import type { SessionStore } from 'dure/session'
import { checkNumbers, KEEP, WAIT } from 'dure/runtime/internal'
import type { RecordAct } from 'dure/telemetry'

export type LoginOptions = {
  /** Who knows the users: its URL, as its tokens say in `iss`. */
  readonly issuer: string
  /** Whom the issuer knows the gateway as. */
  readonly clientId: string
  readonly clientSecret: string
  /** How the secret is shown to the issuer: in the header (`basic`, default) or in the body (`post`) of a request. */
  readonly clientAuthentication?: 'basic' | 'post'
  /** Where browsers reach the gateway: `https://shop.example`. Plain HTTP on one's own machine only. */
  readonly url: string
  /** Where sessions are: any store, or what opens one; that one is stopped with the gateway. Gateways of one address share it. */
  readonly store: SessionStore | (() => SessionStore)
  /** Its own paths begin with it: `/callback`, `/login`, `/logout` and `/backchannel` below. Default `/auth`. */
  readonly path?: string
  /** What is asked for besides `openid`. */
  readonly scopes?: readonly string[]
  /** Which services the access token is for, to issuers that want to be told (RFC 8707). */
  readonly resource?: string
  /** What else the issuer is told when somebody is sent there: `{ prompt: 'consent' }`. */
  readonly parameters?: Readonly<Record<string, string>>
  /** Whether requests of nobody are passed on, without a token. Default false: they are sent to log in, or refused with 401. */
  readonly optional?: boolean
  /** Where an audit log is told who has logged in and out, and who was refused. Who cannot be written down is not logged in. Default: nowhere. */
  readonly record?: RecordAct
  /** Where somebody comes who has logged out: a path. Default `/`. */
  readonly afterLogout?: string
  /** Milliseconds without a request after which a session ends. Default 30 minutes. */
  readonly idle?: number
  /** Milliseconds after which it ends however busy it is. Default 12 hours. */
  readonly absolute?: number
  /** Milliseconds until the issuer must have answered. Default 5,000. */
  readonly timeout?: number
  /** Whether the issuer may be asked over plain HTTP, elsewhere than on this machine. Default false. */
  readonly insecure?: boolean
}

/** The same with all that it leaves open. */
export type Settled = LoginOptions & {
  readonly issuer: string
  /** Scheme, host and port of `url`. */
  readonly origin: string
  readonly secure: boolean
  readonly path: string
  readonly idle: number
  readonly absolute: number
  readonly timeout: number
}

/** Below its path. */
export const OWN = ['/login', '/callback', '/logout', '/backchannel'] as const

const PARAMETERS_OF_OURS: ReadonlySet<string> = new Set([
  ...['client_id', 'redirect_uri', 'response_type', 'response_mode', 'scope', 'state', 'nonce', 'code_challenge'],
  ...['code_challenge_method', 'resource'],
])

/** @throws {TypeError} what cannot be used of them */
export function settle(options: LoginOptions): Settled {
  const no = (why: string): never => {
    throw new TypeError(`Cannot log users in at the gateway: ${why}`)
  }
  const { issuer, clientId, clientSecret, url, path = '/auth', parameters = {}, afterLogout = '/', insecure = false } = options
  for (const [name, value] of Object.entries({ issuer, clientId, clientSecret, url }))
    if (typeof value !== 'string' || value === '') no(`"${name}" is missing; give it`)
  if (!isSafe(issuer, insecure)) no(`"issuer" is "${issuer}", where anybody could answer; give a URL with "https://"`)
  if (!isSafe(url, false)) no(`"url" is "${url}"; give where browsers reach the gateway, with "https://"`)
  const { origin, protocol, pathname, search } = new URL(url)
  if (pathname !== '/' || search !== '') no(`"url" is "${url}"; give scheme, host and port alone, and the path in "path"`)
  if (!/^(?:\/[\w.~-]+)+$/.test(path) || /\/\.{1,2}(?:\/|$)/.test(path))
    no(`"path" is "${path}"; give one that begins with "/" and does not end with it`)
  if (!afterLogout.startsWith('/')) no(`"afterLogout" is "${afterLogout}"; give a path that begins with "/"`)
  for (const name of Object.keys(parameters))
    if (PARAMETERS_OF_OURS.has(name)) no(`"${name}" of "parameters" is the gateway's own`)
  if (typeof options.store !== 'function' && typeof options.store?.read !== 'function')
    no('"store" is no store of sessions; give one, or what opens one')
  const { idle = 30 * 60_000, absolute = 12 * 3_600_000, timeout = 5_000 } = options
  const times = checkNumbers('log users in', { idle, absolute, timeout }, { idle: KEEP, absolute: KEEP, timeout: WAIT })
  return { ...options, ...times, issuer, origin, path, afterLogout, secure: protocol === 'https:' }
}

/** Whether what is said there stays between those who say it: plain HTTP does within this machine. */
function isSafe(url: string, insecure: boolean): boolean {
  if (!URL.canParse(url)) return false
  const { protocol, hostname } = new URL(url)
  if (protocol === 'https:') return true
  const isHere = hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname)
  return protocol === 'http:' && (isHere || insecure)
}
