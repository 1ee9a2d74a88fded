/** EndpointSlices as instances: what Kubernetes says of pods behind a Service. */
import type { Address, Instance, InstanceStatus } from 'dure/discovery'

type Conditions = { readonly ready?: boolean | null; readonly serving?: boolean | null; readonly terminating?: boolean | null }
type Endpoint = {
  readonly addresses: readonly string[]
  readonly conditions?: Conditions
  readonly zone?: string
  readonly nodeName?: string
  readonly targetRef?: { readonly name?: string; readonly uid?: string }
}
type Port = { readonly name?: string | null; readonly port?: number | null; readonly protocol?: string | null }

export type Slice = {
  readonly service: string
  readonly version: string
  readonly addressType: string
  readonly ports: readonly Port[]
  readonly endpoints: readonly Endpoint[]
}

/** Which host stands behind a name of an endpoint of type FQDN. */
export type Lookup = (name: string) => string

/** Undefined when it belongs to no Service. @throws {TypeError} when it is no EndpointSlice */
export function readSlice(value: unknown): Slice | undefined {
  const { metadata, addressType, ports, endpoints } = (value ?? {}) as Readonly<Record<string, unknown>>
  const { labels } = (metadata ?? {}) as { readonly labels?: Readonly<Record<string, unknown>> }
  const service = labels?.['kubernetes.io/service-name']
  if (typeof addressType !== 'string' || !isListOf(ports ?? [], isPort) || !isListOf(endpoints ?? [], isEndpoint))
    throw new TypeError('it is no EndpointSlice')
  if (typeof service !== 'string' || service === '') return undefined
  const version = labels?.['app.kubernetes.io/version']
  return {
    service,
    version: typeof version === 'string' ? version : '0.0.0',
    addressType,
    ports: (ports ?? []) as readonly Port[],
    endpoints: (endpoints ?? []) as readonly Endpoint[],
  }
}

/** One instance a pod, though it may be in several slices: of two address families, or while Kubernetes moves it. */
export function instancesOf(slices: Iterable<Slice>, lookup: Lookup): readonly Instance[] {
  const found = new Map<string, { readonly instance: Instance; readonly rank: number }>()
  for (const slice of slices) {
    for (const endpoint of slice.endpoints) {
      const instance = instanceOf(slice, endpoint, lookup)
      if (instance === undefined) continue
      const key = `${instance.service}/${instance.id}`
      const rank = RANK[instance.status] * 2 + (slice.addressType === 'IPv6' ? 1 : 0)
      if (rank < (found.get(key)?.rank ?? Infinity)) found.set(key, { instance, rank })
    }
  }
  return [...found.values()].map(({ instance }) => instance)
}

const RANK: Readonly<Record<InstanceStatus, number>> = { up: 0, draining: 1, starting: 2, down: 3 }

function instanceOf(slice: Slice, endpoint: Endpoint, lookup: Lookup): Instance | undefined {
  const [address] = endpoint.addresses
  if (address === undefined) return undefined
  const host = slice.addressType === 'FQDN' ? lookup(address) : address
  const { zone, nodeName, targetRef } = endpoint
  return {
    service: slice.service,
    id: targetRef?.uid ?? targetRef?.name ?? address,
    version: slice.version,
    status: statusOf(endpoint.conditions ?? {}),
    endpoints: endpointsAt(host, slice.ports),
    metadata: {
      ...(zone !== undefined && { zone }),
      ...(nodeName !== undefined && { node: nodeName }),
      ...(targetRef?.name !== undefined && { pod: targetRef.name }),
    },
  }
}

/** What is not said is `ready`, as Kubernetes has it. */
function statusOf({ ready, serving, terminating }: Conditions): InstanceStatus {
  if (terminating === true) return (serving ?? ready) === false ? 'down' : 'draining'
  return ready === false ? 'down' : 'up'
}

/** By the names of the Service's ports; a port without a name speaks HTTP. */
function endpointsAt(host: string, ports: readonly Port[]): Readonly<Record<string, Address>> {
  return Object.fromEntries(
    ports.flatMap(({ name, port, protocol }) =>
      typeof port === 'number' && (protocol ?? 'TCP') === 'TCP' ? [[name || 'http', { kind: 'tcp', host, port } as const]] : [],
    ),
  )
}

const isListOf = (value: unknown, is: (each: Readonly<Record<string, unknown>>) => boolean): boolean =>
  Array.isArray(value) &&
  value.every((each) => typeof each === 'object' && each !== null && is(each as Readonly<Record<string, unknown>>))
const isText = (value: unknown): boolean => value === undefined || value === null || typeof value === 'string'
const isPort = ({ name, port, protocol }: Readonly<Record<string, unknown>>): boolean =>
  isText(name) && isText(protocol) && (port === undefined || port === null || Number.isInteger(port))
const isEndpoint = ({ addresses, zone, nodeName, targetRef }: Readonly<Record<string, unknown>>): boolean => {
  const { name, uid } = (targetRef ?? {}) as { readonly name?: unknown; readonly uid?: unknown }
  return (
    Array.isArray(addresses) && addresses.every((each) => typeof each === 'string') && [zone, nodeName, name, uid].every(isText)
  )
}
