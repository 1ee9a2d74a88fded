import type { Transport } from '../../call/call.ts'
import type { Registry } from '../../discovery/discovery.ts'
import { callAddress } from '../../discovery/internal.ts'
import type { Runtime } from '../../runtime/runtime.ts'
import type { Other, Others } from '../settings-host.ts'
import { remoteSettings } from './control.ts'

/** The processes of a system that a registry knows, for changes of settings. */
export function settingsFleet(options: {
  readonly registry: Registry
  readonly transport: Transport
  readonly runtime: Runtime
  /** Of this process. */
  readonly id: string
}): Others {
  const { registry, transport, runtime, id } = options
  return {
    id,
    present: (services) => {
      const found = new Map<string, { readonly name: string; readonly services: string[] }>()
      for (const service of services)
        for (const instance of registry.instances(service)) {
          if (callAddress(instance) === undefined) continue
          const known = found.get(instance.id)
          if (known === undefined) found.set(instance.id, { name: instance.metadata['copy'] ?? service, services: [service] })
          else known.services.push(service)
        }
      // Ids begin with the time that they were made at, so whoever is there longest leads.
      return [...found]
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([instance, { name, services }]): Other => {
          const ask = remoteSettings({ service: services[0]!, instance, transport, runtime })
          return { id: instance, name, services, ask }
        })
    },
    watch: (changed) => registry.watch(undefined, () => changed()),
  }
}
