import type { Principal } from '../contract/contract.ts'
import type { Claims, IssuerOptions } from './options.ts'

/**
 * Whom a token of RFC 9068 is about: `sub`, `scope`, `roles`. One that a program got for itself has its id as subject.
 */
export function principalOf(claims: Claims): Principal {
  const subject = textOf(claims['sub']) ?? ''
  const client = textOf(claims['client_id']) ?? textOf(claims['azp'])
  const own = client === subject
  return {
    subject,
    kind: own ? 'client' : 'user',
    scopes: wordsOf(claims['scope'] ?? claims['scp']),
    roles: textsOf(claims['roles']),
    ...(client !== undefined && !own && { client }),
  }
}

/**
 * An issuer that is a realm of Keycloak, whose tokens are of another form: roles stand where Keycloak writes them (those of the realm,
 * and those of the program that the token is for), and what is an access token is said in a claim. `audience` is to be in the tokens:
 * in Keycloak a mapper of the kind "Audience" puts it there.
 * @throws {TypeError} when the url cannot be used
 *
 * @example
 * ```ts
 * import { keycloak, security } from 'dure/security'
 *
 * const realm = keycloak({ url: 'https://login.example', realm: 'shop', audience: 'shop-api' })
 * const access = security({ issuers: [realm] })
 * console.log(realm.issuer, access.status().length) // → https://login.example/realms/shop 1
 * ```
 */
export function keycloak(options: {
  /** Where it is reached by whoever logs in: with it each `iss` begins. */
  readonly url: string
  readonly realm: string
  readonly audience: string
}): IssuerOptions {
  const issuer = `${options.url.replace(/\/+$/, '')}/realms/${encodeURIComponent(options.realm)}`
  return {
    issuer,
    audience: options.audience,
    keys: `${issuer}/protocol/openid-connect/certs`,
    types: ['JWT', 'at+jwt'],
    // Identity tokens ("ID") and those that get others ("Refresh", "Offline") are signed by the same keys.
    check: ({ typ }) => (typ === 'Bearer' ? undefined : 'it is of Keycloak, and no access token'),
    principal: (claims) => {
      const { roles = [], ...same } = principalOf(claims)
      const account = textOf(claims['client_id'])
      const own = fieldOf(fieldOf(claims, 'resource_access'), options.audience)
      const found = [...textsOf(fieldOf(fieldOf(claims, 'realm_access'), 'roles')), ...textsOf(fieldOf(own, 'roles')), ...roles]
      const known = { ...same, roles: [...new Set(found)] }
      // An account that Keycloak made for a program has a subject of its own; the program is who acts.
      return account === undefined ? known : { ...known, kind: 'client', subject: account, client: undefined }
    },
  }
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)
const textsOf = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.filter((each) => textOf(each) !== undefined) : []
const wordsOf = (value: unknown): readonly string[] =>
  typeof value === 'string' ? value.split(' ').filter((word) => word !== '') : textsOf(value)
