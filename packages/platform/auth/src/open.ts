/** An authorization server with its store and its port, whoever runs it. */
import { database, sqlite, type DatabaseAdapter, type SqlStore } from 'dure/data'
import type { OpenDoor, World } from 'dure/service'
import { assemble, type Assembled } from './assemble.ts'
import { limitsOf, type AuthOptions } from './options.ts'
import type { PasswordCost } from './passwords.ts'
import { createSecret, secretIn } from './secret.ts'
import { listen, type Handler } from './server.ts'
import { MIGRATIONS } from './tables.ts'

/**
 * @param cost what a hash of a password takes
 * @throws {Error} when the port is taken, another process has the store, or its keys are sealed with another secret
 */
export async function openAuth(
  options: AuthOptions,
  world: World,
  cost?: PasswordCost,
): Promise<{ readonly assembled: Assembled; readonly door: OpenDoor }> {
  const { port = 8090, host = '127.0.0.1' } = options
  const { directory, runtime } = world
  const limits = limitsOf(options)
  const secret = createSecret(options.secret ?? secretIn(directory, runtime), runtime)
  const adapter = (await (options.store ?? sqlite())(world)) as DatabaseAdapter<SqlStore>
  const store = await adapter.open('auth', database({ migrations: MIGRATIONS }))
  // Nobody knows where it listens before all is there, unless the port was used before.
  const ready = Promise.withResolvers<Handler>()
  ready.promise.catch(() => {})
  const handler: Handler = async (request, response) => (await ready.promise)(request, response)
  try {
    const descriptor = world.sockets?.get('auth')
    const listening = await listen({ host, port, descriptor, limits, handler, timers: runtime.timers })
    try {
      const assembled = await assemble({ options, limits, world, store, secret, issuer: options.issuer ?? listening.url, cost })
      ready.resolve(assembled.handler)
      let closed: Promise<void> | undefined
      const close = async (): Promise<void> => {
        await listening.close()
        await assembled.stop()
        await store.stop()
      }
      return { assembled, door: { url: listening.url, close: () => (closed ??= close()) } }
    } catch (error) {
      ready.reject(error)
      await listening.close()
      throw error
    }
  } catch (cause) {
    await store.stop()
    throw new Error(`Cannot open the authorization server on ${host}:${port}: ${(cause as Error).message}`, { cause })
  }
}
