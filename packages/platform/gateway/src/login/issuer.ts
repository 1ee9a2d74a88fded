/** The issuer, as a client of OpenID Connect asks it. What it said of itself is remembered; whatever fails is told in one of three ways. */
import * as client from 'openid-client'
import { createRemoteJWKSet, customFetch as customKeyFetch, errors, jwtVerify, type JWTVerifyGetKey } from 'jose'
import { CallError } from 'dure/contract'
import type { Runtime } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'
import type { Settled } from './options.ts'
import type { Transaction } from './transactions.ts'

export type Tokens = {
  readonly access: string
  /** Milliseconds since the epoch, and from when it was given out. */
  readonly ends: number
  readonly life: number
  readonly refresh: string | undefined
  readonly id: string | undefined
  readonly sid: string | undefined
}

/** `refused`: the issuer, or what it answered, says no. `away`: nobody can know now. */
export type Refused = {
  readonly is: 'refused'
  readonly why: string
  /** The same as one of a few words, for logs that are counted. */
  readonly reason: 'not allowed' | 'issuer' | 'mismatch' | 'not taken' | 'logout token'
}
export type Away = { readonly is: 'away' }
const AWAY: Away = { is: 'away' }

export type Issuer = {
  /** Where a browser is sent to log in. */
  readonly begin: (transaction: Transaction) => Promise<URL | Away>
  /** What came back with the browser. */
  readonly finish: (
    callback: URL,
    transaction: Transaction,
  ) => Promise<{ readonly is: 'done'; readonly subject: string; readonly tokens: Tokens } | Refused | Away>
  readonly refresh: (
    before: Pick<Tokens, 'refresh' | 'id' | 'sid'>,
  ) => Promise<{ readonly is: 'done'; readonly tokens: Tokens } | Refused | Away>
  /** Where a browser is sent to log out; undefined: the issuer has no such place, or cannot be asked. */
  readonly end: (id: string | undefined) => Promise<URL | undefined>
  /** What a `logout_token` says has ended. */
  readonly ended: (
    token: string,
  ) => Promise<{ readonly is: 'done'; readonly sid: string | undefined; readonly subject: string | undefined } | Refused | Away>
}

/** Milliseconds until an issuer is asked for its document again that has not told it. */
const RETRY = 1_000
/** Of an access token, when nothing is said. */
const DEFAULT_LIFE = 300_000
/** One that was passed on is good until it ends, whoever has logged out since. */
const LONGEST_LIFE = 300_000
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']
const LOGOUT = 'http://schemas.openid.net/event/backchannel-logout'
/** Milliseconds for which a word of the issuer that somebody has logged out is good. */
const LOGOUT_AGE = 300_000

type Asking = (url: string, init: unknown) => Promise<Response>

