import type { AuditLine } from 'dure/audit'
import { completeNumbers, COUNT, KEEP, WAIT, WAIT_OR_NONE, type Ranges } from 'dure/runtime/internal'
import type { StoreAdapter } from 'dure/service'

/** A text for everybody, or one for each language: `{ en: 'Place orders', ko: '주문하기' }`. */
export type Text = string | Readonly<Record<string, string>>

/** An application that people log in to, or a program that acts for itself. */
export type ClientOptions = {
  readonly id: string
  /** What people read of it. Default: its id. */
  readonly name?: Text
  /** At least 32 characters. Without one it is public: an application in a browser or on a phone, which can keep none. */
  readonly secret?: string
  /** Where people may be sent after they have logged in, to the letter. With them it may use the code flow with PKCE. */
  readonly redirectUris?: readonly string[]
  /** Where they may be sent after they have logged out, to the letter. */
  readonly postLogoutRedirectUris?: readonly string[]
  /** Is told of logins that have ended (OpenID Connect Back-Channel Logout). */
  readonly backchannelLogoutUri?: string
  /** Whether it may get tokens for itself (client credentials); it needs a secret. Default: no. */
  readonly clientCredentials?: boolean
  /** What it may ask for: of `scopes`. */
  readonly scopes?: readonly string[]
  /** Roles of the program itself, in tokens that it gets for itself. */
  readonly roles?: readonly string[]
  /** It belongs to the system, so people are not asked whether it may. Default: they are. */
  readonly trusted?: boolean
}

/** A login that has ended at a client: its tokens and sessions with this `sid` count no more. Without one, all of the subject. */
export type EndedLogin = { readonly subject: string; readonly sid?: string; readonly client?: string }

export type AuthLimits = {
  /** Milliseconds that an access token lasts; at most, and by default, five minutes. */
  readonly accessToken: number
  /** Milliseconds that a login lasts, and all refresh tokens that came of it. Default 14 days. */
  readonly login: number
  /** Milliseconds for which a refresh token that was used may be used again, and gives the same successor. Default 5,000. */
  readonly refreshGrace: number
  /** Milliseconds that a key signs for. Default 30 days. */
  readonly keyLife: number
  /** Milliseconds that a key is shown before it signs: longer than services keep what they were shown. Default 15 minutes. */
  readonly keyLead: number
  /** Milliseconds after which a process looks whether another one has made a key. Default 5,000. */
  readonly refresh: number
  /** Failed logins of one account, and from one address, in `failureWindow`. Default 10, 50. */
  readonly accountFailures: number
  readonly addressFailures: number
  /** Milliseconds. Default 15 minutes. */
  readonly failureWindow: number
  /** Characters of the shortest password. Default 15, as NIST asks where there is nothing but a password. */
  readonly password: number
  /** Connections at once. Default 1,000. */
  readonly connections: number
  /** Milliseconds that a request may take to arrive. Default 10,000. */
  readonly requestTimeout: number
}

const MINUTE = 60_000
const DAY = 86_400_000
const DEFAULTS: AuthLimits = {
  ...{ accessToken: 5 * MINUTE, login: 14 * DAY, refreshGrace: 5_000, keyLife: 30 * DAY, keyLead: 15 * MINUTE, refresh: 5_000 },
  ...{ accountFailures: 10, addressFailures: 50, failureWindow: 15 * MINUTE, password: 15, connections: 1_000 },
  requestTimeout: 10_000,
}
/** What is counted in whole seconds. */
const SECONDS = { least: 1_000, unit: 'milliseconds' } as const
const RANGES: Ranges<AuthLimits> = {
  accessToken: { ...SECONDS, most: 5 * MINUTE },
  login: { ...SECONDS, most: 400 * DAY },
  refreshGrace: { least: 0, most: MINUTE, unit: 'milliseconds' },
  ...{ keyLife: KEEP, keyLead: WAIT_OR_NONE, refresh: WAIT, accountFailures: COUNT, addressFailures: COUNT, failureWindow: WAIT },
  password: { least: 8, most: 200, whole: true },
  ...{ connections: COUNT, requestTimeout: WAIT },
}

