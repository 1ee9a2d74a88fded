import type { Logger } from '../telemetry/telemetry.ts'
import type { Instance, Registry, RegistryListener } from './registry.ts'

/** What one process knows of running instances, and whom it tells of changes: the same for every registry. */
export type RegistryView = Pick<Registry, 'instances' | 'services' | 'watch'> & {
  /** All that is known from now on. Whoever listens to a service of which anything has changed is told. */
  readonly see: (instances: Iterable<Instance>) => void
  /** Tells nobody any more. */
  readonly close: () => void
}

/** A listener that fails is named in the log; the others are told all the same. */
export function createView(log: Pick<Logger, 'error'>): RegistryView {
  let known: ReadonlyMap<string, readonly Instance[]> = new Map()
  const watchers = new Set<{ readonly service: string | undefined; readonly listener: RegistryListener }>()

  return {
    instances: (service) => known.get(service) ?? [],
    services: () => [...known.keys()].toSorted(),
    watch: (service, listener) => {
      const watcher = { service, listener }
      watchers.add(watcher)
      return { stop: () => void watchers.delete(watcher) }
    },
    see: (instances) => {
      const before = known
      known = Map.groupBy(instances, ({ service }) => service)
      const services = [...new Set([...before.keys(), ...known.keys()])]
      for (const service of services.filter((name) => !same(before.get(name), known.get(name)))) {
        const now = known.get(service) ?? []
        for (const watcher of watchers) {
          if (watcher.service !== undefined && watcher.service !== service) continue
          try {
            watcher.listener(now, service)
          } catch (error) {
            log.error('A listener to changes in the registry failed', { changed: service, error })
          }
        }
      }
    },
    close: () => watchers.clear(),
  }
}

const same = (before: readonly Instance[] = [], now: readonly Instance[] = []): boolean =>
  before === now ||
  (before.length === now.length && before.every((each, at) => each === now[at])) ||
  JSON.stringify(before) === JSON.stringify(now)
