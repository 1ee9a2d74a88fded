import { type CallOptions } from '../call/call.ts'
import type { Caller, Settle } from '../call/internal.ts'
import type { Metadata, Principal } from '../contract/contract.ts'

/** What a request says about who sends it. */
export type Credentials = {
  /** Name of the door that it came to. */
  readonly door: string
  /** A header of the request (or what its protocol has instead), by its name in lower case. */
  readonly header: (name: string) => string | undefined
}

/**
 * Finds out who sends a request: undefined when it does not say. One that says so and cannot prove it throws
 * `new CallError('UNAUTHENTICATED', …)`.
 */
export type Authenticate = (credentials: Credentials) => Principal | undefined | Promise<Principal | undefined>

/** Who may do what: somebody finds out who calls, or `'off'`, and anybody may do anything. */
export type Security = 'off' | { readonly authenticate: Authenticate }

/** On whose behalf a door calls, and what goes along. */
export type OnBehalf = {
  /** As `authenticate` has found out. Undefined: nobody has said who it is, and what needs a scope is refused. */
  readonly principal?: Principal | undefined
  readonly metadata?: Metadata | undefined
}

export type DoorCallOptions = CallOptions & OnBehalf

/** A call as a door begins it: within its span, and with an end that the door itself tells of. */
export type PreparedCall = DoorCallOptions & Pick<Caller, 'span' | 'cancellation'>

/** Begins a call, and tells `to` of its end, at once or later. Never throws. */
export type Prepared = (input: unknown, options: PreparedCall, to: Settle) => void

/** The part of a door's host that calls services by name. */
export type DoorCalls = {
  /** Who sends a request; undefined when the system asks nobody. @throws {CallError} UNAUTHENTICATED, or what the system's own `authenticate` throws */
  readonly authenticate: ((credentials: Credentials) => Promise<Principal | undefined>) | undefined
  /** Calls a command or a query that is known by its name only. @throws {CallError} UNIMPLEMENTED when there is none */
  readonly call: (service: string, operation: string, input: unknown, options: DoorCallOptions) => Promise<unknown>
  /** The way to a command or a query, found once for all its calls: the same as `call`, for doors with many of them. */
  readonly prepare: (service: string, operation: string) => Prepared
  /** The same for a stream. */
  readonly stream: (service: string, operation: string, input: unknown, options: DoorCallOptions) => AsyncIterable<unknown>
  /** The same for a channel: `incoming` is what its caller sends. */
  readonly channel: (
    service: string,
    operation: string,
    input: unknown,
    incoming: AsyncIterable<unknown>,
    options: DoorCallOptions,
  ) => AsyncIterable<unknown>
}
