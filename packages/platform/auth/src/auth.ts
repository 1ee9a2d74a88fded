// Whoever reads these sources, and not what is built of them, needs it too.
// oxlint-disable-next-line typescript/triple-slash-reference -- it declares the types of a package that has none, so it cannot be imported
/// <reference path="./oidc-provider.d.ts" />
/** The authorization server of a system: who people are, and what programs may do for them. */
import type { OperatorPart } from '@dure/operator'
import { realRuntime } from 'dure/runtime'
import { standardError } from 'dure/runtime/internal'
import type { Door } from 'dure/service'
import { createLogger, type Logger } from 'dure/telemetry'
import type { Clients } from './clients.ts'
import type { Keys } from './keys.ts'
import type { Assembled } from './assemble.ts'
import { openAuth } from './open.ts'
import { authPart } from './operator.ts'
import { checkOptions, limitsOf, type AuthOptions } from './options.ts'
import type { Users } from './users.ts'

export type { Clients, KnownClient, NewClient } from './clients.ts'
export type { Keys, SigningKey } from './keys.ts'
export type { AuthLimits, AuthOptions, ClientOptions, EndedLogin, Text } from './options.ts'
export type { NewUser, User, Users } from './users.ts'

/** What is done to users, clients and keys, while the door is open in this process; `parts` has operators do it. */
export type AuthDoor = Door & {
  readonly users: Users
  readonly clients: Clients
  readonly keys: Keys
  readonly parts: readonly OperatorPart[]
}

/**
 * An authorization server, as a door of a system.
 * @throws {TypeError} when something of its options cannot be used
 *
 * @example
 * ```ts
 * import { auth } from '@dure/auth'
 *
 * const door = auth({
 *   issuer: 'https://login.shop.example',
 *   audience: 'shop',
 *   scopes: { 'orders:write': 'Place orders' },
 *   clients: [{ id: 'web', redirectUris: ['https://shop.example/callback'], scopes: ['orders:write'], trusted: true }],
 * }) // system('shop', { services, doors: [door], security: security({ issuers: [{ issuer: 'https://login.shop.example' }], audience: 'shop' }) })
 * console.log(door.name) // → auth
 * ```
 */
export function auth(options: AuthOptions): AuthDoor {
  checkOptions(options)
  limitsOf(options)
  const { port = 8090, host = '127.0.0.1' } = options
  let opened: Assembled | undefined
  const open = (): Assembled => {
    if (opened !== undefined) return opened
    throw new Error(
      'Cannot reach users, clients and keys: the authorization server is not open in this process; start its system first',
    )
  }
  return {
    name: 'auth',
    listens: () => ({ kind: 'tcp', host, port }),
    open: async (_host, world) => {
      const { assembled, door } = await openAuth(options, world)
      opened = assembled
      const close = (): Promise<void> => {
        opened = undefined
        return door.close()
      }
      return { ...door, close }
    },
    get users() {
      return open().users
    },
    get clients() {
      return open().clients
    },
    get keys() {
      return open().keys
    },
    parts: [authPart(open)],
  }
}

export type StartedAuth = {
  readonly url: string
  /** What tokens say in `iss`. */
  readonly issuer: string
  readonly users: Users
  readonly clients: Clients
  readonly keys: Keys
  readonly stop: () => Promise<void>
}

/**
 * The same by itself, without a system.
 * @throws {TypeError} when something of its options cannot be used
 * @throws {Error} when the port is taken, another process has the store, or its keys are sealed with another secret
 *
 * @example
 * ```ts
 * import { startAuth } from '@dure/auth'
 * import { silentLogger } from 'dure/telemetry'
 *
 * const server = await startAuth({ directory: '.auth', port: 0, log: silentLogger(), audience: 'shop', scopes: {}, clients: [] })
 * const ana = await server.users.add({ name: 'Ana', password: 'correct horse battery', roles: ['clerk'] })
 * console.log(ana.name, ana.roles) // → ana [ 'clerk' ]
 * await server.stop()
 * ```
 */
export async function startAuth(
  options: AuthOptions & { readonly directory: string; readonly log?: Logger },
): Promise<StartedAuth> {
  checkOptions(options)
  const runtime = realRuntime()
  const log = options.log ?? createLogger({ clock: runtime.clock, write: standardError, fields: { server: 'auth' } })
  const { assembled, door } = await openAuth(options, { directory: options.directory, runtime, log })
  const { issuer, users, clients, keys } = assembled
  return { url: door.url!, issuer, users, clients, keys, stop: () => door.close() }
}
