import type { PolicySource, Transport } from '../call/call.ts'
import type { AnyContract } from '../contract/contract.ts'
import type { Registry } from '../discovery/discovery.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { Logger } from '../telemetry/telemetry.ts'

/**
 * A service that others run, and how it is reached: made by an adapter, such as `httpService(Billing, { url })` of `@dure/rest`.
 * Services need it by its contract, as any other.
 */
export type External = {
  readonly contract: AnyContract
  /** Why its contract cannot be called in this way, in words; a system with one is refused. */
  readonly problems: readonly string[]
  /** The way to it, made when the system starts. */
  readonly connect: (world: ExternalWorld) => Promise<Transport & { readonly stop: () => Promise<void> }>
}

/** What the way to an external service is made of. */
export type ExternalWorld = {
  readonly runtime: Runtime
  readonly log: Logger
  /** What the system says of calls. */
  readonly policies: PolicySource
  /** Who is where; opened when it is first asked for. */
  readonly registry: () => Promise<Registry>
}