export function createIssuer(options: Settled, { clock, fetch }: Runtime, log: Logger): Issuer {
  const { issuer, clientId, origin, path, timeout, resource } = options
  const redirectUri = `${origin}${path}/callback`
  const asking =
    fetch === undefined
      ? undefined
      : (url: string, init: unknown): Promise<Response> => fetch(new Request(url, init as RequestInit))
  let keys: JWTVerifyGetKey | undefined
  let warned = false

  const configuration = createDiscovery(options, asking, clock)
  const away = (what: string, error: unknown): Away => {
    log.warn(`Cannot ${what}: the issuer does not answer as it should`, { issuer, error: inWords(error) })
    return AWAY
  }
  const tokensOf = (
    answer: client.TokenEndpointResponse & client.TokenEndpointResponseHelpers,
    before: Partial<Pick<Tokens, 'refresh' | 'id' | 'sid'>> = {},
  ): Tokens => {
    const said = answer.expiresIn()
    const life = said === undefined ? DEFAULT_LIFE : said * 1_000
    if (life > LONGEST_LIFE && !warned) {
      warned = true
      log.warn('Access tokens live longer than five minutes: have the issuer give out shorter ones', { issuer, life })
    }
    const sid = answer.claims()?.['sid']
    return {
      ...{ access: answer.access_token, life, ends: clock.now() + life },
      refresh: answer.refresh_token ?? before.refresh,
      id: answer.id_token ?? before.id,
      sid: typeof sid === 'string' && sid !== '' ? sid : before.sid,
    }
  }
  const forWhom: Readonly<Record<string, string>> = resource === undefined ? {} : { resource }

  return {
    begin: async ({ state, nonce, verifier }) => {
      try {
        return client.buildAuthorizationUrl(await configuration(), {
          ...options.parameters,
          ...forWhom,
          redirect_uri: redirectUri,
          scope: [...new Set(['openid', ...(options.scopes ?? [])])].join(' '),
          code_challenge: await client.calculatePKCECodeChallenge(verifier),
          code_challenge_method: 'S256',
          ...{ state, nonce },
        })
      } catch (error) {
        return away('send somebody to log in', error)
      }
    },
    finish: async (callback, { state, nonce, verifier }) => {
      try {
        const checks = { expectedState: state, expectedNonce: nonce, pkceCodeVerifier: verifier, idTokenExpected: true }
        const answer = await client.authorizationCodeGrant(await configuration(), callback, checks, forWhom)
        return { is: 'done', subject: answer.claims()!.sub, tokens: tokensOf(answer) }
      } catch (error) {
        return refusalOf(error) ?? away('log somebody in', error)
      }
    },
    refresh: async (before) => {
      try {
        const tokens = tokensOf(await client.refreshTokenGrant(await configuration(), before.refresh!, forWhom), before)
        // What was begun as one session at the issuer is ended as that one.
        return { is: 'done', tokens: { ...tokens, sid: before.sid } }
      } catch (error) {
        // Whatever else it says may be a fault of its own, or of these settings: nobody is logged out for it.
        return isGone(error) ? GONE : away('get another access token', error)
      }
    },
    end: async (id) => {
      try {
        const config = await configuration()
        if (config.serverMetadata().end_session_endpoint === undefined) return undefined
        return client.buildEndSessionUrl(config, {
          post_logout_redirect_uri: new URL(options.afterLogout!, origin).href,
          ...(id !== undefined && { id_token_hint: id }),
        })
      } catch (error) {
        away('log somebody out at the issuer', error)
        return undefined
      }
    },
    ended: async (token) => {
      let config: client.Configuration
      try {
        config = await configuration()
      } catch (error) {
        return away('read what has ended', error)
      }
      try {
        keys ??= keysOf(config, { timeout, ask: asking })
        const { payload } = await jwtVerify(token, keys, {
          ...{ algorithms: ALGORITHMS, issuer: config.serverMetadata().issuer, audience: clientId },
          ...{
            requiredClaims: ['iat', 'jti'],
            clockTolerance: 5,
            maxTokenAge: LOGOUT_AGE / 1_000,
            currentDate: new Date(clock.now()),
          },
        })
        return logoutOf(payload)
      } catch (error) {
        const { code, message } = error as { readonly code?: unknown; readonly message: string }
        if (error instanceof errors.JOSEError && !KEYS_AWAY.has(String(code)))
          return { is: 'refused', why: message, reason: 'logout token' }
        return away('read what has ended', error)
      }
    },
  }
}

