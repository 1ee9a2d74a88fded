import type { OutboxMessage } from 'dure/data'
import type { DeadLetters } from 'dure/messaging'
import { realRuntime, type Runtime } from 'dure/runtime'
import { silentLogger, type Logger } from 'dure/telemetry'
import type { ClientConfig } from 'pg'
import { createLetters } from './letters.ts'
import type { RelayState } from './polling/polling.ts'
import { createOutboxRelay, type OutboxRelay } from './relay.ts'
import type { Mode, WalLimits } from './wal/wal.ts'

type CommonOptions = {
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
  readonly log?: Logger
  readonly runtime?: Runtime
}

export type PollingRelayOptions = CommonOptions & { readonly limits?: Partial<Omit<WalLimits, 'heartbeat' | 'lag'>> }

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
 */
export function pollingRelay(options: PollingRelayOptions): PollingRelay {
  const { relay, deadLetters, stop } = alone(options, 'polling')
  return { state: relay.polling, flush: relay.flush, deadLetters, stop }
}

export type WalRelayOptions = CommonOptions & {
  /** How to begin. Default 'wal'. */
  readonly mode?: Mode
  /** The same database as a role that may replicate. Default `connection`, whose role then does. */
  readonly reading?: string | ClientConfig
  /** Do with a server that may drop what has not been delivered, and with its loss. Default false. */
  readonly acceptLoss?: boolean
  readonly limits?: Partial<WalLimits>
}

export type WalRelay = Pick<OutboxRelay, 'ready' | 'state' | 'flush'> & {
  /**
   * Switches to the other way, while messages are published; resolves when it is the one that delivers. Rejects, and all
   * goes on as it was, when what waits is not delivered in time (`limits.drain`).
   */
  readonly use: (mode: Mode) => Promise<void>
  readonly deadLetters: DeadLetters
  /** Waits up to `timeout` milliseconds (default 5,000) for delivery, then stops. The slot stays for the next start. */
  readonly stop: (options?: { readonly timeout?: number }) => Promise<void>
}

/**
 * A relay by itself, in any process, that has messages written into the log and reads them there. One of them reads it at a
 * time; others wait to take over. Begins at once, whether or not the database can be reached, and keeps trying.
 */
export function walRelay(options: WalRelayOptions): WalRelay {
  const { mode = 'wal', reading, acceptLoss } = options
  const { relay, deadLetters, stop } = alone(options, mode, { reading, acceptLoss })
  const { ready, use, state, flush } = relay
  return { ready, use, state, flush, deadLetters, stop }
}

function alone(
  options: CommonOptions & { readonly limits?: Partial<WalLimits> },
  mode: Mode,
  { reading, acceptLoss }: Pick<WalRelayOptions, 'reading' | 'acceptLoss'> = {},
): Pick<WalRelay, 'deadLetters' | 'stop'> & { readonly relay: OutboxRelay } {
  const { deliver, name = 'outbox', limits, log = silentLogger(), runtime = realRuntime() } = options
  const connection = configOf(options.connection)
  const letters = createLetters({ connection, name, runtime, log, deliver, patience: limits?.patience })
  const relay = createOutboxRelay({
    ...{ connection, reading: configOf(reading ?? connection), name, mode, acceptLoss, limits, runtime, log },
    ...{ deliver: letters.deliver, aside: letters.aside },
  })
  return { relay, deadLetters: letters.deadLetters, stop: (how) => relay.stop(how).finally(letters.stop) }
}

function configOf(connection: string | ClientConfig): ClientConfig {
  return typeof connection === 'string' ? { connectionString: connection } : connection
}
