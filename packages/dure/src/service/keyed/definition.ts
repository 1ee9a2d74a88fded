import type { Kysely } from 'kysely'
import type { DatabaseDefinition } from '../../data/data.ts'
import type { Extension } from '../definition.ts'

export type KeyedStateOptions<State, Tables> = {
  /** The service's own, for the types of its tables. */
  readonly database?: DatabaseDefinition<Tables>
  /** Reads the state of a key as it is committed. Asked when a call wants it and it is not in memory. */
  readonly load: (key: string, read: Kysely<Tables>) => Promise<State> | State
  /** Milliseconds after which a state that nobody has used is put away. Default: a minute. */
  readonly idleAfter?: number
  /** States in memory, at most; the one that was used longest ago goes. Default 10,000. */
  readonly limit?: number
  /** Bytes of all that are in memory, about; a state that is larger than that is loaded at each call. Default 64 MiB. */
  readonly bytes?: number
  /**
   * About how many bytes a state takes, or what else `bytes` is to bound: asked once each time that one is kept. Default: a look at
   * its texts, numbers, lists and objects, which takes the longer the more it has.
   */
  readonly sizeOf?: (state: State) => number
}

/** A state as the service sees it. */
export type AnyKeyedState = Extension & {
  readonly load: (key: string, read: never) => unknown
  readonly idleAfter: number
  readonly limit: number
  readonly bytes: number
  readonly sizeOf: (state: never) => number
}

/** The state of a key, in memory between the calls of it. Listed among the `extensions` of its service; made by `keyedState`. */
export type KeyedState<State = unknown> = AnyKeyedState & {
  /**
   * The state of the key of the call whose context this is: as the last transaction has said it, or loaded. Do not change it in place: it
   * is what the next call gets.
   * @throws {CallError} FAILED_PRECONDITION in the context of anything but a keyed operation
   */
  readonly of: (context: object) => Promise<State>
  /** Says what it is once this transaction commits. After one that commits and does not say it, it is loaded anew. */
  readonly set: (tx: object, state: State) => void
}
