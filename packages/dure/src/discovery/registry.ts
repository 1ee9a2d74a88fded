/** Where a process listens for calls. */
export type Address =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }

/** One running copy of a service. */
export type Instance = {
  readonly service: string
  /** Unique per start of the process: the same service started again is another instance. */
  readonly id: string
  readonly address: Address
  /** Version of the service's contract. */
  readonly version: string
}

/**
 * The Registry port: services register when they take calls and leave before they stop; who calls them sees both.
 * A view may be behind the truth: callers eject what does not answer.
 */
export type Registry = {
  /** Known to others when it resolves. */
  readonly register: (instance: Instance) => Promise<Registration>
  /** Instances of a service as far as they are known here now. */
  readonly instances: (service: string) => readonly Instance[]
  /** Told after every change of a service's instances, until stopped. */
  readonly watch: (service: string, listener: (instances: readonly Instance[]) => void) => { readonly stop: () => void }
  readonly stop: () => Promise<void>
}

export type Registration = {
  /** Takes the instance out. Idempotent. */
  readonly stop: () => Promise<void>
}
