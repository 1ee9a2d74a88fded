import type { Kysely } from 'kysely'
import type { AnyEvent } from '../contract/contract.ts'
import type { DatabaseDefinition } from '../data/data.ts'
import type { RetryPolicy } from '../messaging/messaging.ts'
import type { Logger } from '../telemetry/telemetry.ts'
import type { History } from './history.ts'

/** What becomes of the tables of a model when an event comes. */
export type Projecting<Tables> = {
  /** Its tables, in the transaction that also notes that the event was taken. */
  readonly tx: Kysely<Tables>
  readonly log: Logger
}

/** A version as what fills it sees it. */
export type ModelVersion = {
  readonly name: string
  readonly version: number
  readonly from: readonly AnyEvent[]
  readonly tables: DatabaseDefinition<unknown>
  readonly on: Readonly<Record<string, (event: never, context: never) => unknown>>
  readonly effects: Readonly<Record<string, ((event: never, context: never) => unknown) | undefined>>
  readonly histories: readonly History[]
  readonly switchAt: number
  readonly retry: RetryPolicy
  readonly before: ModelVersion | undefined
}

/** Where a key of an event must have come to: the number that its publisher gave (the version of an aggregate). */
export type ModelPosition = { readonly event: AnyEvent; readonly key: string; readonly sequence: number }

/** The version that is served, for reading. */
export type Served<Version extends number, Tables> = {
  readonly version: Version
  /** Its tables; writing through it is refused. */
  readonly read: Kysely<Tables>
  /** Several reads of one snapshot. */
  readonly snapshot: <T>(work: (read: Kysely<Tables>) => Promise<T>) => Promise<T>
  /**
   * Milliseconds since the newest event that it has taken was published; undefined before the first. A topic on which nothing
   * happens grows old without anything being wrong.
   */
  readonly age: () => Promise<number | undefined>
  /**
   * Waits until it has an event, so that whoever has just written reads what they wrote. False when that is not so after
   * `timeout` milliseconds (default: nearly all that is left to the call): then it is shown as it is.
   */
  readonly at: (position: ModelPosition, options?: { readonly timeout?: number }) => Promise<boolean>
}
