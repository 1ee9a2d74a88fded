/** oidc-provider, told what this server is: the code flow with PKCE, refresh tokens that rotate, programs that act for themselves. */
import type { Account, Adapter, Client, Context, Payload, Token } from 'oidc-provider'
import { InvalidTarget } from 'oidc-provider/lib/helpers/errors.js'
// Its front file only adds a warning to standard error, on releases of Node that are not LTS.
import { Provider } from 'oidc-provider/lib/provider.js'
import type { Clock, Runtime } from 'dure/runtime'
import type { ClientStore } from './clients.ts'
import type { PrivateKey } from './keys.ts'
import { OWN_SCOPES, textOf, type AuthLimits, type AuthOptions, type ClientOptions } from './options.ts'
import type { Records } from './records.ts'
import type { User } from './users.ts'

export type ProviderOptions = {
  readonly issuer: string
  readonly options: AuthOptions
  readonly limits: AuthLimits
  /** All that are shown; the first one signs. */
  readonly keys: readonly PrivateKey[]
  readonly cookieKey: string
  readonly records: Records
  readonly successorOf: (token: string) => string
  readonly findClient: ClientStore['find']
  readonly findUser: (subject: string) => Promise<User | undefined>
  readonly clock: Clock
  readonly fetch: NonNullable<Runtime['fetch']>
  readonly pages: Pages
}

/** What people see that is drawn from inside a request to oidc-provider. */
export type Pages = {
  readonly error: (context: Context, error: { readonly error: string; readonly error_description?: string }) => void
  readonly logout: (context: Context, form: string) => void
  readonly loggedOut: (context: Context) => void
}

type Person = Account & { readonly user: User }

const seconds = (milliseconds: number): number => Math.max(1, Math.floor(milliseconds / 1_000))
const ALGORITHM = 'ES256'

