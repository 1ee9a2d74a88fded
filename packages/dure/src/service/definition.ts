import type { CallContext, CallPolicies } from '../call/call.ts'
import type { CallKeys, Cancellation, OwnPolicies, Route } from '../call/internal.ts'
import type { Retention, RetentionOptions } from './retention.ts'
import type {
  AnyContract,
  AnyEvent,
  AnyRequest,
  AnySchema,
  CallError,
  EventData,
  RequestAnswer,
  RequestErrors,
  RequestOutput,
  Schema,
} from '../contract/contract.ts'
import type {
  CommandKey,
  DatabaseAdapter,
  DatabaseDefinition,
  DatabaseWorld,
  Origin,
  Outbox,
  SqlStore,
  SqlTransaction,
  Store,
  Transaction,
  TransactionOf,
} from '../data/data.ts'
import type { Broker, Capabilities, Consumer, DeadLetters, RetryPolicy } from '../messaging/messaging.ts'
import type { Clock, Ids, Random, Runtime } from '../runtime/runtime.ts'
import type { Logger, Meter, Reading } from '../telemetry/telemetry.ts'
import type { Tracer } from '../telemetry/internal.ts'
import type { Configured, Fallbacks, HandlerContext, Handlers, Needs, Requesting } from './handler.ts'

export type { Configured, Fallbacks, HandlerContext, Handlers, Needs, Requesting, ServiceContext } from './handler.ts'

/** An event as its subscriber sees it. */
export type ReceivedEvent<E extends AnyEvent> = {
  readonly id: string
  readonly type: E['name']
  readonly source: string
  readonly key: string
  /** Milliseconds since the epoch when it was published. */
  readonly time: number
  readonly correlationId: string
  /** The message or call that led to it. */
  readonly causationId: string | undefined
  /** What its publisher said beside the data. */
  readonly headers: Readonly<Record<string, string>>
  /** The topic or queue on which its publisher waits for an answer. */
  readonly replyTo: string | undefined
  /** Its number, where its publisher counts what it says of a key. */
  readonly sequence: number | undefined
  /** Who began what led to it, as far as that is known: a subject, which says nothing of what it may do. */
  readonly initiator: string | undefined
  readonly data: EventData<E>
}

/** Inside the transaction that also marks the event as done: everything in it happens once, or not at all. */
export type EffectContext<Tables, Joined = {}, Config = undefined> = Configured<Config> & {
  readonly tx: TransactionOf<Tables, Joined & Requesting>
  readonly log: Logger
  /** Numbers of the application's own; what they count stays counted when the transaction is rolled back. */
  readonly metrics: Meter
  readonly clock: Clock
  readonly ids: Ids
  readonly random: Random
}

/**
 * The two ways to react, typed for one service. They come as arguments rather than imports because
 * TypeScript can then infer the handler's context from the service it stands in.
 */
export type React<N extends Needs, Tables, Joined = {}, Config = undefined> = {
  /** Subscribes to an event: the handler's effect and the mark that it happened commit together. */
  readonly on: ReactTo<N, Tables, Joined, Config>
  /** Makes the service a competing consumer of a queue. A request is answered with what its handler returns, or the declared error it throws. */
  readonly work: ReactTo<N, Tables, Joined, Config>
  /** Takes the replies to what the service has requested: each in the transaction that closes its request, so one for each. */
  readonly replies: <R extends AnyRequest>(
    request: R,
    handler: (reply: Reply<R>, context: EffectContext<Tables, Joined, Config>) => Promise<void> | void,
  ) => Reaction<N, Tables, Joined, Config>
}

/** How a request ended. */
export type Reply<R extends AnyRequest> = {
  /** The id of the request, as `tx.request` said it. */
  readonly request: string
  readonly key: string
  readonly correlationId: string
} & (
  | { readonly ok: true; readonly value: RequestOutput<R> }
  /** A declared error; or nobody has answered in time. */
  | { readonly ok: false; readonly error: RequestErrors<R> | (CallError & { readonly code: 'DEADLINE_EXCEEDED' }) }
)

export type ReactTo<N extends Needs, Tables, Joined = {}, Config = undefined> = <E extends AnyEvent, Prepared = undefined>(
  event: E,
  handler:
    | ReactionOptions<E, N, Tables, Prepared, Joined, Config>
    | ReactionOptions<E, N, Tables, undefined, Joined, Config>['handle'],
) => Reaction<N, Tables, Joined, Config>

/** What a service does when an event arrives. */
export type Reaction<N extends Needs, Tables, Joined = {}, Config = undefined> = {
  readonly kind: 'topic' | 'queue'
  readonly event: AnyEvent
  /** Names the reaction within its service when there are several to one event. */
  readonly name: string
  readonly prepare:
    | ((event: ReceivedEvent<AnyEvent>, context: HandlerContext<N, Tables, Joined, Config>) => Promise<unknown>)
    | undefined
  readonly handle: (
    event: ReceivedEvent<AnyEvent>,
    context: EffectContext<Tables, Joined, Config>,
    prepared: unknown,
  ) => Promise<void> | void
  /** What stands for an effect that failed with this error; it is tried again where that is undefined. */
  readonly instead?:
    | ((
        event: ReceivedEvent<AnyEvent>,
        error: unknown,
      ) => ((context: EffectContext<Tables, Joined, Config>) => Promise<void>) | undefined)
    | undefined
  /** The request whose replies it takes. */
  readonly replyTo?: AnyRequest | undefined
  readonly concurrency: number
  readonly retry: RetryPolicy
}

