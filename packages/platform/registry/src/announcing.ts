/** One instance at a Eureka server. */
import { RegistryAway, type Announcement } from 'dure/discovery/internal'
import type { Instance } from 'dure/discovery'
import type { Clock } from 'dure/runtime'
import type { EurekaClient } from './client.ts'
import type { LeaseTimes } from './instance.ts'
import { appOf, idOf, toEureka } from './mapping.ts'

export function announceTo(options: {
  readonly client: EurekaClient
  readonly scope: string
  readonly lease: LeaseTimes
  readonly clock: Pick<Clock, 'now'>
  /** Signs of life are broken off with it. */
  readonly signal: AbortSignal
}): Announcement {
  const { client, scope, lease, clock, signal } = options
  let dirty = 0
  let outOfService = false

  /** Eureka's servers take no registration for a change between `UP` and `OUT_OF_SERVICE`: that is an override, which is said apart. */
  const serve = async (instance: Instance): Promise<void> => {
    const inService = instance.status !== 'draining'
    if (inService === !outOfService) return
    const path = `${pathOf(instance)}/status`
    if (inService) await client.ask('DELETE', `${path}?value=UP&lastDirtyTimestamp=${dirty}`)
    else await client.ask('PUT', `${path}?value=OUT_OF_SERVICE&lastDirtyTimestamp=${dirty}`)
    outOfService = !inService
  }
  return {
    say: async (instance) => {
      // Later than before in any case, whatever the clock says.
      dirty = Math.max(clock.now(), dirty + 1)
      const { status } = await client.ask('POST', appPath(instance), { body: toEureka(instance, { scope, lease, dirty }) })
      if (status === 404) throw new RegistryAway('what answers there is no Eureka server: it answered 404', { status })
      await serve(instance)
    },
    renew: async (instance) => {
      const path = `${pathOf(instance)}?status=${toStatus(instance)}&lastDirtyTimestamp=${dirty}`
      const { status } = await client.ask('PUT', path, { signal })
      if (status !== 404) return true
      // It has forgotten what it was told beside.
      outOfService = false
      return false
    },
    leave: async (instance) => {
      await client.ask('DELETE', pathOf(instance))
    },
  }
}

const appPath = ({ service }: Instance): string => `/apps/${encodeURIComponent(appOf(service))}`
const pathOf = (instance: Instance): string => `${appPath(instance)}/${encodeURIComponent(idOf(instance))}`
const toStatus = ({ status }: Instance): string => (status === 'draining' ? 'OUT_OF_SERVICE' : status.toUpperCase())
