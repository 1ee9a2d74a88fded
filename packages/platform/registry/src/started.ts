/** The registry as a door of a system, and by itself. */
import { database, sqlite, type DatabaseAdapter, type SqlStore } from 'dure/data'
import { realRuntime, type Timer } from 'dure/runtime'
import { completeNumbers, COUNT, KEEP, SHARE, BYTES, standardError, WAIT } from 'dure/runtime/internal'
import type { Door, OpenDoor, StoreAdapter, World } from 'dure/service'
import { createLogger, type Logger } from 'dure/telemetry'
import { RegistryFault } from './fault.ts'
import { createHealthChecks, type HealthChecks } from './health.ts'
import type { InstanceLimits } from './instance.ts'
import type { Preservation } from './expiry.ts'
import { createBook, type LeaseLimits } from './leases.ts'
import { createNews } from './news.ts'
import { createServer, type Credentials, type HttpLimits } from './server.ts'
import { createWriter, MIGRATIONS, readStored } from './store.ts'

export type RegistryLimits = HttpLimits &
  LeaseLimits &
  InstanceLimits & {
    /** Clients that wait for a change at once; more are answered without. Default 2,000. */
    readonly waiting: number
  }

export type RegistryServerOptions = {
  /** Default 8761, as Eureka. 0 takes any free port. */
  readonly port?: number
  /** Default 127.0.0.1: this machine only. */
  readonly host?: string
  /** Who may ask, by HTTP's basic authentication. Default: whoever reaches it. */
  readonly credentials?: Credentials
  /** Where instances are kept. Default `sqlite()`: `registry.db` in the directory. One process at a time. */
  readonly store?: StoreAdapter
  readonly limits?: Partial<RegistryLimits>
  readonly preservation?: Partial<Preservation>
  /**
   * Asks each instance at its `healthCheckUrl`, where that is at the address it registered from: one that is not well is down. Default:
   * nobody is asked, and who gives signs of life is what it says it is.
   */
  readonly health?: Partial<HealthChecks>
}

const LIMITS: RegistryLimits = {
  body: 1_048_576,
  requestTimeout: 10_000,
  connections: 5_000,
  instances: 20_000,
  instancesPerClient: 1_000,
  longestLease: 3_600,
  instanceSize: 65_536,
  waiting: 2_000,
}
const HEALTH: HealthChecks = { interval: 5_000, timeout: 2_000, failures: 3 }
const PRESERVATION: Preservation = { least: 10, share: 0.15, time: 300_000 }

/**
 * A service registry with Eureka's REST interface, as a door of a system.
 *
 * @example
 * ```ts
 * import { registryServer } from '@dure/registry'
 *
 * const door = registryServer({ port: 8761 }) // system('platform', { services, doors: [door] })
 * console.log(door.name) // → registry
 * ```
 */
export function registryServer(options: RegistryServerOptions = {}): Door {
  const { port = 8761, host = '127.0.0.1' } = options
  return {
    name: 'registry',
    open: (_host, world) => open(options, world),
    listens: () => ({ kind: 'tcp', host, port }),
  }
}

export type StartedRegistry = {
  /** `http://127.0.0.1:8761/eureka`, as Eureka's clients are told. */
  readonly url: string
  readonly stop: () => Promise<void>
}

/**
 * The same by itself, without a system. What is acknowledged is on the disk: started again, it knows all instances, and each has one
 * lease to be heard of.
 * @throws {Error} when the port is taken, or another process has the store
 *
 * @example
 * ```ts
 * import { startRegistry } from '@dure/registry'
 * import { silentLogger } from 'dure/telemetry'
 *
 * const registry = await startRegistry({ directory: '.registry', port: 0, log: silentLogger() })
 * const answer = await fetch(`${registry.url}/apps`, { headers: { accept: 'application/json' } })
 * console.log(await answer.text()) // → {"applications":{"versions__delta":"1","apps__hashcode":"","application":[]}}
 * await registry.stop()
 * ```
 */
