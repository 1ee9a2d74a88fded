/** Where a process listens: for calls of other services, which come over streams of bytes, or for datagrams (`udp`). */
export type Address =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'udp'; readonly host: string; readonly port: number }

/** Whether an instance takes calls: `up` only. One that is `draining` answers what it has taken, and gets nothing new. */
export type InstanceStatus = 'starting' | 'up' | 'draining' | 'down'

export const INSTANCE_STATUSES: readonly InstanceStatus[] = ['starting', 'up', 'draining', 'down']

/** The protocol of Dure's own calls, among the endpoints of an instance. */
export const DURE = 'dure'

/** One running copy of a service. */
export type Instance = {
  readonly service: string
  /** Unique per start of the process: the same service started again is another instance. */
  readonly id: string
  /** Version of the service's contract. */
  readonly version: string
  readonly status: InstanceStatus
  /** Where it listens, by protocol: `dure` for calls of other services, `http` and so on for its doors. */
  readonly endpoints: Readonly<Record<string, Address>>
  /** What callers choose by, as text: `zone`, `weight`, `since` (ISO 8601), and whatever else its system says. */
  readonly metadata: Readonly<Record<string, string>>
}

/**
 * The Registry port: services register while they start, take calls while they are `up`, say that they drain, and leave; who
 * calls them sees it. A view may be behind the truth: callers eject what does not answer.
 */
export type Registry = {
  /** Known to others when it resolves. */
  readonly register: (instance: Instance) => Promise<Registration>
  /** Instances of a service as far as they are known here now, whatever their status. */
  readonly instances: (service: string) => readonly Instance[]
  /** Names of the services that have an instance here, sorted. */
  readonly services: () => readonly string[]
  /** Told after every change of a service's instances (of any service: `undefined`), until stopped. */
  readonly watch: (service: string | undefined, listener: RegistryListener) => { readonly stop: () => void }
  /** Whether what is known here is kept up to date. */
  readonly freshness: () => Freshness
  /**
   * Milliseconds that others need to hear that an instance drains; until then it takes the calls that they send. Default 150: they
   * hear of it at once.
   */
  readonly grace?: number
  readonly stop: () => Promise<void>
}

export type RegistryListener = (instances: readonly Instance[], service: string) => void

/** `since`: when the registry could be read for the last time, in milliseconds since the epoch. */
export type Freshness = { readonly fresh: true } | { readonly fresh: false; readonly since: number }

/** What may change of an instance; an endpoint or a key of the metadata that is not named stays as it was. */
export type InstanceChange = Partial<Pick<Instance, 'status' | 'endpoints' | 'metadata'>>

export type Registration = {
  /** Known to others when it resolves; later changes replace earlier ones in every view. Nothing after `stop`. */
  readonly update: (change: InstanceChange) => Promise<void>
  /** Takes the instance out. Idempotent. */
  readonly stop: () => Promise<void>
}

/** Where an instance takes calls of other services now; undefined while it takes none. */
export function callAddress({ status, endpoints }: Instance): Address | undefined {
  return status === 'up' ? endpoints[DURE] : undefined
}

/** The instance with a change made. */
export function changed(instance: Instance, change: InstanceChange): Instance {
  return {
    ...instance,
    ...change,
    endpoints: { ...instance.endpoints, ...change.endpoints },
    metadata: { ...instance.metadata, ...change.metadata },
  }
}
