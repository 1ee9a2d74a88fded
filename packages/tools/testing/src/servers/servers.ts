import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CallError } from 'dure/contract'
import { localServer, type RunningServer } from 'dure/runtime/internal'
import { activemq, artemis } from './activemq.ts'
import { apicurio } from './apicurio.ts'
import { etcd } from './etcd.ts'
import { kafka } from './kafka.ts'
import { kubernetes } from './kubernetes.ts'
import { memcached } from './memcached.ts'
import { nats } from './nats.ts'
import { rabbitmq } from './rabbitmq.ts'
import { folderOf, programsOf, type Place, type Recipe, type ServerAccount, type ServerSettings } from './recipe.ts'
import { redis, valkey } from './redis.ts'

export { freePort } from './free-port.ts'
export { startProxy, type Fate, type Proxy } from './proxy.ts'
export { missingSmallDisk, mountSmallDisk, type SmallDisk } from './small-disk.ts'
export type { ServerAccount, ServerSettings } from './recipe.ts'

/** The servers there are recipes for. */
export type ServerKind =
  | 'activemq'
  | 'apicurio'
  | 'artemis'
  | 'etcd'
  | 'kafka'
  | 'kubernetes'
  | 'memcached'
  | 'nats'
  | 'rabbitmq'
  | 'redis'
  | 'valkey'

const recipes: Readonly<Record<ServerKind, Recipe>> = {
  activemq,
  apicurio,
  artemis,
  etcd,
  kafka,
  kubernetes,
  memcached,
  nats,
  rabbitmq,
  redis,
  valkey,
}

/**
 * A real server on this machine, for tests: started, stopped, killed, frozen and started again from a program. It listens on
 * 127.0.0.1 only, and ends with the process that started it, however that ends.
 */
export type LocalServer = {
  readonly kind: ServerKind
  /** What an adapter of its kind takes, such as `nats://127.0.0.1:20123`. The same at every start. */
  readonly url: string
  /** The port in `url`. */
  readonly port: number
  /** All it listens on, by what they are for. */
  readonly ports: Readonly<Record<string, number>>
  readonly directory: string
  /** Of its first process. Undefined while it is down. */
  readonly pid: number | undefined
  /** The last lines it said. */
  readonly log: () => readonly string[]
  /** Starts it again, after `stop` or `crash` or when it has ended by itself, with what it has kept; nothing while it runs. */
  readonly start: () => Promise<void>
  /** Lets it shut down. One that has not after `shutdownTimeout` milliseconds (default 30,000) is killed. */
  readonly stop: (options?: { readonly shutdownTimeout?: number }) => Promise<void>
  /** Kills every process of it at once (SIGKILL). */
  readonly crash: () => Promise<void>
  /** Every process of it stands still (SIGSTOP), with its connections open. */
  readonly freeze: () => void
  readonly thaw: () => void
  /** Stops it, and removes its folder if that is a temporary one. */
  readonly close: () => Promise<void>
}

export type LocalServerOptions = {
  /** Where it keeps its data; default a temporary folder, removed when closed. One that holds its data already is used as it is. */
  readonly directory?: string
  /** Beside the ones it gets here (durable before acknowledged, loopback only), or instead of them. */
  readonly settings?: ServerSettings
  /** What it listens on, as many as it has, where others have to know them beforehand; default free ones. */
  readonly ports?: readonly number[]
  /** The folder of another version's programs; default the version that is installed here. */
  readonly programs?: string
  /** Who may come in; default anybody on this machine. */
  readonly account?: ServerAccount
}

/**
 * Starts a server and waits until it can be used.
 * @throws {CallError} FAILED_PRECONDITION when it is not installed, INTERNAL when it does not start, with its last words
 *
 * @example
 * ```ts
 * import { missingServer, startLocalServer } from '@dure/testing/servers'
 *
 * if (missingServer('nats') === false) {
 *   const server = await startLocalServer('nats')
 *   await server.crash()
 *   await server.start()
 *   await server.close()
 * }
 * ```
 */
export async function startLocalServer(kind: ServerKind, options: LocalServerOptions = {}): Promise<LocalServer> {
  const recipe = recipes[kind]
  const programs = options.programs ?? programsOf(kind, recipe)
  if (programs === undefined) {
    throw new CallError(
      'FAILED_PRECONDITION',
      `Starting a "${kind}" failed: version ${recipe.version} is not in "${folderOf(kind, recipe)}". To do: install it (in Dure's own checkout: npm run servers), or name the folder that has it in DURE_SERVERS`,
    )
  }
  const { settings = {}, account } = options
  const temporary = options.directory === undefined
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), `dure-${kind}-`))
  mkdirSync(directory, { recursive: true })
  const named = (ports: readonly number[]): Place['ports'] =>
    Object.fromEntries(recipe.ports.map((name, index) => [name, ports[index]!]))
  const portsFile = join(directory, 'ports.json')
  const server = localServer({
    name: `a "${kind}"`,
    ports: existsSync(portsFile)
      ? (JSON.parse(readFileSync(portsFile, 'utf8')) as number[])
      : (options.ports ?? recipe.ports.length),
    program: (ports) => recipe.launch({ programs, directory, ports: named(ports), settings, account }),
    ready: recipe.ready,
    passing: recipe.passing ?? /address already in use|EADDRINUSE/i,
    temporary: temporary ? directory : undefined,
    failed: (message) => new CallError('INTERNAL', message),
  })
  try {
    await server.start()
    // What a server keeps may name its ports, and so may its clients.
    writeFileSync(portsFile, JSON.stringify(server.ports()))
  } catch (error) {
    await server.close()
    throw error
  }
  const ports = named(server.ports())
  return {
    kind,
    url: recipe.url({ ports, account }),
    port: server.ports()[0]!,
    ports,
    directory,
    get pid() {
      return server.pid()
    },
    ...lifeOf(server),
  }
}

function lifeOf({
  log,
  start,
  stop,
  crash,
  freeze,
  thaw,
  close,
}: RunningServer): Omit<LocalServer, 'kind' | 'url' | 'port' | 'ports' | 'directory' | 'pid'> {
  return { log, start, stop, crash, freeze, thaw, close }
}

/**
 * For `test('…', { skip: missingServer('nats') }, …)`: false where a server is installed, else the reason.
 */
export function missingServer(kind: ServerKind): false | string {
  return programsOf(kind, recipes[kind]) === undefined && `needs server: ${kind}`
}

/** The version of each kind that is started here, and the folder where it is to be installed. */
export function serverPlaces(): Readonly<Record<ServerKind, { readonly version: string; readonly folder: string }>> {
  return Object.fromEntries(
    Object.entries(recipes).map(([kind, recipe]) => [kind, { version: recipe.version, folder: folderOf(kind, recipe) }]),
  ) as Record<ServerKind, { version: string; folder: string }>
}
