/**
 * The outbox by the database's own log: what commits is read from a replication slot, in order of commit, without asking
 * any table. With the table, polling can take over at any moment and does when the slot is lost; without it messages are
 * in the log alone.
 */
import type { OutboxMessage } from 'dure/data'
import type { DeadLetters } from 'dure/messaging'
import { realRuntime, type Runtime } from 'dure/runtime'
import { silentLogger, type Logger } from 'dure/telemetry'
import type { ClientConfig } from 'pg'
import { createLetters } from '../letters.ts'
import type { WalLimits } from './limits.ts'
import { createWalRelay, type WalRelay, type Mode } from './relay.ts'

export type { Alarm } from './alarm.ts'
export type { WalLimits } from './limits.ts'
export type { WalRelay, WalRelayState, Mode } from './relay.ts'
export { createWalPublisher, type WalPublisherOptions } from './publish.ts'
export { removeSlot, type RemovedSlot } from './remove.ts'
export { checkMode, fitForWal, openOutbox, type OutboxMode, type StoreOutbox } from './store-outbox.ts'

export type WalRelayOptions = {
  /** The database with the outbox, as a role that may replicate: a URL, or what `pg` connects with. */
  readonly connection: string | ClientConfig
  /** As with `pollingRelay`: resolved means safe there, rejected again, unless it is for good. */
  readonly deliver: (messages: readonly OutboxMessage[]) => Promise<void>
  /** Who it is, in logs and in the database's `pg_stat_activity`. Default 'outbox'. */
  readonly name?: string
  /** Without the table: the service (`source`) whose messages `createWalPublisher` writes into the log. */
  readonly service?: string
  /** Without the table: do with a server that drops the log beyond `max_slot_wal_keep_size`, and what was in it. Default false. */
  readonly acceptLoss?: boolean
  /** How to begin. Default 'wal'. */
  readonly way?: Mode
  /** The replication slot's name. Default of the database and the schema (or service); `state()` tells it. */
  readonly slot?: string
  readonly limits?: Partial<WalLimits>
  readonly log?: Logger
  readonly runtime?: Runtime
}

/**
 * A relay by itself, in any process. One of them reads the log at a time; others, and polling relays, wait to take over.
 * Begins at once, whether or not the database can be reached, and keeps trying.
 */
export function walRelay(options: WalRelayOptions): WalRelay & { readonly deadLetters: DeadLetters } {
  const { connection, deliver, name = 'outbox', limits, log = silentLogger(), runtime = realRuntime() } = options
  const { service, acceptLoss, way, slot } = options
  const config = typeof connection === 'string' ? { connectionString: connection } : connection
  const letters = createLetters({ connection: config, name, runtime, log, deliver, patience: limits?.patience })
  const { aside, deadLetters } = letters
  const { ready, use, state, flush, stop } = createWalRelay({
    ...{ connection: config, name, runtime, log, deliver: letters.deliver, aside, limits, service, acceptLoss, way, slot },
  })
  return { ready, use, state, flush, deadLetters, stop: (how) => stop(how).finally(letters.stop) }
}
