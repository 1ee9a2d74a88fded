import type { Principal } from '../contract/contract.ts'
import { copyPrincipal, wrongPrincipal } from '../contract/internal.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { principalOf } from './claims.ts'
import { strictObject } from './json.ts'
import type { Keys } from './keys.ts'
import type { Claims, IssuerOptions, SecurityLimits } from './options.ts'
import { refusal } from './refusal.ts'

/** An issuer as tokens are looked at by: all that its options leave open is settled. */
export type Issuer = Pick<IssuerOptions, 'issuer' | 'check' | 'principal' | 'prefix'> & {
  readonly audience: readonly string[]
  readonly algorithms: readonly string[]
  /** In lower case, without `application/`. */
  readonly types: readonly string[]
  readonly keys: Keys
}

/** Tokens of one key begin alike, so what that says is read once; so many beginnings are remembered. */
const MOST_HEADERS = 100
/** Characters of all remembered tokens together, at most. */
const MOST_CHARACTERS = 16 * 1024 * 1024

export type Tokens = {
  /** Whom a token is about. @throws {CallError} UNAUTHENTICATED, or UNAVAILABLE while nobody can know */
  readonly verify: (token: string) => Principal | Promise<Principal>
  /** Tokens that are remembered. */
  readonly size: () => number
  readonly forget: () => void
}

export function createTokens(options: {
  readonly issuers: ReadonlyMap<string, Issuer>
  readonly limits: SecurityLimits
  readonly runtime: Pick<Runtime, 'clock'>
}): Tokens {
  const { limits } = options
  const { clock } = options.runtime
  const remembered = new Map<string, { readonly principal: Principal; readonly until: number }>()
  let characters = 0
  const drop = (token: string): void => {
    if (remembered.delete(token)) characters -= token.length
  }
  const remember = (token: string, principal: Principal, until: number): void => {
    drop(token)
    remembered.set(token, { principal, until })
    characters += token.length
    // The oldest first: who still comes is looked at once more.
    for (const [oldest] of remembered) {
      if (remembered.size <= limits.tokens && characters <= MOST_CHARACTERS) break
      drop(oldest)
    }
  }
  const headers = new Map<string, ReturnType<typeof strictObject>>()
  const headerOf = (part: string): ReturnType<typeof strictObject> => {
    let header = headers.get(part)
    if (header !== undefined) return header
    header = strictObject(part)
    if (headers.size >= MOST_HEADERS) headers.clear()
    headers.set(part, header)
    return header
  }
  let age = 0

  const look = async (token: string): Promise<Principal> => {
    const began = age
    const { issuer, header, claims, signature } = readToken(token, { issuers: options.issuers, limits, headerOf })
    const { kid, alg } = header
    const verifies = await issuer.keys.find(kid, alg)
    if (!verifies(token.slice(0, -signature.length - 1), signature))
      throw refusal('signature', 'its signature is not its issuer’s')
    const until = checkClaims(claims, issuer, { now: Math.floor(clock.now() / 1_000), skew: limits.skew / 1_000 })
    const principal = principalFor(issuer, claims)
    // A key that has gone meanwhile takes what it signed with it.
    if (began === age) remember(token, principal, until * 1_000)
    return principal
  }

  return {
    verify: (token) => {
      const known = remembered.get(token)
      if (known === undefined) return look(token)
      if (clock.now() < known.until) return known.principal
      drop(token)
      return look(token)
    },
    size: () => remembered.size,
    forget: () => {
      age++
      remembered.clear()
      characters = 0
    },
  }
}

/** What a token claims to be, before anything of it is believed: enough to know who could have signed it, and how. */
function readToken(
  token: string,
  {
    issuers,
    limits,
    headerOf,
  }: {
    readonly issuers: ReadonlyMap<string, Issuer>
    readonly limits: SecurityLimits
    readonly headerOf: typeof strictObject
  },
): {
  readonly issuer: Issuer
  readonly header: { readonly kid: string | undefined; readonly alg: string }
  readonly claims: Claims
  readonly signature: string
} {
  if (token.length > limits.length) throw refusal('too long', `the token has more than ${limits.length} characters`)
  const [first = '', second = '', signature, ...more] = token.split('.')
  const [header, claims] = more.length === 0 ? [headerOf(first), strictObject(second)] : []
  if (header === undefined || claims === undefined || signature === undefined)
    throw refusal('malformed', 'the token is no signed JWT, or says something twice')
  const issuer = typeof claims['iss'] === 'string' ? issuers.get(claims['iss']) : undefined
  if (issuer === undefined) throw refusal('issuer', 'nobody here believes its issuer')
  const { alg, typ, kid, crit } = header
  if (typeof alg !== 'string' || !issuer.algorithms.includes(alg))
    throw refusal('algorithm', `it has to be signed with ${issuer.algorithms.join(', ')}`)
  if (typeof typ !== 'string' || !issuer.types.includes(plainType(typ)))
    throw refusal('type', `it is no access token: its "typ" has to be ${issuer.types.join(' or ')}`)
  if (crit !== undefined || (kid !== undefined && (typeof kid !== 'string' || kid.length > 255)))
    throw refusal('malformed', 'its header says what is not understood here')
  return { issuer, header: { kid, alg }, claims, signature }
}

/** A type of media, whose beginning may be left out. */
export function plainType(typ: string): string {
  return typ.toLowerCase().replace(/^application\//, '')
}

function principalFor({ check, principal: from = principalOf, prefix }: Issuer, claims: Claims): Principal {
  const unfit = check?.(claims)
  if (unfit !== undefined) throw refusal('type', unfit)
  const { subject, ...same } = from(claims)
  const principal = { ...same, subject: prefix === undefined ? subject : `${prefix}${subject}` }
  const wrong =
    wrongPrincipal(principal) ?? (principal.kind === 'service' ? 'is a service, which nobody from outside is' : undefined)
  if (wrong !== undefined) throw refusal('claims', `whom it is about ${wrong}`)
  return copyPrincipal(principal)
}

/**
 * Sees that a token is for somebody here, and valid now (RFC 7519, section 4.1); times in seconds since the epoch.
 * @returns when it ends
 */
function checkClaims(
  { aud, exp, iat, nbf, sub }: Claims,
  { audience }: Pick<Issuer, 'audience'>,
  { now, skew }: { readonly now: number; readonly skew: number },
): number {
  const odd = Object.entries({ exp, iat: iat ?? 0, nbf: nbf ?? 0 }).find(([, value]) => typeof value !== 'number')
  if (odd !== undefined || typeof exp !== 'number')
    throw refusal('claims', `its claim "${odd?.[0] ?? 'exp'}" is not as it has to be`)
  if (typeof sub !== 'string') throw refusal('claims', 'its claim "sub" is not as it has to be')
  if (![aud].flat().some((one) => typeof one === 'string' && audience.includes(one)))
    throw refusal('audience', 'the token is for somebody else')
  if (typeof nbf === 'number' && nbf > now + skew) throw refusal('not yet', 'the token is not valid yet')
  if (exp <= now - skew) throw refusal('expired', 'the token has ended; get another')
  return exp
}