export type ReactionOptions<E extends AnyEvent, N extends Needs, Tables, Prepared, Joined = {}, Config = undefined> = {
  /** Default: the event's name. */
  readonly name?: string
  /**
   * Runs before the transaction, for what cannot be inside one: a call to another service or to the world outside.
   * It may run more than once for one event, so give the other side the event's id to recognise it by.
   */
  readonly prepare?: (event: ReceivedEvent<E>, context: HandlerContext<N, Tables, Joined, Config>) => Promise<Prepared>
  readonly handle: (
    event: ReceivedEvent<E>,
    context: EffectContext<Tables, Joined, Config>,
    prepared: Prepared,
  ) => Promise<ReactionAnswer<E>> | ReactionAnswer<E>
  /** Events of different keys worked on at once. Default 16. */
  readonly concurrency?: number
  readonly retry?: Partial<RetryPolicy>
}

/** What a reaction returns: nothing, or what answers a request. */
export type ReactionAnswer<E extends AnyEvent> = E extends AnyRequest ? RequestAnswer<E> : void

/** A value that a service lists beside its handlers: a saga, a schedule, a read model. `Joined` is what its transactions have of it. */
export type Extension<Joined extends object = object> = {
  readonly kind: ExtensionKind
  /** One of its kind in its service. */
  readonly name: string
  /** Contracts of the services that it calls, under names of its own. */
  readonly needs?: Needs | undefined
  /** What it reacts to; these are the service's own reactions. Of those to replies there is one for each request. */
  readonly reactions?:
    | readonly Reaction<Needs, unknown>[]
    | ((react: React<Needs, unknown>) => readonly Reaction<Needs, unknown>[])
    | undefined
  /** Carries the type only. */
  readonly joined?: Joined | undefined
}

/** What has all values of one kind work in a service: opened once, in the store of that service. */
export type ExtensionKind = {
  readonly name: string
  /** Its tables, made only in the stores of services that list such a value. In SQL that all engines know, or in that of an adapter. */
  readonly migrations: OwnMigrations | ((adapter: DatabaseAdapter['name']) => OwnMigrations)
  /** Must throw before anything is done when the values cannot work with what the store has. */
  readonly open: (host: ExtensionHost, values: readonly Extension[]) => Promise<OpenExtension>
}

type OwnMigrations = Readonly<Record<`dure/${string}`, string>>

/** What an extension has of the service that it works in. */
export type ExtensionHost = {
  readonly service: string
  readonly store: SqlStore
  readonly outbox: Outbox
  readonly broker: Broker
  readonly runtime: Runtime
  readonly log: Logger
  readonly tracer: Tracer | undefined
  /** Makes contexts as of a handler, with clients of these needs, for work that no caller asked for. */
  readonly contexts: (needs: Needs) => (call: CallContext, cancellation: Cancellation, keys?: CallKeys) => object
  /** Lets go of keys of another service's commands that were held (`heldKey`): whoever asked is done. */
  readonly release: (service: string, keys: readonly CommandKey[]) => Promise<void>
  /** The id of this copy in the registry; undefined where no other process can call it. */
  readonly instance: string | undefined
  /** The way to an operation of another copy of the service. */
  readonly toInstance: (instance: string, operation: string) => Route
  /** A transaction of the store as handlers see it: it publishes and sends, and has what all extensions join. */
  readonly bind: (tx: SqlTransaction, origin: Origin) => Transaction<unknown>
  /** Has handlers find this by the kind, in their context. */
  readonly offer: (kind: ExtensionKind, value: unknown) => void
  /** Opens another store, beside that of the service, in which nobody else looks. Closed with that of the service. */
  readonly openStore: (name: string, definition: DatabaseDefinition<unknown>) => Promise<SqlStore>
}

export type OpenExtension = {
  /** Members of every transaction of the service, beside `publish` and `send`. Made for each transaction, so cheap. */
  readonly join?: ((tx: SqlTransaction, origin: Origin) => object) | undefined
  /** Begins what it does by itself; called once all is open. */
  readonly listen?: (() => Promise<void>) | undefined
  /** How much is to be done by it now; what sleeps until its time does not count. While there is any, the system is not quiet. */
  readonly busy?: (() => Promise<number>) | undefined
  /** Why it cannot do its work, if it cannot. */
  readonly reasons?: (() => readonly string[]) | undefined
  /** Numbers for whoever collects metrics, read when asked for: few, of names that the code lists. */
  readonly readings?: (() => Promise<readonly Reading[]> | readonly Reading[]) | undefined
  /** Consumers of its own: what waits at them, and what is dead, is the service's as well. `deadLetters`: in another store than the service's. */
  readonly consumers?: (() => readonly ExtensionConsumer[]) | undefined
  /** What people ask of it, by name: values that have a JSON form, in and out. */
  readonly control?: Readonly<Record<string, (input: never) => Promise<unknown>>> | undefined
  /** Those of `control` that change something: who does it is written to the system's audit log, with `by` of the input. */
  readonly changes?: readonly string[] | undefined
  /** Begins nothing more, and ends what is under way after `timeout` milliseconds. Its store is open until then. */
  readonly stop: (options: { readonly timeout: number }) => Promise<void>
}

