import type { AnyEvent, AnySchema, EventData, EventInput, OutputOf } from '../contract/contract.ts'
import type { Extension } from '../service/service.ts'
import type { Position } from './positions.ts'

/** What a decision comes to: an event of these that is still to be stored. */
export type NewEvent<Events extends readonly AnyEvent[]> = ByName<{
  readonly [E in Events[number] as E['name']]: { readonly type: E['name']; readonly data: EventInput<E> }
}>

/** An event of these, as it was stored and in the version of today. */
export type StoredEvent<Events extends readonly AnyEvent[]> = ByName<{
  readonly [E in Events[number] as E['name']]: StoredFacts & { readonly type: E['name']; readonly data: EventData<E> }
}>

type ByName<Each> = Each[keyof Each]

/** What is known of a stored event beside type and data. */
export type StoredFacts = {
  readonly id: string
  /** The aggregate's name, and which one of them it is. */
  readonly stream: string
  readonly streamId: string
  /** Its number in its stream: 1, 2, 3, … */
  readonly version: number
  /** Milliseconds since the epoch when it was stored. */
  readonly time: number
  /** The version of its schema in which it was stored. */
  readonly schemaVersion: number
  readonly correlationId: string
  /** The message or call that led to it. */
  readonly causationId: string | undefined
  /** Who began what led to it, as far as that is known: a subject, which says nothing of what it may do. */
  readonly initiator: string | undefined
}

/** Fields of an event that tell something of a person. */
export type PersonalFields = {
  /** The path of the field that says whom they are about, by an id that tells nothing by itself: `customerId`. */
  readonly subject: string
  /** Each field by its path (`address.street`), with what it is read as once its subject is forgotten; that must fit the schema. */
  readonly fields: Readonly<Record<string, unknown>>
}

export type SnapshotOptions<State extends AnySchema> = {
  /** Events after which the state is kept anew. */
  readonly every: number
  readonly state: State
  /** Of `evolve`: raise it when that makes other states of the same events. Default 1. */
  readonly version?: number
}

/** `Decided` has the names of events stay what they are where they are written. */
export type AggregateOptions<
  Events extends readonly AnyEvent[],
  State,
  Command,
  StateSchema extends AnySchema,
  Decided extends readonly NewEvent<Events>[] = readonly NewEvent<Events>[],
> = {
  /** All that may happen to it. What one was like in an older version is brought to today's by its `upcast`. */
  readonly events: Events
  readonly initial: () => State
  /** What a command leads to, or a thrown error. Must do nothing else: it is run again when another was faster. */
  readonly decide: (command: Command, state: State) => Decided
  /** The state after an event. */
  readonly evolve: (state: State, event: StoredEvent<Events>) => State
  /** Those of its events that others hear of as well, each with the version as its `sequence`. Their key has to be the aggregate's id. */
  readonly publish?: readonly Events[number][]
  /** Keeps states, so that a long stream need not be read from its beginning. */
  readonly snapshot?: SnapshotOptions<StateSchema> & ([State] extends [OutputOf<StateSchema>] ? unknown : never)
  /** By the names of events. They are not published, and not kept in snapshots. */
  readonly personal?: { readonly [E in Events[number] as E['name']]?: PersonalFields }
}

/** An aggregate as the event store sees it. */
export type AnyAggregate = Extension<EventTransaction> & {
  readonly events: readonly AnyEvent[]
  readonly initial: () => unknown
  readonly decide: (command: never, state: never) => readonly { readonly type: string; readonly data: unknown }[]
  readonly evolve: (state: never, event: never) => unknown
  readonly publish: readonly AnyEvent[]
  readonly snapshot: (SnapshotOptions<AnySchema> & { readonly stamp: string }) | undefined
  readonly personal: Readonly<Record<string, PersonalFields | undefined>>
}

/** Keeps a state of its own as the events that led to it. Listed among the `extensions` of its service; made by `aggregate`. */
export type Aggregate<Events extends readonly AnyEvent[], State, Command> = Omit<
  AnyAggregate,
  'events' | 'initial' | 'decide' | 'evolve'
> & {
  readonly events: Events
  readonly initial: () => State
  readonly decide: (command: Command, state: State) => readonly NewEvent<Events>[]
  readonly evolve: (state: State, event: StoredEvent<Events>) => State
  /** The events of one. */
  readonly stream: (id: string) => Stream<Events, State, Command>
}

/** One of an aggregate, by its id. */
export type AnyStream = { readonly aggregate: AnyAggregate; readonly id: string }

export type Stream<Events extends readonly AnyEvent[] = readonly AnyEvent[], State = unknown, Command = unknown> = AnyStream & {
  /** Carries the types only. */
  readonly of?: { readonly events: Events; readonly state: State; readonly command: Command }
}

/** Which version a stream must have: any, none as it must not be there, or this one. */
export type Expected = 'any' | 'none' | number

/** A state, and the version that it is of; 0 when nothing has happened yet. */
export type Loaded<State> = { readonly state: State; readonly version: number }

/** What transactions of a service have that lists aggregates. */
export type EventTransaction = {
  /**
   * Stores events at the end of a stream, and publishes those that the aggregate publishes, if and only if the transaction
   * commits; resolves with the version of the last.
   * @throws {CallError} ABORTED when the stream has another version than expected; INVALID_ARGUMENT for what cannot be stored
   */
  readonly append: <Events extends readonly AnyEvent[]>(
    stream: Stream<Events>,
    events: readonly NewEvent<Events>[],
    options: { readonly expected: Expected },
  ) => Promise<number>
  /** The present state. */
  readonly load: <State>(stream: Stream<readonly AnyEvent[], State>) => Promise<Loaded<State>>
  /**
   * Loads, decides and appends; resolves with the state afterwards. When another was faster the transaction is run again, where its
   * store does that (PostgreSQL when it is serializable), and otherwise rejects as `append`.
   */
  readonly decide: <State, Command>(
    stream: Stream<readonly AnyEvent[], State, Command>,
    command: NoInfer<Command>,
  ) => Promise<Loaded<State>>
}

export type ReadOptions = {
  /** The first version to read. Default 1. */
  readonly from?: number
  /** Events at most. Default all. */
  readonly limit?: number
}

/** What is stored, for reading: `eventsOf(database)`. */
export type EventReader = {
  /** The events of a stream in their order; a long one is read page by page. */
  readonly read: <Events extends readonly AnyEvent[]>(
    stream: Stream<Events>,
    options?: ReadOptions,
  ) => AsyncIterable<StoredEvent<Events>>
  /**
   * The events of all streams, in the order of their storing, up to the newest: each with the position to go on after. Where many
   * write at once what was committed late comes late; each stream is in its order, and nothing is left out.
   */
  readonly readAll: (options?: {
    readonly after?: Position | undefined
    readonly limit?: number
  }) => AsyncIterable<StoredEvent<readonly AnyEvent[]> & { readonly position: Position }>
  /** The state, at present or as it was: after an event, or before the first that was stored later than a time. */
  readonly load: <State>(
    stream: Stream<readonly AnyEvent[], State>,
    asOf?: { readonly version: number } | { readonly time: number },
  ) => Promise<Loaded<State>>
  /**
   * Takes away the key of a person's fields, for good: from then on they are read as what stands for them. True when there was one.
   * Backups of the store of keys have it still.
   */
  readonly forget: (subject: string) => Promise<boolean>
}
