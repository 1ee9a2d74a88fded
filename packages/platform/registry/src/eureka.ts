/** The Registry port on a Eureka server: Dure's own, which pushes, or any other, which is asked again and again. */
import type { Instance, Registry } from 'dure/discovery'
import { changed, createView } from 'dure/discovery/internal'
import { backoff, checkNumbers, WAIT, WAIT_OR_NONE } from 'dure/runtime/internal'
import type { Clock, Timers } from 'dure/runtime'
import type { Adapter, World } from 'dure/service'
import type { Logger } from 'dure/telemetry'
import { AGAIN, createAnnouncing, ownOf, type Own } from './announcing.ts'
import { eurekaClient } from './client.ts'
import { appOf, fromEureka, idOf, scopeOf } from './mapping.ts'
import { createServerView } from './view.ts'

export type EurekaRegistryOptions = {
  /** `http://127.0.0.1:8761/eureka`, with `user:password@` where the server asks for those. */
  readonly url: string
  /** The value of the header `authorization`, asked for each request. Default: what the url says. */
  readonly authorization?: () => string | Promise<string>
  /** Milliseconds between signs of life. Default 1,000. */
  readonly heartbeat?: number
  /** Milliseconds after the last sign of life until the server takes an instance out, in whole seconds. Default 3,000. */
  readonly lease?: number
  /** Milliseconds between questions to a server that does not push. Default 5,000. */
  readonly poll?: number
  /** Milliseconds that an answer may take. Default 2,000. */
  readonly timeout?: number
  /** Milliseconds that a start waits for a server that does not answer. Default 10,000. */
  readonly registerTimeout?: number
  /**
   * Milliseconds between saying that it drains and taking no more calls. Who asks seldom hears of it late: Spring's clients ask
   * every 30 s, unless told. Default 1,000.
   */
  readonly grace?: number
}

/** Seconds that Dure's registry is asked to wait for a change. */
const PUSH_WAIT = 5
/** Instances that have left here, and are not shown though the server may still have them. */
const MOST_LEFT = 1_000

/**
 * Registers the services of a process with a Eureka server, keeps them registered, and sees who else is. While the server is away the
 * last known view is kept and said to be stale, and all is told again when it is back.
 *
 * @example
 * ```ts
 * import { eurekaRegistry, startRegistry } from '@dure/registry'
 * import { realRuntime } from 'dure/runtime'
 * import { silentLogger } from 'dure/telemetry'
 *
 * const server = await startRegistry({ directory: '.registry/port', port: 0, log: silentLogger() })
 * const world = { directory: '.dure', runtime: realRuntime(), log: silentLogger() }
 * const registry = await eurekaRegistry({ url: server.url })(world) // system('shop', { services, registry: eurekaRegistry({ url }) })
 * const http = { kind: 'tcp', host: '127.0.0.1', port: 8080 } as const
 * await registry.register({ service: 'orders', id: 'a', version: '1.0.0', status: 'up', endpoints: { http }, metadata: {} })
 * console.log(registry.services()) // → [ 'orders' ]
 * await registry.stop()
 * await server.stop()
 * ```
 */
export function eurekaRegistry(options: EurekaRegistryOptions): Adapter<Registry> & { readonly reach: 'network' } {
  checkNumbers('use a Eureka registry', options, {
    ...{ heartbeat: WAIT, lease: WAIT, poll: WAIT, timeout: WAIT, registerTimeout: WAIT_OR_NONE, grace: WAIT_OR_NONE },
  })
  return Object.assign((world: World) => open(options, world), { reach: 'network' } as const)
}