export async function startRegistry(
  options: RegistryServerOptions & { readonly directory: string; readonly log?: Logger },
): Promise<StartedRegistry> {
  const runtime = realRuntime()
  const log = options.log ?? createLogger({ clock: runtime.clock, write: standardError, fields: { registry: 'services' } })
  const { url, close } = await open(options, { directory: options.directory, runtime, log })
  return { url: url!, stop: () => close() }
}

/** Milliseconds between two looks for leases that have ended. */
const SWEEP = 250

async function open(options: RegistryServerOptions, world: World): Promise<OpenDoor> {
  const { port = 8761, host = '127.0.0.1', credentials } = options
  const limits = completeNumbers('open the registry', LIMITS, options.limits ?? {}, {
    ...{ body: BYTES, requestTimeout: WAIT, connections: COUNT, instances: COUNT, instancesPerClient: COUNT },
    ...{ longestLease: COUNT, instanceSize: COUNT, waiting: COUNT },
  })
  const preservation = completeNumbers('open the registry', PRESERVATION, options.preservation ?? {}, {
    ...{ least: COUNT, share: SHARE, time: KEEP },
  })
  const checks = completeNumbers('open the registry', HEALTH, options.health ?? {}, {
    interval: WAIT,
    timeout: WAIT,
    failures: COUNT,
  })
  const { log, runtime } = world
  const { clock, timers, ids } = runtime
  const adapter = (await (options.store ?? sqlite())(world)) as DatabaseAdapter<SqlStore>
  const store = await adapter.open('registry', database({ migrations: MIGRATIONS }))
  const news = createNews(timers, limits.waiting)
  const stored = await readStored(store)
  const book = createBook({
    ...{ clock, limits, preservation, ...stored },
    onChange: (app, id) => {
      writer.mark(app, id)
      news.tell()
    },
  })
  const writer = createWriter(store, book.row)
  const flush = (): Promise<void> =>
    writer.flush().catch((cause: unknown) => {
      log.error('Cannot write down who is registered; it is tried again', { error: cause })
      throw new RegistryFault(503, 'Cannot write down the change now; it is tried again, and so may you', { cause })
    })
  const served = { book, news, epoch: ids.next(), flush, limits }
  const app = createServer({ served, limits, credentials, log })
  let timer: Timer | undefined
  const sweep = (): void => {
    const stale = book.staleSince()
    book.sweep()
    if (stale !== book.staleSince()) {
      news.tell()
      if (stale === undefined)
        log.warn('Many instances are silent at once: they are kept, and the view is said to be stale', { instances: book.size() })
      else log.info('The view is fresh again', { instances: book.size() })
    }
    // What could not be written down is tried again, and asked for by nobody.
    flush().catch(() => {})
    timer = timers.after(SWEEP, sweep)
  }
  const handed = world.sockets?.get('registry')
  try {
    // Node takes a file descriptor here; Fastify hands on what it does not know.
    const url = await app.listen(handed === undefined ? { host, port } : ({ host: '', fd: handed } as { host: string }))
    if (credentials === undefined && !['127.0.0.1', '::1', 'localhost'].includes(host))
      log.warn('Whoever reaches the registry may change it: give it "credentials"', { host })
    sweep()
    const health = options.health === undefined ? undefined : createHealthChecks({ book, checks, runtime })
    let closed: Promise<void> | undefined
    const close = async (): Promise<void> => {
      timer?.cancel()
      await health?.stop()
      news.close()
      await app.close()
      await writer.flush()
      await store.stop()
    }
    return { url: `${url}/eureka`, close: () => (closed ??= close()) }
  } catch (cause) {
    await app.close()
    await store.stop()
    throw new Error(`Cannot open the registry on ${host}:${port}: ${(cause as Error).message}; choose another port`, { cause })
  }
}
