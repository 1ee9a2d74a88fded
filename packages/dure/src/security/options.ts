import type { JSONWebKeySet } from 'jose'
import type { Principal } from '../contract/contract.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { COUNT, KEEP, WAIT, WAIT_OR_NONE, type Ranges } from '../runtime/internal.ts'
import type { Logger, RecordAct } from '../telemetry/telemetry.ts'
import type { ApiKey } from './api-keys.ts'

/** What a token may be signed with: of each pair the issuer alone has the half that signs. */
export const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const
export type Algorithm = (typeof ALGORITHMS)[number]

/** What a token says, once it is known who says so. */
export type Claims = Readonly<Record<string, unknown>>

/** Who gives out tokens. */
export type IssuerOptions = {
  /** What its tokens say in `iss`, to the letter. */
  readonly issuer: string
  /**
   * Where its keys are had (a set of JSON Web Keys), or the keys themselves. Default: where its document says, below
   * `/.well-known/openid-configuration`. Over plain HTTP of this machine only, unless `insecure`.
   */
  readonly keys?: string | JSONWebKeySet
  readonly insecure?: boolean
  /** What tokens have to be for: one of these in `aud`. Default: the `audience` of all. */
  readonly audience?: string | readonly string[]
  /** Default: `RS256`, `PS256`, `ES256`, `EdDSA`. */
  readonly algorithms?: readonly Algorithm[]
  /** What `typ` of a token's header may be. Default: `at+jwt` alone, so that no token made for something else is taken. */
  readonly types?: readonly string[]
  /** Why it is no access token, by what it says; undefined when it is one. For issuers that say so in a claim. */
  readonly check?: (claims: Claims) => string | undefined
  /** Whom it is about. Default: `sub`, `scope`, `roles`, as RFC 9068 has them. */
  readonly principal?: (claims: Claims) => Principal
  /** What subjects of this issuer begin with. Two issuers may mean two people by one name, so of several each needs its own. */
  readonly prefix?: string
  /** Milliseconds for which keys are used on while the issuer cannot be reached. Default a day. */
  readonly keysFor?: number
}

export type SecurityLimits = {
  /** Milliseconds by which this clock and an issuer's may differ. Default 5,000. */
  readonly skew: number
  /** Tokens that were looked at and are remembered until they end. Default 10,000. */
  readonly tokens: number
  /** Characters of the longest token. Default 8,192. */
  readonly length: number
  /** Milliseconds until an issuer must have answered. Default 5,000. */
  readonly timeout: number
  /** Milliseconds after which keys are asked for again while they are in use. Default ten minutes. */
  readonly refresh: number
}

export type SecurityOptions = {
  readonly issuers?: readonly IssuerOptions[]
  /** What tokens have to be for, where their issuer says nothing else. */
  readonly audience?: string | readonly string[]
  /** Keys of programs that have no tokens: a list, or whatever finds one by its digest. */
  readonly apiKeys?: readonly ApiKey[] | ((digest: string) => ApiKey | undefined | Promise<ApiKey | undefined>)
  /** The header that they are sent in. Default `x-api-key`. */
  readonly apiKeyHeader?: string
  readonly limits?: Partial<SecurityLimits>
  /**
   * Where an audit log is told of API keys that come for the first time since the start, and of refusals: one line a minute at most for each reason,
   * with how many there were. Nobody waits for it. Default: nowhere.
   */
  readonly record?: RecordAct
  /** Default: the real one. */
  readonly runtime?: Runtime
  /** Told of issuers that cannot be reached. Default: nobody. */
  readonly log?: Pick<Logger, 'warn'>
}

export const DEFAULTS: SecurityLimits = { skew: 5_000, tokens: 10_000, length: 8_192, timeout: 5_000, refresh: 600_000 }
export const NUMBERS: Ranges<SecurityLimits> = { skew: WAIT_OR_NONE, tokens: COUNT, length: COUNT, timeout: WAIT, refresh: KEEP }
export const DEFAULT_ALGORITHMS: readonly Algorithm[] = ['RS256', 'PS256', 'ES256', 'EdDSA']
export const DAY = 86_400_000
