/** Where a gateway by itself has its routes from: a file that may change, or Kubernetes. */
import { readFileSync, statSync, unwatchFile, watchFile } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { GatewayConfiguration, LiveRoutes } from '@dure/gateway'
import { realRuntime, type Timer } from 'dure/runtime'
import type { SessionStore } from 'dure/session'
import type { Logger, RecordAct } from 'dure/telemetry'
import { library } from './commands/registry-library.ts'
import { askRecord } from './control/control.ts'
import { importFile } from './load.ts'
import { CliError, EXIT, type Shell } from './shell.ts'

type Gateway = typeof import('@dure/gateway')

export type RouteSource = {
  readonly routes: LiveRoutes
  /** Why what was meant to come next is not taken; undefined when it is. */
  readonly refused: () => string | undefined
  /** Since when it is not known whether they are still right; undefined when they are. */
  readonly staleSince: () => number | undefined
  /** The registry that goes with it. */
  readonly registry: string | undefined
  readonly close: () => void | Promise<void>
}

/** Milliseconds between looks at a file, and for which it must have been left alone. Folders that are mounted tell of no changes. */
const [LOOK, QUIET] = [250, 100]
/** Of all Secrets those that have a certificate. */
const TLS_SECRETS = { kind: 'Secret', type: 'kubernetes.io/tls' } as const
/** Bytes of a file that are read at all. */
const MOST_BYTES = 16 * 1_048_576

/** @throws {CliError} when the file cannot be used */
export async function routesOfFile(
  shell: Shell,
  options: { readonly gateway: Gateway; readonly config: string; readonly log: Logger },
): Promise<RouteSource> {
  const { gateway, config, log } = options
  const file = resolve(shell.cwd, config)
  const stores = storesOf(shell)
  const auditAt =
    (directory: string): RecordAct =>
    (act) =>
      askRecord(directory, act)
  const reader = gateway.routesReader({ storeAt: stores.at, auditAt })
  const read = async (text: string, shown: string): Promise<GatewayConfiguration> => {
    await stores.load(text)
    return reader(text, shown)
  }
  const routes = gateway.liveRoutes(await readRoutes(file, { shown: config, read }).catch(misused))
  let count = 0
  const { refused, close } = following({ file, shown: config, log }, async () => {
    routes.set(await readRoutes(file, { shown: config, read, change: ++count }))
    log.info('The routes have changed', { file: config, version: routes.current().version })
  })
  return { routes, refused, staleSince: () => undefined, registry: undefined, close }
}

/** Stores of sessions by their URL. A file that names none loads nothing for them; what is not installed here is told when one does. */
function storesOf(shell: Shell): { readonly load: (text: string) => Promise<void>; readonly at: (url: string) => SessionStore } {
  const redis = storeLibrary<typeof import('@dure/redis')>(shell, 'Redis', '@dure/redis')
  const memcached = storeLibrary<typeof import('@dure/memcached')>(shell, 'Memcached', '@dure/memcached')
  return {
    load: async (text) => {
      if (/rediss?:/.test(text)) await redis.load()
      if (/memcached:/.test(text)) await memcached.load()
    },
    at: (url) => {
      if (/^rediss?:/.test(url)) return redis.get().redisSessions({ url })
      const [, servers] = /^memcached:\/\/([^/]+)$/.exec(url) ?? []
      if (servers !== undefined) return memcached.get().memcachedSessions({ servers: servers.split(',') })
      throw new TypeError(
        'its "sessions" are nowhere that is known; give a folder, redis://HOST:PORT, or memcached://HOST:PORT (several with commas)',
      )
    },
  }
}

/** Loaded once; that it is not there is told when it is asked for. */
function storeLibrary<Library extends object>(shell: Shell, what: string, name: string) {
  let loaded: Library | Error | undefined
  return {
    load: async (): Promise<void> => {
      loaded ??= await library<Library>(shell, `sessions in ${what}`, name).catch((error: unknown) => error as Error)
    },
    get: (): Library => {
      if (loaded instanceof Error) throw loaded
      return loaded!
    },
  }
}

