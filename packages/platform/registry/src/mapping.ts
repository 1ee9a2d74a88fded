/** An instance of the Registry port as Eureka knows instances, and back: what only Dure knows is one key of the metadata. */
import type { Address, Instance, InstanceStatus } from 'dure/discovery'
import { isInScope, readInstance } from 'dure/discovery/internal'
import type { EurekaInstance, LeaseTimes, Status } from './instance.ts'

const OWN = 'dure.instance'

type Own = Pick<Instance, 'service' | 'id' | 'version' | 'endpoints'> & { readonly scope: string }

const TO_EUREKA: Readonly<Record<InstanceStatus, Status>> = {
  starting: 'STARTING',
  up: 'UP',
  draining: 'OUT_OF_SERVICE',
  down: 'DOWN',
}
const FROM_EUREKA: Readonly<Record<Status, InstanceStatus>> = {
  STARTING: 'starting',
  UP: 'up',
  OUT_OF_SERVICE: 'draining',
  DOWN: 'down',
  UNKNOWN: 'down',
}

/** Upper case, without what clients write differently in a path; the name itself is in the metadata. */
export const appOf = (service: string): string => service.toUpperCase().replaceAll(/[^\p{L}\p{N}._-]/gu, '_')
/** Of one instance of one service, whatever is in their names. */
export const idOf = ({ service, id }: Pick<Instance, 'service' | 'id'>): string => `${safe(service)}:${safe(id)}`
const safe = (text: string): string => text.replaceAll(/[^\w.-]/gu, (char) => `~${char.codePointAt(0)!.toString(16)}~`)

export function toEureka(
  instance: Instance,
  how: { readonly scope: string; readonly lease: LeaseTimes; readonly dirty: number },
): object {
  const { service, id, version, endpoints, metadata, status } = instance
  const own: Own = { service, id, version, endpoints, scope: how.scope }
  const { http, https, dure } = endpoints
  const [plain, secure] = [tcp(http), tcp(https)]
  const { host } = plain ?? secure ?? tcp(dure) ?? { host: '127.0.0.1' }
  // Clients of Eureka look services up by this: who has nothing for them must not be found.
  const called = plain === undefined && secure === undefined ? `dure.${service}` : service
  return {
    instance: {
      instanceId: idOf(instance),
      app: appOf(service),
      hostName: host,
      ipAddr: host,
      ...{ vipAddress: called, secureVipAddress: called },
      status: TO_EUREKA[status],
      port: { $: plain?.port ?? 0, '@enabled': String(plain !== undefined) },
      securePort: { $: secure?.port ?? 0, '@enabled': String(secure !== undefined) },
      ...(plain && { homePageUrl: `http://${host}:${plain.port}/` }),
      countryId: 1,
      dataCenterInfo: { '@class': 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo', name: 'MyOwn' },
      leaseInfo: { renewalIntervalInSecs: how.lease.renewal, durationInSecs: how.lease.duration },
      metadata: { ...metadata, [OWN]: JSON.stringify(own) },
      isCoordinatingDiscoveryServer: 'false',
      lastUpdatedTimestamp: String(how.dirty),
      lastDirtyTimestamp: String(how.dirty),
    },
  }
}

const tcp = (address: Address | undefined): Extract<Address, { kind: 'tcp' }> | undefined =>
  address?.kind === 'tcp' ? address : undefined

/** Undefined for what belongs to another system. */
export function fromEureka(found: EurekaInstance, scope: string): Instance | undefined {
  const { [OWN]: said, ...metadata } = found.metadata
  const status = FROM_EUREKA[found.status]
  const own = said === undefined ? undefined : ownOf(said)
  if (own === undefined) return { ...foreign(found), status, metadata }
  if (!isInScope(own.service, own.scope, scope)) return undefined
  const { service, id, version, endpoints } = own
  return { service, id, version, status, endpoints, metadata }
}

/** One that knows nothing of Dure. */
function foreign({ app, id, hostName, port, securePort, metadata }: EurekaInstance): Omit<Instance, 'status' | 'metadata'> {
  const at = (each: { readonly port: number }): Address => ({ kind: 'tcp', host: hostName, port: each.port })
  const endpoints = { ...(port.enabled && { http: at(port) }), ...(securePort.enabled && { https: at(securePort) }) }
  return { service: app.toLowerCase(), id, version: metadata['version'] ?? '0.0.0', endpoints }
}

/** Undefined when it is not what Dure writes. */
function ownOf(text: string): Own | undefined {
  try {
    const own = JSON.parse(text) as Own
    if (typeof own.scope !== 'string') return undefined
    const { service, id, version, endpoints } = readInstance({ ...own, status: 'up', metadata: {} })
    return { service, id, version, endpoints, scope: own.scope }
  } catch {
    return undefined
  }
}
