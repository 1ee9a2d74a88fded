import { errors, jwtVerify } from 'jose'
import type { CallError, Principal } from '../contract/contract.ts'
import { copyPrincipal, wrongPrincipal } from '../contract/internal.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { principalOf } from './claims.ts'
import { strictObject } from './json.ts'
import type { Keys } from './keys.ts'
import type { Claims, IssuerOptions, SecurityLimits } from './options.ts'
import { refusal, type RefusalReason } from './refusal.ts'

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
    const { issuer, header } = readToken(token, { issuers: options.issuers, limits, headerOf })
    const { kid, alg } = header
    const key = await issuer.keys.find(kid, alg)
    const { payload } = await jwtVerify(token, key, {
      ...{ algorithms: [alg], issuer: issuer.issuer, audience: [...issuer.audience], requiredClaims: ['exp', 'sub'] },
      ...{ clockTolerance: limits.skew / 1_000, currentDate: new Date(clock.now()) },
    }).catch((error: unknown) => {
      throw inWords(error)
    })
    const principal = principalFor(issuer, payload)
    // A key that has gone meanwhile takes what it signed with it.
    if (began === age) remember(token, principal, payload.exp! * 1_000)
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
): { readonly issuer: Issuer; readonly header: { readonly kid: string | undefined; readonly alg: string } } {
  if (token.length > limits.length) throw refusal('too long', `the token has more than ${limits.length} characters`)
  const [first = '', second = '', ...signature] = token.split('.')
  const [header, claims] = signature.length === 1 ? [headerOf(first), strictObject(second)] : []
  if (header === undefined || claims === undefined)
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
  return { issuer, header: { kid, alg } }
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

const CLAIMS: Readonly<Record<string, readonly [RefusalReason, string]>> = {
  aud: ['audience', 'the token is for somebody else'],
  iss: ['issuer', 'nobody here believes its issuer'],
  nbf: ['not yet', 'the token is not valid yet'],
}

function inWords(error: unknown): CallError {
  if (error instanceof errors.JWTExpired) return refusal('expired', 'the token has ended; get another')
  if (error instanceof errors.JWTClaimValidationFailed) {
    const [reason, words] = CLAIMS[error.claim] ?? (['claims', `its claim "${error.claim}" is not as it has to be`] as const)
    return refusal(reason, words, error)
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) return refusal('signature', 'its signature is not its issuer’s')
  return refusal('malformed', 'the token cannot be read', error)
}
