/** The configuration server as a door of a system, and by itself. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { realRuntime } from 'dure/runtime'
import { BYTES, completeNumbers, COUNT, standardError, WAIT } from 'dure/runtime/internal'
import type { Door, OpenDoor, World } from 'dure/service'
import { createLogger, type Logger } from 'dure/telemetry'
import { springDecrypt } from './cipher.ts'
import type { OpenRepository, RepositoryLimits } from './repositories/repository.ts'
import { configHttpServer, type Credentials, type HttpLimits } from './server.ts'

export type ConfigServerLimits = HttpLimits & RepositoryLimits

export type ConfigServerOptions = {
  /** Where the settings are: `folderRepository('settings')`, `gitRepository({ url })`, `sqliteRepository('settings.db')`. */
  readonly repository: OpenRepository
  /** Default 8888, as Spring's. 0 takes any free port. */
  readonly port?: number
  /** Default 127.0.0.1: this machine only. */
  readonly host?: string
  /** Who may read, by HTTP's basic authentication. Default: whoever reaches it. */
  readonly credentials?: readonly Credentials[]
  /** What `{cipher}` values were encrypted with, as Spring's `encrypt.key`. Without it a file with one is refused. */
  readonly encryptKey?: string
  /** As Spring's `encrypt.salt`, in hexadecimal digits. Default `deadbeef`, as there. */
  readonly encryptSalt?: string
  readonly limits?: Partial<ConfigServerLimits>
}

const LIMITS: ConfigServerLimits = {
  requests: 64,
  connections: 2_000,
  requestTimeout: 10_000,
  file: 1_048_576,
  files: 20_000,
  memory: 64 * 1_048_576,
}

/**
 * A configuration server as a door of a system: clients of Spring Cloud Config get their settings from it.
 *
 * @example
 * ```ts
 * import { configServer, gitRepository } from '@dure/config-server'
 *
 * const repository = gitRepository({ url: 'https://git.example.com/settings.git' })
 * const door = configServer({ repository, port: 8888 }) // system('platform', { services, doors: [door] })
 * console.log(door.name) // → config
 * ```
 */
export function configServer(options: ConfigServerOptions): Door {
  const { port = 8888, host = '127.0.0.1' } = options
  return {
    name: 'config',
    open: (_host, world) => open(options, world),
    listens: () => ({ kind: 'tcp', host, port }),
  }
}

export type StartedConfigServer = {
  /** `http://127.0.0.1:8888`, for `spring.config.import=configserver:http://127.0.0.1:8888`. */
  readonly url: string
  /** Has what is elsewhere fetched now, rather than at the next interval. */
  readonly refresh: () => Promise<void>
  readonly stop: () => Promise<void>
}

/**
 * The same by itself, without a system.
 * @throws {Error} when the port is taken, or the repository cannot be read
 *
 * @example
 * ```ts
 * import { folderRepository, startConfigServer } from '@dure/config-server'
 * import { mkdirSync, writeFileSync } from 'node:fs'
 * import { silentLogger } from 'dure/telemetry'
 *
 * mkdirSync('config/files', { recursive: true })
 * writeFileSync('config/files/application.yml', 'currency: KRW')
 * writeFileSync('config/files/orders-prod.yml', 'currency: EUR')
 * const repository = folderRepository('config/files')
 * const server = await startConfigServer({ repository, directory: '.config', port: 0, log: silentLogger() })
 * const { propertySources } = (await (await fetch(`${server.url}/orders/prod`)).json()) as {
 *   propertySources: { source: Record<string, unknown> }[]
 * }
 * console.log(propertySources.map(({ source }) => source['currency'])) // → [ 'EUR', 'KRW' ]
 * await server.stop()
 * ```
 */
export async function startConfigServer(
  options: ConfigServerOptions & { readonly directory: string; readonly log?: Logger },
): Promise<StartedConfigServer> {
  const runtime = realRuntime()
  const log = options.log ?? createLogger({ clock: runtime.clock, write: standardError, fields: { server: 'config' } })
  const { url, close, refresh } = await open(options, { directory: options.directory, runtime, log })
  return { url: url!, refresh, stop: () => close() }
}

async function open(
  options: ConfigServerOptions,
  { directory, runtime, log, sockets }: World,
): Promise<OpenDoor & { readonly refresh: () => Promise<void> }> {
  const { port = 8888, host = '127.0.0.1', credentials = [], encryptKey, encryptSalt } = options
  const limits = completeNumbers('open the configuration server', LIMITS, options.limits ?? {}, {
    ...{ requests: COUNT, connections: COUNT, requestTimeout: WAIT, file: BYTES, files: COUNT, memory: BYTES },
  })
  const decrypt = springDecrypt(encryptKey, encryptSalt)
  const repository = await options.repository({ directory, runtime, log, limits })
  const server = configHttpServer({ repository, decrypt, credentials, limits, clock: runtime.clock, log })
  const handed = sockets?.get('config')
  try {
    server.listen(handed === undefined ? { host, port } : { fd: handed })
    await once(server, 'listening')
  } catch (cause) {
    await repository.stop()
    throw new Error(`Cannot open the configuration server on ${host}:${port}: ${(cause as Error).message}; choose another port`, {
      cause,
    })
  }
  if (credentials.length === 0 && !['127.0.0.1', '::1', 'localhost'].includes(host))
    log.warn('Whoever reaches the configuration server may read all settings: give it "credentials"', { host })
  const { port: taken } = server.address() as AddressInfo
  let closed: Promise<void> | undefined
  const close = async (): Promise<void> => {
    const ended = new Promise<void>((resolve) => server.close(() => resolve()))
    server.closeIdleConnections()
    await ended
    await repository.stop()
  }
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${taken}`,
    refresh: repository.refresh,
    close: () => (closed ??= close()),
  }
}