/** What the issuer says of itself: asked once for all, and again a while after it could not be had. It throws whatever has failed. */
function createDiscovery(
  options: Settled,
  asking: Asking | undefined,
  clock: Runtime['clock'],
): () => Promise<client.Configuration> {
  const { issuer, clientId, clientSecret, timeout } = options
  let known: Promise<client.Configuration> | undefined
  let askedAt = -Infinity
  const discover = async (): Promise<client.Configuration> => {
    const authentication = options.clientAuthentication === 'post' ? client.ClientSecretPost : client.ClientSecretBasic
    // Whether it may be asked over plain HTTP was looked at when the options were.
    const execute = issuer.startsWith('http:') ? [client.allowInsecureRequests] : []
    return client.discovery(new URL(issuer), clientId, undefined, authentication(clientSecret), {
      execute,
      timeout: timeout / 1_000,
      ...(asking !== undefined && { [client.customFetch]: asking as client.CustomFetch }),
    })
  }
  return () => {
    if (known !== undefined) return known
    if (clock.monotonic() - askedAt < RETRY) return Promise.reject(new Error('it was asked a moment ago'))
    askedAt = clock.monotonic()
    known = discover()
    known.catch(() => {
      known = undefined
    })
    return known
  }
}

function keysOf(
  config: client.Configuration,
  { timeout, ask }: { readonly timeout: number; readonly ask: Asking | undefined },
): JWTVerifyGetKey {
  const { jwks_uri: at } = config.serverMetadata()
  if (at === undefined) throw new CallError('UNAVAILABLE', 'The issuer does not say where its keys are')
  return createRemoteJWKSet(new URL(at), { timeoutDuration: timeout, ...(ask !== undefined && { [customKeyFetch]: ask }) })
}

/** OpenID Connect Back-Channel Logout 1.0, section 2.6. A token for something else must not be taken for one that ends sessions. */
function logoutOf(claims: Readonly<Record<string, unknown>>): Awaited<ReturnType<Issuer['ended']>> {
  const no = (why: string): Refused => ({ is: 'refused', why, reason: 'logout token' })
  const { events, nonce, sid, sub } = claims
  const event = typeof events === 'object' && events !== null ? (events as Readonly<Record<string, unknown>>)[LOGOUT] : undefined
  if (typeof event !== 'object' || event === null) return no('it is no logout token')
  if (nonce !== undefined) return no('it has a "nonce", as an id token has')
  const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)
  if (text(sid) === undefined && text(sub) === undefined) return no('it has neither "sid" nor "sub"')
  return { is: 'done', sid: text(sid), subject: text(sub) }
}

const GONE: Refused = { is: 'refused', why: 'The issuer does not take it any more', reason: 'not taken' }
const isGone = (error: unknown): boolean => error instanceof client.ResponseBodyError && error.error === 'invalid_grant'

function refusalOf(error: unknown): Refused | undefined {
  if (isGone(error)) return GONE
  if (error instanceof client.AuthorizationResponseError)
    return error.error === 'access_denied'
      ? { is: 'refused', why: 'It was not allowed', reason: 'not allowed' }
      : { is: 'refused', why: `The issuer says "${error.error}"`, reason: 'issuer' }
  const { code } = error as { readonly code?: unknown }
  return error instanceof client.ClientError && NOT_ITS_WORD.has(String(code))
    ? { is: 'refused', why: 'What came back is not what the issuer was asked for', reason: 'mismatch' }
    : undefined
}

/** jose could not get the keys, or not read them. */
const KEYS_AWAY: ReadonlySet<string> = new Set(['ERR_JOSE_GENERIC', 'ERR_JWKS_TIMEOUT', 'ERR_JWKS_INVALID'])

/** What was answered, or came with the browser, does not fit what was asked. */
const NOT_ITS_WORD: ReadonlySet<string> = new Set([
  ...['OAUTH_INVALID_RESPONSE', 'OAUTH_JWT_CLAIM_COMPARISON_FAILED', 'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED'],
  ...['OAUTH_JWT_TIMESTAMP_CHECK_FAILED', 'OAUTH_INVALID_REQUEST'],
])

/** Without what was sent, which may be secret. */
function inWords(error: unknown): string {
  const { message, code, cause } = error as { readonly message?: unknown; readonly code?: unknown; readonly cause?: unknown }
  const inner = (cause as { readonly message?: unknown } | undefined)?.message
  return [message, code, inner].filter((part) => typeof part === 'string' && part !== '').join(': ')
}
