/** Filters as a gateway runs them: each opened once, with what it may do there. */
import type { Runtime } from 'dure/runtime'
import type { Logger, Reading } from 'dure/telemetry'
import type { Filter, FilterParts, FilterWorld } from './filter.ts'
import { sendUnheard, type Time } from './proxy/proxy.ts'
import type { Upstream } from './upstreams/upstreams.ts'

export type Opened = {
  /** @throws whatever a filter throws that cannot be opened */
  readonly partsOf: (filter: Filter) => FilterParts
  readonly stop: () => Promise<void>
}

export function createOpened(world: {
  readonly runtime: Runtime
  readonly log: Logger
  readonly time: Time
  /** Adds what is read when somebody asks for metrics; answers a way to take it out again. */
  readonly observe: (read: () => readonly Reading[]) => () => void
  readonly upstream: (name: string) => Upstream | undefined
  readonly client: FilterWorld['client']
}): Opened {
  const { runtime, log, time, client } = world
  const opened = new WeakMap<Filter, FilterParts>()
  const stops: NonNullable<FilterParts['stop']>[] = []
  const readings: (() => readonly Reading[])[] = []
  const unobserve = world.observe(() => summed(readings.flatMap((read) => read())))
  /** Copies of requests that are under way: what ends them. */
  const unheard = new Set<() => void>()

  const send: FilterWorld['send'] = ({ method, body, headFor }, { to, timeout, ended }) => {
    const upstream = world.upstream(to)
    const endpoint = upstream?.pick([])
    if (upstream === undefined || endpoint === undefined) return ended('nobody')
    const probe = endpoint.health?.state() === 'probing'
    const cut = sendUnheard(
      { method, head: headFor(endpoint), body },
      {
        ...{ endpoint, time, timeout },
        ended: (how) => {
          if (cut !== undefined) unheard.delete(cut)
          upstream.tried(endpoint, typeof how === 'number' ? how : { kind: how === 'late' ? 'late' : 'broken', why: how }, probe)
          ended(how)
        },
      },
    )
    if (cut !== undefined) return void unheard.add(cut)
    upstream.tried(endpoint, 'given up', probe)
    ended('nobody')
  }
  const filterWorld: FilterWorld = { runtime, log, client, send, observe: (read) => void readings.push(read) }
  return {
    partsOf: (filter) => {
      const known = opened.get(filter)
      if (known !== undefined) return known
      const parts = filter.open(filterWorld)
      opened.set(filter, parts)
      if (parts.stop !== undefined) stops.push(parts.stop)
      return parts
    },
    stop: async () => {
      unobserve()
      for (const cut of unheard) cut()
      await Promise.all(stops.map((stop) => stop()))
    },
  }
}

/** Two filters of one kind are told as one. */
function summed(readings: readonly Reading[]): readonly Reading[] {
  const same = Map.groupBy(readings, ({ family, attributes }) => JSON.stringify([family.name, attributes]))
  return Array.from(same.values(), (all) => ({ ...all[0]!, value: all.reduce((sum, { value }) => sum + value, 0) }))
}