export type AuthOptions = {
  /** Who signs, to the letter as tokens say it in `iss`: the url at which browsers and services reach it. Default: where it listens. */
  readonly issuer?: string
  /** Default 8090. 0 takes any free port. */
  readonly port?: number
  /** Default 127.0.0.1: this machine only. */
  readonly host?: string
  /** The system that access tokens are for: their `aud`, and the name that people read. */
  readonly audience: string
  /** What people read of the system. Default: `audience`. */
  readonly name?: Text
  /** What may be asked for, and what people read of it. */
  readonly scopes: Readonly<Record<string, Text>>
  readonly clients: readonly ClientOptions[]
  /** Where users, logins and keys are kept. Default `sqlite()`: `auth.db` in the system's directory. One that is shared serves several copies. */
  readonly store?: StoreAdapter
  /** Seals keys and signs cookies: 32 characters or more, the same for all copies. Default: `auth.secret` in the directory, made there. */
  readonly secret?: string
  /**
   * Told of logins, refusals, keys and changes of users, as a line for an audit log. A login waits for it, and does not begin when it
   * rejects.
   */
  readonly audit?: (line: AuditLine) => void | Promise<void>
  /** Told of logins that have ended, for whoever verifies tokens by themselves: what they have may last minutes more. */
  readonly onEnded?: (ended: EndedLogin) => void | Promise<void>
  /** Where a request comes from, where something stands before this server. Default: whoever connects. */
  readonly address?: (request: { readonly header: (name: string) => string | undefined; readonly remote: string }) => string
  readonly limits?: Partial<AuthLimits>
}

export const PATH = 'open the authorization server'

export function limitsOf({ limits = {} }: AuthOptions): AuthLimits {
  return completeNumbers(PATH, DEFAULTS, limits, RANGES)
}

/** @throws {TypeError} when something cannot be used */
export function checkOptions({ audience, scopes, clients, issuer }: AuthOptions): void {
  const no = (why: string): never => {
    throw new TypeError(`Cannot ${PATH}: ${why}`)
  }
  if (typeof audience !== 'string' || !/^[\x21-\x7e]{1,200}$/.test(audience))
    return no('"audience" has to be the name of the system, without spaces')
  for (const scope of Object.keys(scopes))
    if (!/^[\x21\x23-\x5b\x5d-\x7e]{1,100}$/.test(scope) || OWN_SCOPES.includes(scope))
      return no(
        `"${scope}" cannot be one of its scopes; use 1 to 100 letters, digits and signs, and none of ${OWN_SCOPES.join(', ')}`,
      )
  const seen = new Set<string>()
  for (const client of clients) {
    const fault = seen.has(client.id) ? 'is there twice' : clientFault(client, scopes)
    if (fault !== undefined) return no(`client "${client.id}" ${fault}`)
    seen.add(client.id)
  }
  if (issuer === undefined) return
  const local = URL.canParse(issuer) && /^(localhost|127(\.\d+){3}|\[::1\])$/.test(new URL(issuer).hostname)
  if (!URL.canParse(issuer) || !(issuer.startsWith('https://') || (issuer.startsWith('http://') && local)))
    return no(`"issuer" is "${issuer}"; give an url that begins with "https://", or "http://" on this machine alone`)
  if (new URL(issuer).pathname !== '/' || issuer.endsWith('/')) return no(`"issuer" is "${issuer}"; give it without a path`)
}

/** Why a client cannot be used, in words that go on after its id; undefined when it can. */
export function clientFault(client: ClientOptions, scopes: AuthOptions['scopes']): string | undefined {
  if (!/^[\x21-\x7e]{1,200}$/.test(client.id)) return 'needs an id without spaces'
  if (client.secret !== undefined && client.secret.length < 32)
    return 'has a secret of less than 32 characters; make one by chance: openssl rand -base64 32'
  if (client.clientCredentials === true && client.secret === undefined) return 'cannot get tokens for itself without a secret'
  const unknown = client.scopes?.find((scope) => !Object.hasOwn(scopes, scope) && !OWN_SCOPES.includes(scope))
  if (unknown !== undefined) return `may ask for "${unknown}", which is none of the scopes; name it among "scopes"`
  const addresses = [...(client.redirectUris ?? []), ...(client.postLogoutRedirectUris ?? [])]
  const odd = addresses.find((uri) => uri.includes('*'))
  if (odd !== undefined) return `has the address "${odd}": each is compared to the letter, so write all of them`
  const wrong = [...addresses, ...[client.backchannelLogoutUri ?? []].flat()].find(
    (uri) => !URL.canParse(uri) || uri.includes('#'),
  )
  return wrong === undefined ? undefined : `has the address "${wrong}", which is none; give it whole, without "#"`
}

/** Those of OpenID Connect: who it is, what is known of them, and tokens that outlive the login. */
export const OWN_SCOPES: readonly string[] = ['openid', 'profile', 'offline_access']

export function textOf(text: Text, language: string): string {
  return typeof text === 'string' ? text : (text[language] ?? text['en'] ?? Object.values(text)[0] ?? '')
}
