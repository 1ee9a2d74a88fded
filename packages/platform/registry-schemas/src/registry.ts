/** The registry as a door of a system, and by itself. */
import { database, sqlite, type DatabaseAdapter, type SqlStore } from 'dure/data'
import { realRuntime } from 'dure/runtime'
import type { Door, OpenDoor, StoreAdapter, World } from 'dure/service'
import { createLogger, type Logger } from 'dure/telemetry'
import { standardError } from 'dure/runtime/internal'
import { createServer, LIMITS, type Limits } from './server.ts'
import { MIGRATIONS, subjectsIn } from './subjects.ts'

export type SchemaRegistryOptions = {
  /** Default 8081. 0 takes any free port. */
  readonly port?: number
  /** Default 127.0.0.1: this machine only. */
  readonly host?: string
  /** Where schemas are kept. Default `sqlite()`: `schemas.db` in the system's directory. One that is shared serves several copies. */
  readonly store?: StoreAdapter
  readonly limits?: Partial<Limits>
}

/**
 * A schema registry with Confluent's REST interface, as a door of a system.
 *
 * @example
 * ```ts
 * import { schemaRegistry } from '@dure/registry-schemas'
 *
 * const door = schemaRegistry({ port: 8081 }) // system('platform', { services, doors: [door] })
 * console.log(door.name) // → schemas
 * ```
 */
export function schemaRegistry(options: SchemaRegistryOptions = {}): Door {
  const { port = 8081, host = '127.0.0.1' } = options
  return {
    name: 'schemas',
    open: (_host, world) => open(options, world),
    listens: () => ({ kind: 'tcp', host, port }),
  }
}

export type StartedSchemaRegistry = { readonly url: string; readonly stop: () => Promise<void> }

/**
 * The same by itself, without a system. What is acknowledged is on the disk.
 * @throws {Error} when the port is taken, or another process has the store
 *
 * @example
 * ```ts
 * import { startSchemaRegistry } from '@dure/registry-schemas'
 * import { silentLogger } from 'dure/telemetry'
 *
 * const registry = await startSchemaRegistry({ directory: '.schemas', port: 0, log: silentLogger() })
 * const types = await fetch(`${registry.url}/schemas/types`)
 * console.log(await types.json()) // → [ 'JSON', 'AVRO' ]
 * await registry.stop()
 * ```
 */
export async function startSchemaRegistry(
  options: SchemaRegistryOptions & { readonly directory: string; readonly log?: Logger },
): Promise<StartedSchemaRegistry> {
  const runtime = realRuntime()
  const log = options.log ?? createLogger({ clock: runtime.clock, write: standardError, fields: { registry: 'schemas' } })
  const { url, close } = await open(options, { directory: options.directory, runtime, log })
  return { url: url!, stop: () => close() }
}

async function open(options: SchemaRegistryOptions, world: World): Promise<OpenDoor> {
  const { port = 8081, host = '127.0.0.1', limits = {} } = options
  const adapter = (await (options.store ?? sqlite())(world)) as DatabaseAdapter<SqlStore>
  const store = await adapter.open('schemas', database({ migrations: MIGRATIONS }))
  const app = createServer(subjectsIn(store), { ...LIMITS, ...limits }, world.log)
  const handed = world.sockets?.get('schemas')
  try {
    // Node takes a file descriptor here; Fastify hands on what it does not know.
    const url = await app.listen(handed === undefined ? { host, port } : ({ host: '', fd: handed } as { host: string }))
    let closed: Promise<void> | undefined
    const close = async (): Promise<void> => {
      await app.close()
      await store.stop()
    }
    return { url, close: () => (closed ??= close()) }
  } catch (cause) {
    await app.close()
    await store.stop()
    throw new Error(`Cannot open the schema registry on ${host}:${port}: ${(cause as Error).message}; choose another port`, {
      cause,
    })
  }
}
