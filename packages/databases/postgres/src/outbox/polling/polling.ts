/** The outbox from its table: any number of relays look for rows, and share the lanes. */
import type { Outbox, OutboxMessage, OutboxOptions, SqlTransaction, StoreTransaction } from 'dure/data'
import { realRuntime, type Runtime } from 'dure/runtime'
import { FAMILIES, silentLogger, type Logger, type Reading } from 'dure/telemetry'
import type { ClientConfig } from 'pg'
import type { DeadLetters } from 'dure/messaging'
import { publishStatements } from '../statements.ts'
import { createLetters } from '../letters.ts'
import type { RelayLimits } from '../limits.ts'
import { createRelay, type Relay, type RelayState } from './relay.ts'

export type { Horizon } from './horizon.ts'
export { createRelay, type Relay, type RelayOptions, type RelayState } from './relay.ts'

/** The outbox of a store, with a relay in this process. @param options.connection to the store's database and schema, as its role */
export async function createPostgresOutbox(
  options: Omit<OutboxOptions, 'limits'> & { readonly connection: ClientConfig; readonly limits?: Partial<RelayLimits> },
): Promise<Outbox & { readonly state: () => RelayState }> {
  const { store, connection, runtime, log, deliver, aside, limits } = options
  const relay = createRelay({ connection, name: store.service, runtime, log, deliver, aside, limits })
  await relay.ready
  return { ...gathering(relay, writeRows), readings: () => readingsOf(relay.state()), state: relay.state }
}

/** What a store's outbox needs of a relay, by whichever way that comes by the messages. */
export type StoreRelay = Pick<Relay, 'committed' | 'wake' | 'tell' | 'flush' | 'stop'> & {
  readonly state: () => Pick<RelayState, 'depth' | 'oldest'>
}

/** The outbox over a relay: what a transaction appends is written in one go before it commits. */
export function gathering(relay: StoreRelay, write: (tx: SqlTransaction, messages: readonly OutboxMessage[]) => unknown): Outbox {
  const gathered = new WeakMap<StoreTransaction, OutboxMessage[]>()

  /** Once, as late as can be: from here to the commit, others with the same keys wait. */
  const finish = async (tx: StoreTransaction): Promise<void> => {
    const messages = gathered.get(tx)
    if (messages === undefined) return
    gathered.delete(tx)
    await write(tx as SqlTransaction, messages)
    tx.onCommit(() => {
      relay.committed(messages.length)
      relay.wake()
      relay.tell()
    })
  }

  return {
    append: (tx, messages) => {
      // Asked every time, though once would do, because a transaction that is over refuses it.
      tx.beforeCommit(() => finish(tx))
      const before = gathered.get(tx)
      if (before === undefined) gathered.set(tx, [...messages])
      else before.push(...messages)
    },
    depth: () => relay.state().depth,
    oldest: () => relay.state().oldest,
    flush: relay.flush,
    stop: relay.stop,
  }
}

export function writeRows(tx: SqlTransaction, messages: readonly OutboxMessage[]): void {
  // Not waited for: they are on their way together with the COMMIT behind them, which fails if one of them does.
  for (const { text, values } of publishStatements(messages, 'question')) tx.run(text, values).catch(() => {})
}

/** Seconds from which on a held horizon is worth a word: every transaction holds it for a moment. */
const HELD = 1

function readingsOf({ lanes, horizon }: RelayState): readonly Reading[] {
  const owned: Reading = { family: FAMILIES.outboxLanes, attributes: {}, value: lanes }
  if (horizon === undefined || (horizon.seconds ?? HELD) < HELD) return [owned]
  const { holder, pid, name, database, seconds = 0 } = horizon
  const attributes = { holder, pid: String(pid ?? ''), name, 'db.namespace': database }
  return [owned, { family: FAMILIES.outboxHorizon, attributes, value: seconds }]
}

export type PollingRelayOptions = {
  /** The database with the outbox: a URL, or what `pg` connects with. */
  readonly connection: string | ClientConfig
  /**
   * Hands messages on, in order. Resolved means that they are safe there; rejected means they will come again, unless it is
   * for good: with a `NonRetryableError`, or a `CallError` INVALID_ARGUMENT or OUT_OF_RANGE (whose `details.id` may name the
   * message). That message is then a dead letter, which holds the later ones of its key.
   */
  readonly deliver: (messages: readonly OutboxMessage[]) => Promise<void>
  /** Who it is, in logs and in the database's `pg_stat_activity`. Default 'outbox'. */
  readonly name?: string
  readonly limits?: Partial<RelayLimits>
  readonly log?: Logger
  readonly runtime?: Runtime
}

export type PollingRelay = {
  readonly state: () => RelayState
  /** What `deliver` has refused for good, to be looked at, retried or discarded. */
  readonly deadLetters: DeadLetters
  /** Resolves when all that is committed by now has been delivered or set aside, by this relay or another. */
  readonly flush: () => Promise<void>
  /** Waits up to `timeout` milliseconds (default 5,000) for delivery, then stops and leaves its lanes to others. */
  readonly stop: (options?: { readonly timeout?: number }) => Promise<void>
}

/**
 * A relay by itself, in any process: as many as you like share the work, and take over from one that is gone. Begins at
 * once, whether or not the database can be reached, and keeps trying.
 *
 * @example
 * ```ts
 * import { pollingRelay } from '@dure/postgres/outbox'
 *
 * const connection = 'postgres://shop:secret@127.0.0.1:1/shop'
 * const relay = pollingRelay({ connection, deliver: async (messages) => console.log(messages.length) }) // to your broker
 * console.log(relay.state().depth) // → 0
 * await relay.stop({ timeout: 0 })
 * ```
 */
export function pollingRelay(options: PollingRelayOptions): PollingRelay {
  const { connection, deliver, name = 'outbox', limits, log = silentLogger(), runtime = realRuntime() } = options
  const config = typeof connection === 'string' ? { connectionString: connection } : connection
  const letters = createLetters({ connection: config, name, runtime, log, deliver, patience: limits?.patience })
  const { aside } = letters
  const { state, flush, stop } = createRelay({ connection: config, name, runtime, log, deliver: letters.deliver, aside, limits })
  return { state, flush, deadLetters: letters.deadLetters, stop: (how) => stop(how).finally(letters.stop) }
}
