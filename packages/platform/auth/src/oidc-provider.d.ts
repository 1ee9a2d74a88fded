/** As much of oidc-provider as is used here: it comes without types. */
declare module 'oidc-provider' {
  import type { IncomingMessage, ServerResponse } from 'node:http'

  export type Payload = Record<string, unknown>

  /** What it keeps its records by, one for each kind of them. */
  export type Adapter = {
    readonly upsert: (id: string, payload: Payload, expiresIn: number | undefined) => Promise<void>
    readonly find: (id: string) => Promise<Payload | undefined>
    readonly findByUid: (uid: string) => Promise<Payload | undefined>
    readonly findByUserCode: (code: string) => Promise<Payload | undefined>
    readonly destroy: (id: string) => Promise<void>
    readonly consume: (id: string) => Promise<void>
    readonly revokeByGrantId: (grantId: string) => Promise<void>
  }

  export type Client = {
    readonly clientId: string
    readonly clientName?: string
    readonly redirectUris?: readonly string[]
    readonly backchannelLogoutUri?: string
    readonly grantTypeAllowed: (type: string) => boolean
    readonly backchannelLogout: (subject: string, sid: string | undefined) => Promise<void>
    readonly [extra: string]: unknown
  }

  export type Session = {
    readonly uid: string
    readonly accountId?: string
    readonly oldId?: string
    readonly authorizations?: Readonly<Record<string, { readonly sid?: string; readonly grantId?: string }>>
    readonly grantIdFor: (clientId: string) => string | undefined
    readonly sidFor: (clientId: string) => string | undefined
  }

  export class Grant {
    constructor(input: { readonly accountId: string; readonly clientId: string })
    addOIDCScope(scope: string): void
    addResourceScope(resource: string, scope: string): void
    addOIDCClaims(claims: readonly string[]): void
    save(): Promise<string>
  }

  export type Token = {
    readonly kind: string
    readonly jti: string
    readonly accountId?: string
    readonly clientId: string
    readonly sid?: string
    readonly sessionUid?: string
    readonly iiat?: number
    readonly scopes: ReadonlySet<string>
  }

  export type Account = {
    readonly accountId: string
    readonly claims: () => Promise<Payload>
  }

  export type Interaction = {
    readonly uid: string
    readonly prompt: {
      readonly name: string
      readonly details: {
        readonly missingOIDCScope?: readonly string[]
        readonly missingOIDCClaims?: readonly string[]
        readonly missingResourceScopes?: Readonly<Record<string, readonly string[]>>
      }
    }
    readonly params: Readonly<Record<string, string | undefined>>
    readonly session?: { readonly accountId: string }
    readonly grantId?: string
  }

  export type Context = {
    body: unknown
    type: string
    status: number
    readonly req: IncomingMessage
    readonly set: (name: string, value: string) => void
    readonly oidc: {
      readonly client?: Client
      readonly session?: Session
      readonly account?: Account
      readonly result?: { readonly consent?: { readonly grantId?: string } }
      readonly params?: Readonly<Record<string, string | undefined>>
      readonly requestParamScopes: ReadonlySet<string>
      readonly requestParamOIDCScopes: ReadonlySet<string>
      readonly entities: Readonly<Record<string, Token | undefined>>
    }
  }

  type Found<T> = { readonly find: (id: string) => Promise<T | undefined> }

  export class Provider {
    static readonly ctx: Context | undefined
    constructor(issuer: string, configuration: Payload)
    proxy: boolean
    readonly Client: Found<Client>
    readonly Grant: typeof Grant & Found<Grant>
    readonly Session: { readonly findByUid: (uid: string) => Promise<Session | undefined> }
    readonly RefreshToken: { readonly prototype: { generateTokenId: () => string } }
    callback(): (request: IncomingMessage, response: ServerResponse) => Promise<void>
    interactionDetails(request: IncomingMessage, response: ServerResponse): Promise<Interaction>
    interactionFinished(
      request: IncomingMessage,
      response: ServerResponse,
      result: Payload,
      options: { readonly mergeWithLastSubmission: boolean },
    ): Promise<void>
    on(event: string, listener: (...values: never[]) => void): this
  }
}

declare module 'oidc-provider/lib/provider.js' {
  export { Provider } from 'oidc-provider'
}

declare module 'oidc-provider/lib/helpers/errors.js' {
  export const InvalidGrant: new (detail: string) => Error
  export const InvalidTarget: new () => Error
  export const SessionNotFound: new (detail: string) => Error
}
