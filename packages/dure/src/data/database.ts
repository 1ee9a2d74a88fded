import type { Kysely } from 'kysely'
import type { AnyEvent, EventInput, Message } from '../contract/contract.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { Logger, Reading } from '../telemetry/telemetry.ts'
import type { OutboxMessage } from './outbox-row.ts'
import type { Records } from './records.ts'
import type { RelayLimits } from './relay-limits.ts'
import type { SqlRow, SqlTransaction, SqlValue, StoreTransaction } from './transaction.ts'

/**
 * The Database port. A service has one database of its own and no way to another's.
 * Every adapter passes `databaseConformance` (database.conformance.ts).
 */
export type Database<Tables, Joined = {}> = {
  /** Reads outside a transaction, on a connection of its own: never sees uncommitted rows; writing through it is refused. */
  readonly read: Kysely<Tables>
  /**
   * Runs `work` in one transaction: rows, published events, sent messages commit together or not at all.
   * Resolved means durable. Transactions of one service run one after another where the engine has one writer;
   * those that are waiting may share a commit, each still all-or-nothing by itself.
   * Where the engine has many writers, `work` is run again from its start when another transaction got in its way: what it
   * does outside the transaction it must be able to do twice.
   * A transaction that takes longer than `timeout` milliseconds (default 5,000) is rolled back.
   */
  readonly transaction: <T>(
    work: (tx: Transaction<Tables> & Joined) => Promise<T>,
    options?: { readonly timeout?: number },
  ) => Promise<T>
  /** Several reads of one snapshot. */
  readonly snapshot: <T>(work: (read: Kysely<Tables>) => Promise<T>) => Promise<T>
}

/** Kysely on the transaction's connection, with what else joins it. Unusable once the transaction is over. */
export type Transaction<Tables> = Kysely<Tables> & Announcing

/** What a transaction announces: sent if and only if it commits. */
export type Announcing = {
  /** Announces an event through the outbox: sent if and only if the transaction commits. */
  readonly publish: <E extends AnyEvent>(event: E, data: EventInput<E>, options?: PublishOptions) => Promise<void>
  /** Puts a message on a queue through the outbox; begun `delay` milliseconds (up to a hundred years) after it reaches its receiver. */
  readonly send: <Q extends AnyEvent>(
    queue: Q,
    data: EventInput<Q>,
    options?: PublishOptions & { readonly delay?: number },
  ) => Promise<void>
}

/** What a publisher says beside the data; see `Message`. */
export type PublishOptions = Pick<Message, 'headers' | 'replyTo' | 'sequence'>

/** What a migration does: SQL statements, or a function of the transaction. */
// oxlint-disable-next-line typescript/no-explicit-any
export type MigrationStep = string | ((db: Kysely<any>) => Promise<void>)
/**
 * A migration, applied once, in order of name. One that `contracts` takes away or changes what programs use that do not have it: it
 * waits until none of them runs, and they do not open the store afterwards. Others only add, and older programs go on beside them.
 * Default: SQL contracts where it can be seen to (it drops, renames, changes a type, adds a condition); a function does not.
 */
export type Migration = MigrationStep | { readonly contracts: boolean; readonly run: MigrationStep }
export type Migrations = Readonly<Record<string, Migration>>

/** A service's declaration of its database: the tables' types and how they come to be. Made by `database`. */
export type DatabaseDefinition<Tables> = {
  readonly migrations: Migrations
  /** Handlers get the store's own client (`clientDatabase`). */
  readonly ownClient?: boolean
  /** Carries the type only. */
  readonly tables?: Tables
}

/**
 * Declares a service's database: `database<Tables>({ migrations })`.
 *
 * @example
 * ```ts
 * import { database } from 'dure/data'
 *
 * const orders = database<{ orders: { id: string; total: number } }>({
 *   migrations: { '001': 'CREATE TABLE orders (id TEXT PRIMARY KEY, total INTEGER)' },
 * })
 * console.log(Object.keys(orders.migrations)) // → [ '001' ]
 * ```
 */
export function database<Tables>(options: { migrations: Migrations }): DatabaseDefinition<Tables> {
  return { migrations: options.migrations }
}

/** What carries the types of a store's own client: in a transaction, and for reading. */
export type OwnClient<Client, Reader> = { readonly client: Client; readonly reader: Reader }