/** @throws {CliError} when the documents cannot be had */
export async function routesOfIngress(
  shell: Shell,
  options: {
    readonly gateway: Gateway
    readonly from: string
    readonly ingressClass: string | undefined
    readonly tls: boolean
    readonly log: Logger
  },
): Promise<RouteSource> {
  const { gateway, from, ingressClass, tls, log } = options
  const runtime = realRuntime()
  const how = { runtime, log, ...(ingressClass !== undefined && { ingressClass }), ...(tls && { tls: 'secrets' as const }) }
  if (from.startsWith('kubernetes:')) {
    const namespace = new URL(from).hostname
    const { kubernetesObjects } = await library<typeof import('@dure/kubernetes')>(shell, 'Kubernetes', '@dure/kubernetes')
    const kinds = ['Ingress', 'Service', ...(tls ? [TLS_SECRETS] : [])] as const
    const adapter = kubernetesObjects({ kinds, ...(namespace !== '' && { namespace }) })
    const source = await Promise.resolve(adapter({ directory: resolve(shell.cwd, '.dure'), runtime, log })).catch(misused)
    const { routes, freshness, stop } = gateway.followIngress({ ...how, source, instances: 'registry' })
    return {
      ...{ routes, refused: () => undefined, registry: from },
      staleSince: () => {
        const fresh = freshness()
        return fresh.fresh ? undefined : fresh.since
      },
      close: async () => {
        stop()
        await source.stop()
      },
    }
  }
  const file = resolve(shell.cwd, from)
  const read = (): readonly unknown[] => gateway.readIngressFile(readSome(file, from), from)
  let objects = ((): readonly unknown[] => {
    try {
      return read()
    } catch (error) {
      return misused(error)
    }
  })()
  const watchers = new Set<() => void>()
  const { routes, stop } = gateway.followIngress({
    ...how,
    source: {
      objects: () => objects,
      watch: (changed) => {
        watchers.add(changed)
        return { stop: () => void watchers.delete(changed) }
      },
      freshness: () => ({ fresh: true }),
    },
  })
  const { refused, close } = following({ file, shown: from, log }, async () => {
    objects = read()
    for (const changed of watchers) changed()
  })
  return {
    ...{ routes, refused, staleSince: () => undefined, registry: undefined },
    close: () => {
      close()
      stop()
    },
  }
}

/** Takes a file anew whenever it has changed, and has been left alone for a moment. */
function following(
  about: { readonly file: string; readonly shown: string; readonly log: Logger },
  take: () => Promise<void>,
): { readonly refused: () => string | undefined; readonly close: () => void } {
  const { file, shown, log } = about
  const { timers } = realRuntime()
  let refused: string | undefined
  let timer: Timer | undefined
  const again = async (): Promise<void> => {
    try {
      await take()
      refused = undefined
    } catch (error) {
      refused = (error as Error).message
      log.error('The routes are not taken, and the old ones go on', { file: shown, error: refused })
    }
  }
  const look = (): void => {
    timer?.cancel()
    timer = timers.after(QUIET, () => void again())
  }
  watchFile(file, { interval: LOOK }, look)
  return {
    refused: () => refused,
    close: () => {
      timer?.cancel()
      unwatchFile(file, look)
    },
  }
}

/** @throws {CliError} when it is too large to be one */
export function readSome(file: string, shown: string): string {
  try {
    const { size } = statSync(file)
    if (size <= MOST_BYTES) return readFileSync(file, 'utf8')
    throw new CliError(`Cannot read "${shown}": it has ${size} bytes; give ${MOST_BYTES} at most`, { exitCode: EXIT.misuse })
  } catch (cause) {
    if (cause instanceof CliError) throw cause
    throw new CliError(`Cannot read "${shown}": ${(cause as Error).message}`, { exitCode: EXIT.misuse, cause })
  }
}

/** What is read as a file of routes, and not run as a module. */
export const WRITTEN: RegExp = /\.(?:json|ya?ml)$/

async function readRoutes(
  file: string,
  how: {
    readonly shown: string
    readonly read: (text: string, shown: string) => Promise<GatewayConfiguration>
    /** Tells versions of a module apart, which would be loaded once. */
    readonly change?: number
  },
): Promise<GatewayConfiguration> {
  const { shown, read, change = 0 } = how
  if (WRITTEN.test(file)) return read(readSome(file, shown), shown)
  const exports =
    change === 0
      ? await importFile(file, shown)
      : ((await import(`${pathToFileURL(file).href}?${change}`)) as Readonly<Record<string, unknown>>)
  const { routes } = exports
  if (typeof routes === 'object' && routes !== null) return routes as GatewayConfiguration
  throw new CliError(
    `Cannot use "${shown}" for a gateway: it exports no "routes"; add: export const routes = { routes: {…}, upstreams: {…} }`,
    { exitCode: EXIT.misuse },
  )
}

/** What says what is wrong needs no stack. */
export function misused(cause: unknown): never {
  const { message } = cause as Error
  throw message.startsWith('Cannot ') && !(cause instanceof CliError)
    ? new CliError(message, { exitCode: EXIT.misuse, cause })
    : cause
}
