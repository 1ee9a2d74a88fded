import type { Address, Instance, Registry } from 'dure/discovery'
import { DURE } from 'dure/discovery/internal'

/** The part of a registry that callers look at; nobody registers here. */
function readOnly(parts: Pick<Registry, 'instances' | 'watch' | 'freshness'>, service: string): Registry {
  return {
    ...parts,
    register: () => Promise.reject(new TypeError(`Cannot register "${service}" here: others run it`)),
    services: () => [service],
    stop: async () => {},
  }
}

/** Instances at addresses that do not change. */
export function fixedInstances(service: string, addresses: readonly Address[]): Registry {
  const instances = addresses.map((address, at): Instance => ({
    ...{ service, id: String(at), version: '0.0.0', status: 'up', metadata: {} },
    endpoints: { [DURE]: address },
  }))
  const watch: Registry['watch'] = () => ({ stop: () => {} })
  return readOnly({ instances: () => instances, watch, freshness: () => ({ fresh: true }) }, service)
}

/**
 * Instances that a registry knows by a name, as far as they are called over HTTP: those with such an endpoint and none of Dure's
 * own, which is for the processes of one system.
 */
export function foundInstances(
  registry: Registry,
  { service, name, scheme }: { readonly service: string; readonly name: string; readonly scheme: 'http' | 'https' },
): Registry {
  const own = (instances: readonly Instance[]): readonly Instance[] =>
    instances.flatMap((instance) => {
      const address = instance.endpoints[scheme]
      if (address === undefined || instance.endpoints[DURE] !== undefined) return []
      return [{ ...instance, service, endpoints: { [DURE]: address } }]
    })
  return readOnly(
    {
      instances: () => own(registry.instances(name)),
      watch: (_service, listener) => registry.watch(name, (instances) => listener(own(instances), service)),
      freshness: () => registry.freshness(),
    },
    service,
  )
}
