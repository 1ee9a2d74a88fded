/** The Registry port on a server over the network, made of what that server does: the view, its freshness, and being announced. */
import { backoff } from '../runtime/internal.ts'
import type { Clock, Runtime, Timers } from '../runtime/runtime.ts'
import type { Logger } from '../telemetry/telemetry.ts'
import { AGAIN, createAnnouncing, type Announcement, type Own } from './announcing.ts'
import { changed, type Instance, type Registry } from './registry.ts'
import { createView } from './view.ts'

/** What a registry's server does. */
export type RegistryServer = {
  /** Where it is, without a password. */
  readonly base: string
  /** What to do where there is none, for a message: `start one with …`. */
  readonly advice: string
  /**
   * Learns what is there, and of its changes for as long as it can: `seen` after each. When it is over it is called again: at once,
   * or, when it failed, a while later. @throws {RegistryAway}
   */
  readonly follow: (seen: () => void, signal: AbortSignal) => Promise<void>
  /** All that is known there, as far as it was seen. */
  readonly instances: () => Iterable<Instance>
  /** Since when the server itself is not sure, in milliseconds since the epoch. */
  readonly staleSince?: () => number | undefined
  /** One more instance of this process; its signs of life are broken off by the signal. None where somebody else registers. */
  readonly announce?: (signal: AbortSignal) => Announcement
}

export type NetworkRegistryOptions = {
  /** Milliseconds between signs of life. */
  readonly heartbeat: number
  /** Milliseconds that a start waits for a server that does not answer. */
  readonly registerTimeout: number
  readonly grace: number
}

/** Instances that have left here, and are not shown though the server may still have them. */
const MOST_LEFT = 1_000

/** While the server is away the last known view is kept and said to be stale; when it is back all is told again. */
export async function networkRegistry(
  server: RegistryServer,
  options: NetworkRegistryOptions,
  { runtime, log }: { readonly runtime: Runtime; readonly log: Logger },
): Promise<Registry> {
  const { heartbeat, registerTimeout, grace } = options
  const { clock, timers, random } = runtime
  const { base, advice } = server
  const view = createView(log)
  const own = new Map<string, Own>()
  const left = new Set<string>()
  const stopping = new AbortController()
  const { signal } = stopping
  const presence = createPresence({ clock, log, base, signal })
  const pause = pausing(timers, signal)

  const see = (): void => {
    if (signal.aborted) return
    const others = [...server.instances()].filter((each) => !own.has(keyOf(each)) && !left.has(keyOf(each)))
    view.see([...[...own.values()].map(({ instance }) => instance), ...others])
  }
  const follow = async (answered: () => void): Promise<void> => {
    for (let failed = 0; !signal.aborted;) {
      const seen = (): void => {
        failed = 0
        presence.heard('looking')
        see()
        answered()
      }
      try {
        await server.follow(seen, signal)
      } catch (error) {
        if (signal.aborted) break
        presence.heard('looking', error)
        answered()
        await pause(backoff(AGAIN, ++failed, random))
      }
    }
    answered()
  }
  const announcing = createAnnouncing({ base, advice, registerTimeout, runtime, log, signal, pause })
  const beat = async (): Promise<void> => {
    for (;;) {
      await pause(heartbeat)
      if (signal.aborted) return
      const renewed = [...own].map(([key, entry]) => announcing.renew(entry, () => own.get(key) === entry))
      const failed = (await Promise.allSettled(renewed)).find((each) => each.status === 'rejected')
      presence.heard('beating', failed?.reason)
    }
  }

  const first = Promise.withResolvers<void>()
  const working = [follow(first.resolve), beat()]
  await first.promise
  return {
    register: async (instance) => {
      if (server.announce === undefined) {
        log.info('The registry itself registers what runs: this process publishes nothing', { service: instance.service })
        return { update: async () => {}, stop: async () => {} }
      }
      const key = keyOf(instance)
      const entry: Own = { instance, announcement: server.announce(signal), unsaid: true, running: undefined, next: undefined }
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
      const since = presence.awaySince() ?? server.staleSince?.()
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

const keyOf = ({ service, id }: Instance): string => `${service}\0${id}`

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

/** Waits until the signal, and keeps no process for it. */
export function pausing(timers: Pick<Timers, 'after'>, signal: AbortSignal): (ms: number) => Promise<void> {
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