export type ExtensionConsumer = Pick<Consumer, 'readings'> & { readonly deadLetters?: DeadLetters | undefined }

/** What transactions of a service have that lists these. */
export type JoinedOf<Extensions extends readonly Extension[]> = Intersected<JoinsOf<Extensions[number]>>

type JoinsOf<E> = E extends { readonly joined?: infer Joined } ? NonNullable<Joined> : never
type Intersected<Union> = [Union] extends [never]
  ? {}
  : (Union extends unknown ? (one: Union) => void : never) extends (all: infer All) => void
    ? All
    : never

export type ServiceOptions<
  C extends AnyContract,
  N extends Needs,
  Tables,
  Extensions extends readonly Extension[] = readonly [],
  Config = undefined,
> = {
  /** Contracts of the services it calls. */
  readonly needs?: N
  readonly database?: DatabaseDefinition<Tables>
  /** Where its data are kept: `postgres({ url })`, … Default: as the system says (`SystemOptions.stores`, `SystemOptions.database`). */
  readonly store?: StoreAdapter
  /** What works in it beside its handlers: sagas, schedules, read models, … They keep their tables in its database. */
  readonly extensions?: Extensions
  /**
   * Its settings, as any schema that contracts take: what is below its name in the sources of the system (`payment.timeout` for `payment`).
   * Handlers and reactions have them as `config`: the same as long as they run, though they may change meanwhile.
   */
  readonly config?: Schema<unknown, Config>
  readonly handlers: Handlers<C, N, Tables, JoinedOf<Extensions>, Config>
  /** How its calls of others are guarded: by `'stock.check'`, `'stock'` (names of contracts), `'*'`. What the system says goes before it. */
  readonly policies?: CallPolicies
  /** What stands for answers of others that do not come, by need and operation: `{ stock: { check: (input, error) => … } }`. */
  readonly fallbacks?: Fallbacks<N>
  /** What it does when events arrive: `({ on, work }) => [on(OrderPlaced, (event, { tx }) => …)]`. */
  readonly subscriptions?: (
    react: React<N, Tables, JoinedOf<Extensions>, Config>,
  ) => readonly Reaction<N, Tables, JoinedOf<Extensions>, Config>[]
  readonly inbox?: InboxOptions
  /** For how long, and how much, is kept in its store beside its own data. What is needed is never removed. */
  readonly retention?: RetentionOptions
  /**
   * What its broker must be able to do beyond carrying what it announces and reacts to: `['log']` to read what was published
   * before it came, `['replay']` to read again. A system whose broker cannot is refused when it starts. Default: nothing.
   */
  readonly requires?: readonly (keyof Capabilities)[]
  /** Why the service is not ready, if it is not; asked by health checks. */
  readonly ready?: (
    context: HandlerContext<N, Tables, JoinedOf<Extensions>, Config>,
  ) => Promise<string | undefined> | string | undefined
}

/** One way to keep a service's data, made when the system starts: `sqlite()`, `postgres({ url })`, … */
export type StoreAdapter = ((world: DatabaseWorld) => DatabaseAdapter | Promise<DatabaseAdapter>) & {
  /** As its stores say (`Store.sharing`), known before one is opened: `shared` may be open in several processes. Default: `exclusive`. */
  readonly sharing?: Store['sharing']
}

export type InboxOptions = {
  /**
   * Milliseconds for which it is remembered which events had their effect. Must exceed the time for which the broker
   * may bring them again (Infinity: for ever). Default: 10 days, and half as long again as their topics are kept.
   */
  readonly retention?: number
}

/** A service's definition: started by `start`, alone or with others. */
export type Service<C extends AnyContract = AnyContract> = {
  readonly contract: C
  readonly needs: Needs
  readonly database: DatabaseDefinition<unknown> | undefined
  readonly config?: AnySchema | undefined
  readonly store?: StoreAdapter | undefined
  // Inside the chassis handlers are met by name only; their types were checked where the service was defined.
  readonly handlers: Readonly<Record<string, (input: unknown, context: unknown) => unknown>>
  /** By contract. */
  readonly calls?: OwnPolicies | undefined
  readonly reactions: readonly Reaction<Needs, unknown>[]
  readonly extensions: readonly Extension[]
  readonly inbox?: InboxOptions | undefined
  readonly retention?: Retention | undefined
  readonly requires?: readonly (keyof Capabilities)[] | undefined
  readonly ready: ((context: unknown) => Promise<string | undefined> | string | undefined) | undefined
}
