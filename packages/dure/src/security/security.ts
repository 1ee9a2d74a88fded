/** Who calls: access tokens verified where they arrive, and keys of programs that have none. */
import { type Principal } from '../contract/contract.ts'
import { lacking } from '../contract/internal.ts'
import type { Credentials } from '../door/door.ts'
import { realRuntime } from '../runtime/runtime.ts'
import { checkNumbers, completeNumbers, KEEP } from '../runtime/internal.ts'
import { accessActs } from './acts.ts'
import { apiKeyFinder, digestOf, principalWith } from './api-keys.ts'
import { issuerKeys, type IssuerStatus } from './keys.ts'
import { ALGORITHMS, DAY, DEFAULT_ALGORITHMS, DEFAULTS, NUMBERS, type SecurityOptions } from './options.ts'
import { refusal } from './refusal.ts'
import { createTokens, plainType, type Issuer } from './tokens.ts'

export { newApiKey, type ApiKey } from './api-keys.ts'
export { keycloak } from './claims.ts'
export type { IssuerStatus } from './keys.ts'
export type { Algorithm, Claims, IssuerOptions, SecurityLimits, SecurityOptions } from './options.ts'
export type { RefusalReason } from './refusal.ts'

/** What a request says in its headers, by their names in lower case. */
export type RequestHeaders = Pick<Credentials, 'header'>

/** Finds out who calls: what a system takes as its `security`, and what an application without Dure asks by itself. */
export type AccessSecurity = {
  /**
   * Who sends a request; undefined when it does not say.
   * @throws {CallError} UNAUTHENTICATED when it says so and it is not true, with the reason in `details.reason`; UNAVAILABLE while
   * the keys of an issuer cannot be had
   */
  readonly authenticate: (request: RequestHeaders) => Promise<Principal | undefined>
  /** The same as filters of a gateway ask: a consumer, undefined, or false when what it says is not true. */
  readonly consumer: (
    request: RequestHeaders,
  ) => Promise<{ readonly name: string; readonly principal: Principal } | undefined | false>
  /** Whom a token is about: at once when it was seen before. @throws {CallError} as `authenticate` does */
  readonly verify: (token: string) => Principal | Promise<Principal>
  /** How the keys of each issuer stand. */
  readonly status: () => readonly IssuerStatus[]
}

/**
 * Makes what finds out who calls: `system('shop', { services, doors, security: security({ … }) })`. Tokens are verified here, without
 * a word to their issuer: his keys are asked for once, again every ten minutes while they are in use, and at most once a minute for
 * a key id that is not known. Nothing has to be started or stopped.
 * @throws {TypeError} when something of its options cannot be used
 *
 * @example
 * ```ts
 * import { security } from 'dure/security'
 *
 * const access = security({ issuers: [{ issuer: 'https://login.example' }], audience: 'shop' })
 * const eve = { header: (name: string) => (name === 'authorization' ? 'Bearer eyJhbGciOiJub25lIn0.e30.' : undefined) }
 * await access.authenticate(eve).catch((error: Error) => console.log(error.message))
 * // → The credentials were refused: nobody here believes its issuer
 * ```
 */
