import type { Instance, Registry } from 'dure/discovery'
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
  const views = new Set<{ readonly process: Process; readonly look: () => void }>()
  const keyOf = ({ service, id }: Instance): string => `${service}\0${id}`

  const tell = (): void => {
    for (const { process, look } of views) {
      if (process.state === 'dead') continue
      world.at(world.now() + world.news(process), process, look)
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
      const listeners = new Map<string, Set<(instances: readonly Instance[]) => void>>()
      let known = new Map<string, Instance[]>()
      let stopped = false

      const look = (): void => {
        if (stopped) return
        const before = known
        known = new Map()
        for (const { instance } of truth.values()) {
          const list = known.get(instance.service)
          if (list === undefined) known.set(instance.service, [instance])
          else list.push(instance)
        }
        for (const [service, told] of listeners) {
          const now = known.get(service) ?? []
          if (idsOf(before.get(service) ?? []) === idsOf(now)) continue
          for (const listener of told) listener(now)
        }
      }
      const view = { process, look }
      views.add(view)
      look()

      return {
        register: async (instance) => {
          truth.set(keyOf(instance), { instance, process })
          look()
          tell()
          return {
            stop: async () => {
              if (truth.get(keyOf(instance))?.process !== process || !truth.delete(keyOf(instance))) return
              look()
              tell()
            },
          }
        },
        instances: (service) => known.get(service) ?? [],
        watch: (service, listener) => {
          let told = listeners.get(service)
          if (told === undefined) listeners.set(service, (told = new Set()))
          const one = (instances: readonly Instance[]): void => listener(instances)
          told.add(one)
          return { stop: () => void told.delete(one) }
        },
        stop: async () => {
          stopped = true
          views.delete(view)
          for (const [key, entry] of truth) if (entry.process === process) truth.delete(key)
          tell()
        },
      }
    },
  }
}

function idsOf(instances: readonly Instance[]): string {
  return instances.map(({ id }) => id).join('\n')
}