/**
 * Declares the database of a service whose store is of another kind than SQL: handlers get the store's own client.
 * Migrations are functions of it.
 *
 * @example
 * ```ts
 * import { clientDatabase } from 'dure/data'
 *
 * type Client = { readonly put: (key: string, value: unknown) => void }
 * const orders = clientDatabase<Client>({ migrations: { '001': async (client: Client) => client.put('settings', {}) } })
 * console.log(Object.keys(orders.migrations)) // → [ '001' ]
 * ```
 */
export function clientDatabase<Client, Reader = Client>(
  options: { readonly migrations?: Readonly<Record<string, (client: Client) => Promise<void>>> } = {},
): DatabaseDefinition<OwnClient<Client, Reader>> {
  return { migrations: (options.migrations ?? {}) as Migrations, ownClient: true }
}

/** The database of a service as its handlers see it: `Database`, or with the store's own client. */
export type DatabaseOf<Tables, Joined = {}> = [Tables] extends [OwnClient<infer _, infer Reader>]
  ? {
      /** Reads what is committed. */
      readonly read: Reader
      /** As of `Database`. */
      readonly transaction: <T>(
        work: (tx: TransactionOf<Tables, Joined>) => Promise<T>,
        options?: { readonly timeout?: number },
      ) => Promise<T>
      readonly snapshot: <T>(work: (read: Reader) => Promise<T>) => Promise<T>
    }
  : Database<Tables, Joined>

/** Its transaction: `Transaction`, or the store's own client with what else joins it. */
export type TransactionOf<Tables, Joined = {}> = [Tables] extends [OwnClient<infer Client, infer _>]
  ? { readonly client: Client } & Announcing & Joined
  : Transaction<Tables> & Joined

/** What a database adapter is made of: where it may keep files, the world, and a voice. */
export type DatabaseWorld = {
  /** A folder of the system's own; made when it is not there. */
  readonly directory: string
  readonly runtime: Runtime
  readonly log: Logger
  /**
   * Told of every file that an embedded adapter holds open. Whoever simulates the death of a process closes them, as the
   * operating system would: what was not committed is gone, and locks are free.
   */
  readonly opened?: ((file: { readonly close: () => void }) => void) | undefined
}

/** What an adapter gives: a way to open one service's store. */
export type DatabaseAdapter<S extends Store = Store> = {
  readonly name: string
  /**
   * Opens the store of `service`, made if need be, and applies its migrations.
   * @throws when the store is unreadable, damaged, of another service or, where it is `exclusive`, in use by another process
   */
  readonly open: (service: string, definition: DatabaseDefinition<unknown>) => Promise<S>
}

/** An open store, of whatever kind: what outbox, inbox, dead letters and keyed commands are written against. */
export type Store<Tx extends StoreTransaction = StoreTransaction> = {
  readonly service: string
  /** OpenTelemetry's name of the engine (`sqlite`, `postgresql`, …), for spans. What the store can do is asked by `sharing`. */
  readonly engine: string
  /**
   * `exclusive`: one writer, in one process at a time, and transactions run one after another in the order they were begun.
   * `shared`: many transactions at once, and other processes may write as well.
   */
  readonly sharing: 'exclusive' | 'shared'
  /** This opening of it, of this process: no two have the same, over restarts either. Who owns what in the store is said by it. */
  readonly member: string
  /**
   * Resolves when every writing transaction of this service, of any process, that was open when it was asked has ended. Those of
   * the member `before` are ended by force after `patience` milliseconds. Absent where one transaction comes after the other.
   */
  readonly waitOut?: (options: { readonly before: string | undefined; readonly patience: number }) => Promise<void>
  /**
   * Whether a member has no session at the server any more: it is dead, or cut off and may come back. Whoever acts on it needs a
   * fence all the same. Absent where one process has the store.
   */
  readonly gone?: (member: string) => Promise<boolean>
  /** What Dure itself keeps in it. */
  readonly records: Records
  /** How handlers read: Kysely, or the store's own client. */
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly read: any
  /**
   * As of `Database`. `isolated: false` for what Dure keeps itself, one condition in each statement: it crosses no other transaction,
   * where the engine has many at once. Default true. `marked: true` where a mark of the inbox is in it and tells whoever comes again how it
   * ended: then nothing is kept by which that can be asked when the answer to the commit is lost, and it rejects. Default false.
   */
  readonly transaction: <T>(
    work: (tx: Tx) => Promise<T>,
    options?: { readonly timeout?: number; readonly isolated?: boolean; readonly marked?: boolean },
  ) => Promise<T>
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly snapshot: <T>(work: (read: any) => Promise<T>) => Promise<T>
  /** Rejects when it cannot be read. */
  readonly ping: () => Promise<void>
  /** What the adapter has to tell of itself, for metrics. */
  readonly readings?: () => readonly Reading[]
  /** The adapter's own outbox, where many write at once; without it `createOutbox` serves, which presumes a single writer. */
  outbox?(options: OutboxOptions): Promise<Outbox>
  /** Takes nothing new and finishes what was begun; transactions that have not ended after `timeout` milliseconds are rolled back. */
  readonly stop: (options?: { readonly timeout?: number }) => Promise<void>
}