export function security(options: SecurityOptions): AccessSecurity {
  const { issuers: given = [], apiKeys = [], apiKeyHeader = 'x-api-key', runtime = realRuntime(), log } = options
  const limits = completeNumbers('find out who calls', DEFAULTS, options.limits ?? {}, NUMBERS)
  checkIssuers(options)
  const find = typeof apiKeys === 'function' ? apiKeys : apiKeyFinder(apiKeys)
  const header = apiKeyHeader.toLowerCase()
  const issuers = new Map<string, Issuer>()
  const tokens = createTokens({ issuers, limits, runtime })
  const acts = accessActs({ record: options.record, runtime, log })
  for (const one of given) {
    const { issuer, audience = options.audience!, types = ['at+jwt'], algorithms = DEFAULT_ALGORITHMS, keysFor = DAY } = one
    const isAllowed = (url: string): boolean => isSafe(url, one.insecure)
    const keys = issuerKeys({
      ...{ issuer, source: one.keys, algorithms, keysFor, refresh: limits.refresh, timeout: limits.timeout },
      ...{ isAllowed, onLess: tokens.forget, runtime, log },
    })
    issuers.set(issuer, {
      ...{ issuer, audience: [audience].flat(), algorithms, types: types.map(plainType), keys },
      ...{ check: one.check, principal: one.principal, prefix: one.prefix },
    })
  }

  const authenticate = async (request: RequestHeaders): Promise<Principal | undefined> => {
    const [authorization, key] = [request.header('authorization'), request.header(header)]
    if (authorization === undefined) return key === undefined ? undefined : acts.watched('api-key', () => withKey(key))
    return acts.watched('token', () => {
      if (key !== undefined) throw refusal('malformed', 'both a token and an API key were sent; send one of them')
      if (!/^bearer /i.test(authorization))
        throw refusal('malformed', 'the header "authorization" has to be "Bearer" and a token')
      return tokens.verify(authorization.slice(7).trim())
    })
  }
  const withKey = async (key: string): Promise<Principal> => {
    const principal = await principalWith(key, find, runtime.clock.now())
    acts.keyUsed(digestOf(key), principal)
    return principal
  }
  return Object.freeze({
    authenticate,
    consumer: async (request: RequestHeaders) => {
      try {
        const principal = await authenticate(request)
        return principal && { name: principal.subject, principal }
      } catch (error) {
        if ((error as { code?: unknown }).code === 'UNAUTHENTICATED') return false
        throw error
      }
    },
    verify: (token: string) => acts.watched('token', () => tokens.verify(token)),
    status: () => [...issuers.values()].map(({ keys }) => keys.status()),
  })
}

/**
 * Whether somebody has the scope and one of the roles that are asked for: for applications that have no contract to say so.
 *
 * @example
 * ```ts
 * import { permits } from 'dure/security'
 *
 * const ana = { subject: 'ana', kind: 'user', scopes: ['orders:write'], roles: [] } as const
 * console.log(permits(ana, { scope: 'orders:write' }), permits(undefined, {})) // → true false
 * ```
 */
export function permits(
  principal: Principal | undefined,
  needed: { readonly scope?: string; readonly roles?: readonly string[] },
): boolean {
  return principal !== undefined && lacking(principal, needed) === undefined
}

function checkIssuers({ issuers = [], audience }: SecurityOptions): void {
  const no = (issuer: unknown, why: string): never => {
    throw new TypeError(`Cannot find out who calls by the tokens of issuer "${String(issuer)}": ${why}`)
  }
  const seen = new Set<string>()
  for (const one of issuers) {
    const { issuer, keys, algorithms = DEFAULT_ALGORITHMS, prefix, insecure } = one
    if (typeof issuer !== 'string' || issuer === '') return no(issuer, 'it has no name; give what its tokens say in "iss"')
    if (seen.has(issuer)) return no(issuer, 'it is named twice')
    seen.add(issuer)
    if ([one.audience ?? audience ?? []].flat().length === 0)
      return no(issuer, 'nothing is said of whom they have to be for; give an "audience"')
    const odd = algorithms.find((algorithm) => !ALGORITHMS.includes(algorithm))
    if (odd !== undefined || algorithms.length === 0)
      return no(issuer, `"${odd ?? ''}" is no algorithm whose key the issuer alone has; use ${ALGORITHMS.join(', ')}`)
    if (typeof keys !== 'object' && !isSafe(keys ?? issuer, insecure))
      return no(issuer, 'its keys would come from where anybody could change them; use a url with "https://", or say "insecure"')
    if (one.keysFor !== undefined) checkNumbers('find out who calls', { keysFor: one.keysFor }, { keysFor: KEEP })
    if (issuers.length > 1 && prefix === undefined)
      return no(issuer, 'there are several, which may mean different people by one name; give each a "prefix" (one may have "")')
  }
  const prefixes = issuers.map(({ prefix }) => prefix)
  if (new Set(prefixes).size < prefixes.length) no(issuers[0]!.issuer, 'two issuers have the same "prefix"')
}

/** Whether what is had from there is what was meant: plain HTTP is, within this machine. */
function isSafe(url: string, insecure = false): boolean {
  if (!URL.canParse(url)) return false
  const { protocol, hostname } = new URL(url)
  if (protocol === 'https:') return true
  const isHere = hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname)
  return protocol === 'http:' && (isHere || insecure)
}