export function createProvider(given: ProviderOptions): Provider {
  const { issuer, options, limits, keys, records, findClient } = given
  // A resource is named by a URI (RFC 8707): whoever asks by the name of the system is understood, where that is one.
  const resource = URL.canParse(options.audience) ? options.audience : `urn:dure:${encodeURIComponent(options.audience)}`
  const scopes = Object.keys(options.scopes)
  const secure = issuer.startsWith('https:')
  const login = seconds(limits.login)
  const accessTokenTTL = seconds(limits.accessToken)

  const findAccount = async (_context: unknown, subject: string): Promise<Person | undefined> => {
    const user = await given.findUser(subject)
    if (user === undefined || user.disabled) return undefined
    const claims = { sub: subject, preferred_username: user.name, roles: user.roles }
    return { accountId: subject, user, claims: async () => claims }
  }

  const extraTokenClaims = async (context: Context, token: Token): Promise<Payload> => {
    if (token.kind === 'ClientCredentials') return { roles: (await findClient(token.clientId))?.roles ?? [] }
    const { user } = context.oidc.account as Person
    const sid = token.sid ?? (await provider.Session.findByUid(token.sessionUid ?? ''))?.sidFor(token.clientId)
    return { roles: user.roles, ...(sid !== undefined && { sid }) }
  }

  /** People are not asked for applications of the system itself. */
  const loadExistingGrant = async ({ oidc }: Context): Promise<unknown> => {
    const [client, session] = [oidc.client!, oidc.session!]
    const id = oidc.result?.consent?.grantId ?? session.grantIdFor(client.clientId)
    const found = id === undefined ? undefined : await provider.Grant.find(id)
    if (session.accountId === undefined || (await findClient(client.clientId))?.trusted !== true) return found
    const grant = found ?? new provider.Grant({ accountId: session.accountId, clientId: client.clientId })
    grant.addOIDCScope([...oidc.requestParamOIDCScopes].join(' '))
    grant.addResourceScope(resource, [...oidc.requestParamScopes].join(' '))
    await grant.save()
    return grant
  }

  const provider = new Provider(issuer, {
    adapter: (kind: string) => (kind === 'Client' ? clientsBy(findClient) : records(kind)),
    clientDefaults: { grant_types: [], response_types: [], id_token_signed_response_alg: ALGORITHM },
    clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'none'],
    jwks: { keys },
    responseTypes: ['code'],
    pkce: { required: () => true },
    scopes: [...OWN_SCOPES, ...scopes],
    claims: { openid: ['sub', 'roles'], profile: ['preferred_username'] },
    enabledJWA: { idTokenSigningAlgValues: [ALGORITHM] },
    features: {
      ...{ devInteractions: OFF, dPoP: OFF, pushedAuthorizationRequests: OFF, userinfo: OFF },
      ...{ clientCredentials: ON, revocation: ON, backchannelLogout: ON },
      rpInitiatedLogout: { ...ON, logoutSource: given.pages.logout, postLogoutSuccessSource: given.pages.loggedOut },
      resourceIndicators: {
        ...ON,
        defaultResource: () => resource,
        useGrantedResource: () => true,
        getResourceServerInfo: (_context: unknown, asked: string) => {
          if (asked !== resource) throw new InvalidTarget()
          const jwt = { sign: { alg: ALGORITHM, kid: keys[0]!.kid } }
          return { scope: scopes.join(' '), audience: options.audience, accessTokenTTL, accessTokenFormat: 'jwt', jwt }
        },
      },
    },
    extraTokenClaims,
    findAccount,
    loadExistingGrant,
    issueRefreshToken: (_context: unknown, client: Client) => client.grantTypeAllowed('refresh_token'),
    rotateRefreshToken: true,
    ttl: {
      ...{ AccessToken: accessTokenTTL, ClientCredentials: accessTokenTTL, IdToken: accessTokenTTL, AuthorizationCode: 60 },
      ...{ Interaction: 1_800, Session: login, Grant: 2 * login },
      RefreshToken: (_context: unknown, { iiat }: Token) =>
        Math.max(1, login - Math.max(0, iiat === undefined ? 0 : Math.floor(given.clock.now() / 1_000) - iiat)),
    },
    cookies: {
      keys: [given.cookieKey],
      // Of a host alone, and of no other that shares its domain.
      names: secure
        ? { session: '__Host-auth', interaction: '__Secure-auth-page', resume: '__Secure-auth-resume' }
        : { session: 'auth', interaction: 'auth-page', resume: 'auth-resume' },
      long: { signed: true, httpOnly: true, sameSite: 'lax', path: '/', secure },
      short: { signed: true, httpOnly: true, sameSite: 'lax', secure },
    },
    interactions: { url: (_context: unknown, { uid }: { readonly uid: string }) => `/login/${uid}` },
    renderError: given.pages.error,
    // Where clients are told of logouts is written by whoever writes this system, so it may be inside of it.
    fetch: (url: string, { dispatcher: _, ...init }: RequestInit & { readonly dispatcher?: unknown }) =>
      given.fetch(new Request(url, init)),
  })
  // What is said of where a request came from is this server's own word.
  provider.proxy = true
  const { prototype } = provider.RefreshToken
  const { generateTokenId } = prototype
  prototype.generateTokenId = function (this: unknown): string {
    const rotated = Provider.ctx?.oidc.entities['RotatedRefreshToken']
    return rotated === undefined ? generateTokenId.call(this) : given.successorOf(rotated.jti)
  }
  return provider
}

const ON = { enabled: true } as const
const OFF = { enabled: false } as const

/** Asked for each time: one that was disabled is none. */
function clientsBy(findClient: ClientStore['find']): Pick<Adapter, 'find'> {
  return {
    find: async (id) => {
      const found = await findClient(id)
      return found && metadataOf(found)
    },
  }
}

function metadataOf(client: ClientOptions): Payload {
  const { id, name = id, secret, redirectUris = [], postLogoutRedirectUris = [], scopes = [], backchannelLogoutUri } = client
  const isFor = redirectUris.length > 0
  return {
    client_id: id,
    client_name: textOf(name, 'en'),
    ...(secret === undefined ? { token_endpoint_auth_method: 'none' } : { client_secret: secret }),
    redirect_uris: redirectUris,
    post_logout_redirect_uris: postLogoutRedirectUris,
    response_types: isFor ? ['code'] : [],
    grant_types: [
      ...(isFor ? ['authorization_code', 'refresh_token'] : []),
      ...(client.clientCredentials === true ? ['client_credentials'] : []),
    ],
    scope: [...new Set([...(isFor ? ['openid'] : []), ...scopes])].join(' '),
    ...(backchannelLogoutUri !== undefined && {
      backchannel_logout_uri: backchannelLogoutUri,
      backchannel_logout_session_required: true,
    }),
  }
}