async function open(options: EurekaRegistryOptions, { directory, runtime, log }: World): Promise<Registry> {
  const { heartbeat = 1_000, lease = 3_000, poll = 5_000, timeout = 2_000, registerTimeout = 10_000, grace = 1_000 } = options
  const { clock, timers, random } = runtime
  const client = eurekaClient({ url: options.url, authorization: options.authorization, timeout }, runtime)
  const server = createServerView(client)
  const view = createView(log)
  const scope = scopeOf(directory)
  const times = { renewal: Math.ceil(heartbeat / 1000), duration: Math.ceil(lease / 1000) }
  const own = new Map<string, Own>()
  const left = new Set<string>()
  const stopping = new AbortController()
  const presence = createPresence({ clock, log, base: client.base, signal: stopping.signal })
  const pause = pausing(timers, stopping.signal)

  const keyOf = (instance: Pick<Instance, 'service' | 'id'>): string => `${appOf(instance.service)}/${idOf(instance)}`
  const see = (): void => {
    if (stopping.signal.aborted) return
    const others = [...server.instances()].flatMap((each) => {
      const key = `${each.app}/${each.id}`
      if (own.has(key) || left.has(key)) return []
      return fromEureka(each, scope) ?? []
    })
    view.see([...own.values().map(({ instance }) => instance), ...others])
  }

  const look = async (wait: number): Promise<boolean> => {
    try {
      await server.look(wait, stopping.signal)
      presence.heard('looking')
      see()
      return true
    } catch (error) {
      if (stopping.signal.aborted) return false
      server.distrust()
      presence.heard('looking', error)
      return false
    }
  }
  const follow = async (): Promise<void> => {
    for (let failed = 0; !stopping.signal.aborted;) {
      if (await look(PUSH_WAIT)) {
        failed = 0
        if (!server.pushes()) await pause(poll)
      } else await pause(backoff(AGAIN, ++failed, random))
    }
  }

  const announcing = createAnnouncing({
    client,
    scope,
    lease: times,
    registerTimeout,
    runtime,
    log,
    signal: stopping.signal,
    pause,
  })
  const beat = async (): Promise<void> => {
    for (;;) {
      await pause(heartbeat)
      if (stopping.signal.aborted) return
      const done = await Promise.allSettled(
        [...own.values()].map((entry) => announcing.renew(entry, () => own.get(keyOf(entry.instance)) === entry)),
      )
      const failed = done.find((each) => each.status === 'rejected')
      presence.heard('beating', failed?.reason)
    }
  }

  await look(0)
  const working = [follow(), beat()]
  return {
    register: async (instance) => {
      const key = keyOf(instance)
      const entry = ownOf(instance)
      left.delete(key)
      own.set(key, entry)
      see()
      try {
        await announcing.register(entry)
      } catch (error) {
        if (own.get(key) === entry) own.delete(key)
        see()
        throw error
      }
      return {
        update: async (change) => {
          if (own.get(key) !== entry) return
          entry.instance = changed(entry.instance, change)
          entry.unsaid = true
          see()
          await announcing.tell(entry)
        },
        stop: async () => {
          if (own.get(key) !== entry) return
          own.delete(key)
          left.add(key)
          if (left.size > MOST_LEFT) left.delete(left.values().next().value!)
          see()
          await announcing.leave(entry)
        },
      }
    },
    instances: view.instances,
    services: view.services,
    watch: view.watch,
    grace,
    freshness: () => {
      const since = presence.awaySince() ?? server.staleSince()
      return since === undefined ? { fresh: true } : { fresh: false, since }
    },
    stop: async () => {
      const entries = [...own.values()]
      own.clear()
      stopping.abort()
      view.close()
      await Promise.all([...entries.map(announcing.leave), ...working])
    },
  }
}

/** Whether the server answers, to questions and to signs of life. */
function createPresence(options: {
  readonly clock: Pick<Clock, 'now'>
  readonly log: Logger
  readonly base: string
  readonly signal: AbortSignal
}) {
  const { clock, log, base, signal } = options
  let seen = clock.now()
  let away = { looking: false, beating: false }
  return {
    /** Tells once when it is away, and once when it is back. */
    heard: (which: 'looking' | 'beating', error?: unknown): void => {
      const before = away.looking || away.beating
      away = { ...away, [which]: error !== undefined }
      const now = away.looking || away.beating
      if (!now) seen = clock.now()
      if (before === now || signal.aborted) return
      if (!now) return log.info('The registry is back', { registry: base })
      const why = error instanceof Error ? error.message : 'it does not answer'
      log.warn('The registry is away: what was known of it last is kept', { registry: base, why })
    },
    awaySince: (): number | undefined => (away.looking || away.beating ? seen : undefined),
  }
}

/** Waits, and keeps no process for it. */
function pausing(timers: Pick<Timers, 'after'>, signal: AbortSignal): (ms: number) => Promise<void> {
  return (ms) =>
    new Promise((resolve) => {
      if (signal.aborted) return resolve()
      const wake = (): void => {
        timer.cancel()
        signal.removeEventListener('abort', wake)
        resolve()
      }
      const timer = timers.after(ms, wake)
      signal.addEventListener('abort', wake, { once: true })
    })
}
