/** The collector as a door of a system, and by itself. */
import { once } from 'node:events'
import { existsSync, rmSync } from 'node:fs'
import type { Server } from 'node:http'
import { Server as Listener, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { makeFolder, realRuntime } from 'dure/runtime'
import { BYTES, completeNumbers, COUNT, standardError, WAIT } from 'dure/runtime/internal'
import { answers } from 'dure/discovery/internal'
import type { Door, OpenDoor, World } from 'dure/service'
import type { OperatorPart } from '@dure/operator'
import { createLogger, type Logger } from 'dure/telemetry'
import { collectorSocket } from 'dure/telemetry/internal'
import type { Collected } from './collected.ts'
import { follow, type FollowedFile } from './in/follow.ts'
import { scrape, type ScrapeTarget } from './in/scrape.ts'
import { createIntake } from './intake.ts'
import { forward as forwardTo, type ForwardTarget } from './out/forward.ts'
import { collectorParts, operatorOf } from './operator/operator.ts'
import type { Pipelines } from './pipeline.ts'
import { routesOf } from './routes.ts'
import { collectorServer, type HttpLimits } from './http.ts'
import { openStore, type StoreLimits } from './store/store.ts'

export type CollectorLimits = StoreLimits &
  HttpLimits & {
    /** Bytes that may wait to be written; more is refused, and its sender told to come again. Default 32 MiB. */
    readonly queue: number
  }

export type CollectorOptions = {
  /** Default 4318, as OTLP's. 0 takes any free port; false: none, and only the processes of its directory reach it. */
  readonly port?: number | false
  /** Default 127.0.0.1: this machine only. */
  readonly host?: string
  /** What others have to say, as `authorization: Bearer`. Default: whoever reaches it is let in. */
  readonly token?: string
  /** What is done to logs, spans and metrics before they are stored. */
  readonly pipelines?: Pipelines
  /** Files that lines are read from as they are written. Default: none. */
  readonly files?: readonly FollowedFile[]
  /** Addresses that metrics are asked of, in Prometheus' text format. Default: none. */
  readonly scrape?: readonly ScrapeTarget[]
  /** To whom what is stored goes on: other collectors, Elasticsearch, Prometheus. What they cannot take is dropped and counted. Default: nobody. */
  readonly forward?: readonly ForwardTarget[]
  readonly limits?: Partial<CollectorLimits>
}

const LIMITS: CollectorLimits = {
  ...{ bytes: 2 ** 30, age: 7 * 86_400_000, segmentBytes: 2 ** 27, segmentAge: 3_600_000, queue: 2 ** 25 },
  ...{ body: 2 ** 24, bodies: 2 ** 26, connections: 1_000, requestTimeout: 30_000 },
}
const NAME = 'collector'

/** The collector of this process, while its door is open. */
export type CollectorDoor = Door & {
  readonly collected: () => Collected | undefined
  /** What it adds to what operators of its system may ask. */
  readonly parts: readonly OperatorPart[]
}

/**
 * A collector as a door of a system: what its processes tell of themselves is stored, with what others send by OTLP, Zipkin's
 * and others' protocols.
 *
 * @example
 * ```ts
 * import { collector } from '@dure/collector'
 *
 * const door = collector({ port: 4318 }) // system('shop', { services, doors: [door] })
 * console.log(door.name) // → collector
 * ```
 */
export function collector(options: CollectorOptions = {}): CollectorDoor {
  const { port = 4318, host = '127.0.0.1' } = options
  let opened: Collected | undefined
  return {
    name: NAME,
    collected: () => opened,
    parts: collectorParts,
    ...(port === false ? {} : { listens: () => ({ kind: 'tcp' as const, host, port }) }),
    open: async (_host, world) => {
      const { door, collected } = await open(options, world)
      opened = collected
      const close = async (): Promise<void> => {
        opened = undefined
        await door.close()
      }
      return { ...door, close }
    },
  }
}

export type StartedCollector = Collected & {
  /** `http://127.0.0.1:4318`; undefined when it has no port. */
  readonly url: string | undefined
  readonly stop: () => Promise<void>
}

/**
 * The same by itself, without a system.
 * @throws {Error} when the port is taken, or another collector works on the directory
 *
 * @example
 * ```ts
 * import { startCollector } from '@dure/collector'
 * import { silentLogger } from 'dure/telemetry'
 *
 * const collector = await startCollector({ directory: '.telemetry', port: 0, log: silentLogger() })
 * const line = JSON.stringify({ message: 'Order placed', service: 'orders' })
 * await fetch(`${collector.url}/v1/lines`, { method: 'POST', body: line })
 * const { lines } = await collector.store.searchLogs({ words: 'placed', limit: 10 })
 * console.log(lines.map(({ service, body }) => [service, body])) // → [ [ 'orders', 'Order placed' ] ]
 * await collector.stop()
 * ```
 */
export async function startCollector(
  options: CollectorOptions & { readonly directory: string; readonly log?: Logger },
): Promise<StartedCollector> {
  const runtime = realRuntime()
  const log = options.log ?? createLogger({ clock: runtime.clock, write: standardError, fields: { server: NAME } })
  const { door, collected } = await open(options, { directory: options.directory, runtime, log })
  return { ...collected, url: door.url, stop: () => door.close() }
}

async function open(
  options: CollectorOptions,
  world: World,
): Promise<{ readonly door: OpenDoor; readonly collected: Collected }> {
  const {
    port = 4318,
    host = '127.0.0.1',
    token,
    pipelines = {},
    files = [],
    scrape: targets = [],
    forward: others = [],
  } = options
  const { directory, runtime, log, sockets } = world
  const limits = completeNumbers('open the collector', LIMITS, options.limits ?? {}, {
    ...{ bytes: BYTES, age: WAIT, segmentBytes: BYTES, segmentAge: WAIT, queue: BYTES },
    ...{ body: BYTES, bodies: BYTES, connections: COUNT, requestTimeout: WAIT },
  })
  const forwarding = forwardTo(others, { runtime, log })
  makeFolder(directory)
  const path = collectorSocket(directory)
  if (await answers(path))
    throw new Error(`Cannot open the collector: another one works on "${directory}"; stop it, or choose another directory`)
  const store = await openStore({ directory: join(directory, NAME), limits, queue: limits.queue, runtime, log })
  const intake = createIntake({ store, pipelines, clock: runtime.clock, forward: forwarding })
  const routes = routesOf({ intake, store })
  const operator = operatorOf({ store, intake }, world)
  // Of this machine's own processes only their directory is asked: its owner alone reaches the socket.
  const inside = collectorServer({
    routes,
    operator: operator.routes,
    limits,
    log,
    guard: { token: undefined, hosts: undefined },
  })
  const isLocal = ['127.0.0.1', '::1', 'localhost'].includes(host)
  const guard = { token, hosts: isLocal ? ['127.0.0.1', '[::1]', 'localhost'] : undefined }
  const outside = port === false ? undefined : collectorServer({ routes, operator: operator.routes, limits, log, guard })
  const handed = sockets?.get(NAME)
  try {
    if (outside !== undefined) await listen(outside, handed === undefined ? { host, port: port as number } : { fd: handed })
    rmSync(path, { force: true })
    await listenAsOwner(inside, path)
  } catch (cause) {
    outside?.close()
    await store.close()
    throw new Error(`Cannot open the collector on ${host}:${port}: ${(cause as Error).message}; choose another port`, { cause })
  }
  if (!isLocal && token === undefined)
    log.warn('Whoever reaches the collector may write to it and read all of it: give it a "token"', { host })
  const unfollow = follow(files, { runtime, log, intake })
  const unscrape = scrape(targets, { runtime, log, intake })
  let closed: Promise<void> | undefined
  const close = async (): Promise<void> => {
    operator.close()
    unscrape()
    await unfollow()
    await Promise.all([end(inside, world), outside === undefined ? undefined : end(outside, world)])
    if (existsSync(path)) rmSync(path, { force: true })
    await Promise.all([store.close(), forwarding.close()])
  }
  const taken = outside === undefined ? undefined : ((outside.address() as AddressInfo | null)?.port ?? port)
  const url = taken === undefined ? undefined : `http://${host.includes(':') ? `[${host}]` : host}:${taken}`
  return { door: { url, close: () => (closed ??= close()) }, collected: { store, intake } }
}

async function listen(
  server: Server,
  at: { readonly host: string; readonly port: number } | { readonly fd: number },
): Promise<void> {
  server.listen(at)
  await once(server, 'listening')
}

/** The socket is born with mode 0600: a moment at another would let another user of the machine in. */
async function listenAsOwner(server: Server, path: string): Promise<void> {
  const before = process.umask(0o177)
  try {
    server.listen(path)
    await once(server, 'listening')
  } finally {
    process.umask(before)
  }
}

/** Milliseconds that requests under way have to end in. */
const LAST = 2_000

async function end(server: Server, { runtime }: World): Promise<void> {
  const timer = runtime.timers.after(LAST, () => server.closeAllConnections(), 'waited')
  const ended = new Promise<void>((resolve) => void Listener.prototype.close.call(server, () => resolve()))
  server.closeIdleConnections()
  await ended
  timer.cancel()
  server.close()
}
