import type { Instance, Registry } from 'dure/discovery'
import { changed, createView } from 'dure/discovery/internal'
import { silentLogger } from 'dure/telemetry'
import type { Process } from '../kernel/kernel.ts'

/** Who is where, as each process sees it: a change is known at once where it was made and a while later elsewhere. */
export type RegistryHub = {
  readonly open: (process: Process) => Registry
  /** Everything that a dead process had registered is gone, after `delay` milliseconds. */
  readonly forget: (process: Process, delay: number) => void
}

export function createRegistryHub(world: {
  readonly now: () => number
  readonly at: (time: number, process: Process, task: () => void) => void
  /** The same for nobody in particular. */
  readonly later: (delay: number, task: () => void) => void
  /** Milliseconds until a process hears of a change. */
  readonly news: (process: Process) => number
}): RegistryHub {
  const truth = new Map<string, { readonly instance: Instance; readonly process: Process }>()
  const views = new Set<{ readonly process: Process; readonly refresh: () => void }>()
  const keyOf = ({ service, id }: Instance): string => `${service}\0${id}`

  const tell = (): void => {
    for (const { process, refresh } of views) {
      if (process.state === 'dead') continue
      world.at(world.now() + world.news(process), process, refresh)
    }
  }

  return {
    forget: (process, delay) =>
      world.later(delay, () => {
        let changed = false
        for (const [key, entry] of truth) if (entry.process === process) changed = truth.delete(key) || changed
        for (const view of views) if (view.process === process) views.delete(view)
        if (changed) tell()
      }),
    open: (process) => {
      const { see, close, ...reading } = createView(silentLogger())
      let stopped = false
      const refresh = (): void => {
        if (!stopped) see([...truth.values()].map(({ instance }) => instance))
      }
      const view = { process, refresh }
      views.add(view)
      refresh()
      const put = (instance: Instance): void => {
        truth.set(keyOf(instance), { instance, process })
        refresh()
        tell()
      }

      return {
        ...reading,
        register: async (given) => {
          put(given)
          const own = (): Instance | undefined => {
            const entry = truth.get(keyOf(given))
            return entry?.process === process ? entry.instance : undefined
          }
          return {
            update: async (change) => {
              const instance = own()
              if (instance !== undefined) put(changed(instance, change))
            },
            stop: async () => {
              if (own() === undefined) return
              truth.delete(keyOf(given))
              refresh()
              tell()
            },
          }
        },
        // What is late here comes all the same.
        freshness: () => ({ fresh: true }),
        stop: async () => {
          stopped = true
          views.delete(view)
          close()
          for (const [key, entry] of truth) if (entry.process === process) truth.delete(key)
          tell()
        },
      }
    },
  }
}
