/** The type of a contract, for everybody who reads one. */
import type { AnyEvent } from './event.ts'
import type { Operations } from './operation.ts'
import type { AnyRequest } from './request.ts'

/** Numbers of fields: by type, then by field, member of a union or value of an enumeration: `{ Order: { id: 1, note: 2 } }`. */
export type FieldNumbers = Readonly<Record<string, Readonly<Record<string, number>>>>

/** A service's promise, as a value. */
export type Contract<
  Name extends string = string,
  Ops extends Operations = Operations,
  Events extends readonly AnyEvent[] = readonly AnyEvent[],
> = {
  readonly name: Name
  /** Semantic version: a breaking change needs a new major. */
  readonly version: string
  /** The team that answers for it. */
  readonly owner: string
  readonly description: string | undefined
  readonly operations: Ops
  readonly events: Events
  /** What it takes from queues and answers. */
  readonly requests?: readonly AnyRequest[]
  /** Numbers of the fields of its types, for protocols that write those instead of names. */
  readonly numbers?: FieldNumbers | undefined
}

// oxlint-disable-next-line typescript/no-explicit-any
export type AnyContract = Contract<string, any, readonly AnyEvent[]>

export type ContractOptions<Ops extends Operations, Events extends readonly AnyEvent[]> = {
  readonly version: string
  readonly owner: string
  readonly description?: string
  readonly operations: Ops
  readonly events?: Events
  readonly requests?: readonly AnyRequest[]
  /**
   * Numbers of fields, for gRPC and Thrift: what `dure docs --format numbers` has written. What is gone keeps its number, so
   * that nothing else gets it.
   */
  readonly numbers?: FieldNumbers
}
