import type { Instance, Registry } from 'dure/discovery'
import { createView } from 'dure/discovery/internal'
import { silentLogger } from 'dure/telemetry'

/** A registry that knows what it is told. */
export function virtualRegistry(): {
  readonly registry: Registry
  readonly set: (service: string, addresses: readonly string[]) => void
} {
  const view = createView(silentLogger())
  const known = new Map<string, readonly Instance[]>()
  return {
    registry: {
      register: () => Promise.reject(new Error('Nobody registers here')),
      ...{ instances: view.instances, services: view.services, watch: view.watch },
      freshness: () => ({ fresh: true }),
      stop: async () => view.close(),
    },
    set: (service, addresses) => {
      const instances = addresses.map((address): Instance => {
        const [host, port] = address.split(':') as [string, string]
        const http = { kind: 'tcp', host, port: Number(port) } as const
        return { service, id: address, version: '1.0.0', status: 'up', endpoints: { http }, metadata: {} }
      })
      known.set(service, instances)
      view.see([...known.values()].flat())
    },
  }
}
