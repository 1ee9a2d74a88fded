/** The console of a system, in the browser: a door that serves its pages, and what operators ask. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, Server } from 'node:http'
import { join } from 'node:path'
import { openOperator, operatorParts, operatorRoutes, type OperatorPart } from '@dure/operator'
import { hostsOf } from 'dure/door/internal'
import type { Door, DoorHost, OpenDoor, World } from 'dure/service'
import { admissionOf, type Access, type Admission } from './access.ts'
import { clientFiles } from './files.ts'
import { createConsoleServer, listen } from './server.ts'

export type { Access } from './access.ts'

export type ConsoleOptions = {
  /** Name in logs and lists. Default `console`. */
  readonly name?: string
  /** Default: the environment variable CONSOLE_PORT, else 8090, or a free one where that is taken. 0 takes any free port. */
  readonly port?: number
  /** Default 127.0.0.1: this machine only. */
  readonly host?: string
  /**
   * Who is let in. `link`: whoever opens a link that is good for one browser, and is told to who starts the system; on loopback alone.
   * `system`: whoever the system's own `security` finds: people with the role `dure:operator` or, to look only, `dure:viewer`, programs with the
   * scope `dure:operate` or `dure:view`; a gateway with `login` before it has people log in. Or a function that finds out. Default `link`.
   */
  readonly access?: Access
  /** Names under which browsers reach it, with the port where there is one: `console.example`. Those of loopback are always known. */
  readonly hosts?: readonly string[]
  /** Where people log out, as the gateway before it says: `/auth/logout`. Default: nowhere. */
  readonly logout?: string
  /** Whether what is done here hurts: it is said on every page. Default: true where `access` is not `link`. */
  readonly production?: boolean
  /** What can be asked besides what every system is asked: `collectorParts` of `@dure/collector`. Default none. */
  readonly parts?: readonly OperatorPart[]
}

/** A door that can be asked to open elsewhere (`dure start --port console=9000`). */
export type ConsoleDoor = Door & { readonly at: (address: { readonly host?: string; readonly port?: number }) => ConsoleDoor }

/** Where `dure console` finds a link that is good still; for the owner of the directory alone. */
const LINK_FILE = 'console.link'

/**
 * Makes a door that serves the console. Its page needs nothing from outside.
 * @throws {TypeError} when it would listen beyond this machine and let in whoever has a link
 *
 * @example
 * ```ts
 * import { consoleDoor } from '@dure/console'
 * import { contract, query } from 'dure/contract'
 * import { service, system } from 'dure/service'
 * import { z } from 'zod'
 *
 * const Clock = contract('clock', { version: '1.0.0', owner: 'team-time', operations: { now: query({ output: z.date() }) } })
 * const clock = service(Clock, { handlers: { now: (_, { clock }) => new Date(clock.now()) } })
 * const time = system('time', { services: [clock], doors: [consoleDoor()] })
 * console.log(time.doors[0]?.name) // → console
 * ```
 */
export function consoleDoor(options: ConsoleOptions = {}): ConsoleDoor {
  const address = addressOf(options)
  const { access = 'link' } = options
  if (access === 'link' && !isLoopback(address.host))
    throw new TypeError(
      `Cannot serve the console on "${address.host}" to whoever has a link: say \`access: 'system'\`, or a function that finds out who asks`,
    )
  return {
    name: options.name ?? 'console',
    at: (elsewhere) => consoleDoor({ ...options, ...elsewhere }),
    open: (host, world) => open(host, world, options),
    // A port that was not asked for may be another after a restart.
    ...(options.port === undefined ? {} : { listens: () => ({ kind: 'tcp' as const, ...address }) }),
  }
}

function addressOf({ host = '127.0.0.1', port = portOfEnvironment() ?? 8090 }: ConsoleOptions): {
  readonly host: string
  readonly port: number
} {
  return { host, port }
}

function portOfEnvironment(): number | undefined {
  const text = process.env['CONSOLE_PORT']
  return text !== undefined && /^\d{1,5}$/.test(text) ? Number(text) : undefined
}

const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)

async function open(host: DoorHost, world: World, options: ConsoleOptions): Promise<OpenDoor> {
  const { access = 'link', hosts = [], parts = [] } = options
  const operator = openOperator({ host, world, parts: [...operatorParts, ...parts] })
  // Whose port decides the name of its cookie is known when it listens.
  let admission: Admission | undefined
  const caller = async (request: IncomingMessage) => admission!.caller(request)
  const known = new Set(hosts)
  const server = createConsoleServer({
    hosts: known,
    files: clientFiles(),
    operator: operatorRoutes(operator, { runtime: world.runtime, authenticate: caller }),
    admission: () => admission!,
    about: {
      ...{ system: host.system, production: options.production ?? access !== 'link' },
      ...(options.logout !== undefined && { logout: options.logout }),
    },
    log: world.log,
  })
  const handed = world.sockets?.get(options.name ?? 'console')
  const { port, url } = await listen(server, { ...addressOf(options), elsewhere: options.port === undefined }, handed)
  for (const name of hostsOf(port)) known.add(name)
  const file = join(world.directory, LINK_FILE)
  try {
    admission = admissionOf(access, { port, host, world, links: (link) => keepLink(file, url, link) })
  } catch (error) {
    operator.close()
    await close(server)
    throw error
  }
  const { link } = admission
  let closed: Promise<void> | undefined
  return {
    url,
    page: link === undefined ? url : `${url}/#open=${link()}`,
    close: () =>
      (closed ??= (async () => {
        operator.close()
        if (link !== undefined) rmSync(file, { force: true })
        await close(server)
      })()),
  }
}

/** A link is as good as a password: its owner alone can read it. */
function keepLink(file: string, url: string, token: string): void {
  mkdirSync(join(file, '..'), { recursive: true })
  rmSync(file, { force: true })
  writeFileSync(file, `${url}/#open=${token}\n`, { mode: 0o600 })
}

async function close(server: Server): Promise<void> {
  const ended = new Promise<void>((resolve) => server.close(() => resolve()))
  // Streams go on for as long as somebody watches.
  server.closeAllConnections()
  await ended
}
