/** Who may pass: by access tokens that are verified here, and by what their callers may do. */
import { permits, security, type AccessSecurity, type IssuerOptions } from 'dure/security'
import { problem, type Answer } from '../proxy/proxy.ts'
import { filter, type Filter, type GatewayRequest } from '../filter.ts'
import { authenticate, type AuthenticateOptions } from './consumers.ts'

/** An issuer, with what its tokens have to be for (`audience`): written down, or made by `keycloak` of `dure/security`. */
export type TokensOptions = Pick<AuthenticateOptions, 'optional'> & IssuerOptions

/**
 * Knows consumers by access tokens (JWT) of an issuer, which are verified here: his keys are asked for once. Behind `login` it looks at
 * the token that the login passes on. Several issuers: `authenticate(security({ … }).consumer)`.
 * @throws {TypeError} when something of its options cannot be used
 *
 * @example
 * ```ts
 * import { authorize, tokens } from '@dure/gateway'
 *
 * const known = tokens({ issuer: 'https://login.example', audience: 'shop' })
 * const staff = authorize({ scope: 'orders:write', roles: ['support'] })
 * console.log(known.name, staff.name) // → tokens authorize
 * ```
 */
export function tokens({ optional = false, ...issuer }: TokensOptions): Filter {
  const made = (more: Pick<Parameters<typeof security>[0], 'runtime' | 'log'>): AccessSecurity =>
    security({ issuers: [issuer], ...more })
  // What cannot be used of it is known before the gateway opens.
  made({})
  return filter('tokens', ({ runtime, log, ...world }) => {
    const { consumer } = made({ runtime, log })
    const known = authenticate(({ passedHeader }) => consumer({ header: onlyBearer(passedHeader) }), { optional })
    return known.open({ runtime, log, ...world })
  })
}

/** Keys of programs are for other filters: beside a token they are not looked at. */
const onlyBearer = (header: GatewayRequest['passedHeader']) => (name: string) =>
  name === 'authorization' ? header(name) : undefined

export type AuthorizeOptions = {
  /** A consumer needs this scope. */
  readonly scope?: string
  /** A consumer needs one of these roles. */
  readonly roles?: readonly string[]
}

/**
 * Lets those pass alone who have a scope and one of the roles; with neither, whoever is known. A filter before it says who a consumer is:
 * `tokens`, `apiKeys`, or `authenticate`. Others are refused: with 401 who is nobody, with 403 who may not.
 * @throws {TypeError} when there is a list of no roles, which would let nobody in
 *
 * @example
 * ```ts
 * import { apiKeys, authorize } from '@dure/gateway'
 *
 * const filters = [apiKeys({ file: 'keys.json' }), authorize({ scope: 'orders:write' })]
 * console.log(filters.map(({ name }) => name).join(' ')) // → apiKeys authorize
 * ```
 */
export function authorize({ scope, roles }: AuthorizeOptions = {}): Filter {
  if (roles?.length === 0) throw new TypeError('Cannot authorize by roles: there is none in the list, so nobody would pass')
  const needs = { ...(scope !== undefined && { scope }), ...(roles !== undefined && { roles }) }
  const asked = [
    ...(scope === undefined ? [] : [`the scope "${scope}"`]),
    ...(roles === undefined ? [] : [`${roles.length === 1 ? 'the role' : 'one of the roles'} "${roles.join('", "')}"`]),
  ].join(' and ')
  // As RFC 6750 has it: a client may ask its issuer for the scope.
  const challenge = `Bearer error="insufficient_scope"${scope === undefined ? '' : `, scope="${scope}"`}`
  return filter('authorize', {
    before: ({ consumer }): Answer | undefined => {
      if (consumer === undefined) return problem(401, 'UNAUTHENTICATED', 'Say who you are', { 'www-authenticate': 'Bearer' })
      if (asked === '' || permits(consumer.principal, needs)) return undefined
      return problem(403, 'PERMISSION_DENIED', `It needs ${asked}, which you do not have`, { 'www-authenticate': challenge })
    },
  })
}