/**
 * A store that speaks SQL. Statements use `?` for parameters in SQL that every supported engine knows; values are string,
 * number, bigint, Uint8Array or null.
 */
export type SqlStore = Omit<Store<SqlTransaction>, 'read' | 'snapshot'> & {
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly read: Kysely<any>
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly snapshot: <T>(work: (read: Kysely<any>) => Promise<T>) => Promise<T>
  /** One statement on a reading connection. */
  readonly select: (sql: string, parameters?: readonly SqlValue[]) => Promise<readonly SqlRow[]>
  /** The clock by which what waits in it waits. */
  readonly time: DatabaseTime
}

/** The clock of the database, in milliseconds: an expression of its SQL, or a function where one process has it to itself. */
export type DatabaseTime = string | (() => number)

/**
 * The transactional outbox: what a transaction announces is a row of the same transaction, and a relay hands
 * committed rows to the broker in order of commit, at least once. Richardson, Microservices Patterns, ch. 3.
 */
export type Outbox = {
  /** Joins the transaction: all that is appended to it is written in one go before it commits. */
  readonly append: (tx: StoreTransaction, messages: readonly OutboxMessage[]) => void
  /** Messages committed and not yet delivered, … */
  readonly depth: () => number
  /** … and the bytes of their data. */
  readonly size: () => number
  /** When the oldest of those was published (milliseconds since the epoch); undefined when there is none. */
  readonly oldest: () => number | undefined
  /** What else is measured of it, where there is more: for the metrics of its service. */
  readonly readings?: () => readonly Reading[]
  /** Resolves when all that is committed by now has been delivered, or set aside; with `removed`, when it is out of the table as well. */
  readonly flush: (options?: { readonly removed?: boolean }) => Promise<void>
  /** Waits up to `timeout` milliseconds (default 5,000) for delivery, then stops. What is left stays in the table for the next start. */
  readonly stop: (options?: { readonly timeout?: number }) => Promise<void>
}

export type OutboxOptions<S extends Store = Store> = {
  readonly store: S
  readonly runtime: Runtime
  readonly log: Logger
  /** Hands messages on, in order. Resolved means that they are safe there; rejected means they will come again. */
  readonly deliver: (messages: readonly OutboxMessage[]) => Promise<void>
  /** Where messages wait that are not taken; without it one of them holds up those behind it. */
  readonly aside?: Aside | undefined
  readonly limits?: Partial<RelayLimits>
}

/**
 * Where messages wait that the broker does not take, in the service's own store: dead or waiting for another try, and
 * behind each the later ones of its key. Everything else goes past them.
 */
export type Aside = {
  /** Nothing is set aside, as far as is known here: nobody needs to be looked for. */
  readonly empty: () => boolean
  /** Those that have to wait behind others of their key. */
  readonly behind: <Row extends Carrier>(rows: readonly Row[]) => Promise<readonly Row[]>
  /** Whether the broker refuses a message for good with this error: no further try can help. */
  readonly final: (error: unknown) => boolean
  /** The broker has taken nothing since one was set aside that it may yet take: perhaps it takes nothing at all. */
  readonly doubtful: () => boolean
  /** Sets messages aside, in order, and runs `remove` in the same transaction. Without an error they wait behind others. */
  readonly put: (
    messages: readonly OutboxMessage[],
    options: {
      readonly failure?: { readonly error: unknown } | undefined
      readonly remove: (tx: StoreTransaction) => Promise<unknown>
    },
  ) => Promise<void>
  /** Looks at the table again: another process may have changed it. */
  readonly reload: () => Promise<void>
}

/** Whatever carries a message: a row of a table, an entry of a log. */
export type Carrier = { readonly message: OutboxMessage }

export type { Kysely }
export type { SqlRow, SqlTransaction, SqlValue, StoreTransaction }
