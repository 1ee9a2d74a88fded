import type { Registry } from '../../discovery/discovery.ts'
import { callAddress } from '../../discovery/internal.ts'
import type { Runtime } from '../../runtime/runtime.ts'

/** What is chosen by of the process that calls. */
export type CallingProcess = {
  /** Its own among all callers. */
  readonly name: () => string
  readonly zone: string | undefined
  /** Services that call a service, which are in the registry as well; undefined where nobody knows. */
  readonly callersOf: ((service: string) => readonly string[]) | undefined
}

export function callingProcess(known: Partial<CallingProcess> | undefined, { ids }: Pick<Runtime, 'ids'>): CallingProcess {
  let name: string | undefined
  return { name: () => (name ??= ids.next()), zone: undefined, callersOf: undefined, ...known }
}

/** How many call a service, by zone, this process among them; undefined where it is not known who calls. */
export function callersByZone(options: { service: string; registry: Registry; here: CallingProcess; changed: () => void }): {
  readonly byZone: (() => ReadonlyMap<string, number>) | undefined
  readonly stop: () => void
} {
  const { service, registry, here, changed } = options
  const callers = here.callersOf?.(service) ?? []
  if (here.zone === undefined || callers.length === 0) return { byZone: undefined, stop: () => {} }
  const own = here.zone
  const watching = callers.map((caller) => registry.watch(caller, changed))
  return {
    byZone: () => {
      const counts = new Map<string, number>()
      for (const caller of callers)
        for (const instance of registry.instances(caller)) {
          const zone = instance.metadata['zone'] ?? ''
          if (callAddress(instance) !== undefined) counts.set(zone, (counts.get(zone) ?? 0) + 1)
        }
      return counts.has(own) ? counts : counts.set(own, 1)
    },
    stop: () => {
      for (const { stop } of watching) stop()
    },
  }
}
