import { CallError } from 'dure/contract'
import type { Outbox, OutboxMessage, OutboxOptions, SqlStore, SqlTransaction, StoreTransaction } from 'dure/data'
import { FAMILIES, type Reading } from 'dure/telemetry'
import type { ClientConfig } from 'pg'
import { addressOf, connect, explain, type Access } from '../store/store.ts'
import type { RelayLimits } from './limits.ts'
import type { RelayState } from './polling/polling.ts'
import { createOutboxRelay, type OutboxRelay, type WalRelayState } from './relay.ts'
import type { RawRow } from './rows.ts'
import { publishStatements } from './statements.ts'
import { checkServer, type Mode, type WalLimits } from './wal/wal.ts'

/** How the outbox of a store comes to the broker. */
export type OutboxMode = Mode | WalMode

export type WalMode = {
  readonly by: 'wal'
  /** Do with a server that may drop what has not been delivered, and with its loss. Default false. */
  readonly acceptLoss?: boolean
  /**
   * The way in for the relay that reads the log, as a role that may replicate. Default the administrator's, where the
   * adapter makes the roles; where it does not, the service's.
   */
  readonly url?: (service: string) => string
  readonly limits?: Partial<WalLimits>
}

/** What is known where a store is opened. */
export type StoreOutbox = {
  readonly mode: OutboxMode
  /** Where the adapter makes the roles: its administrator. */
  readonly admin: ClientConfig | undefined
  readonly configOf: (url: string) => ClientConfig
  readonly access: Access
}

/**
 * The outbox of a store, with a relay in this process.
 * @throws {CallError} FAILED_PRECONDITION when the log is wanted, and the server or the role cannot do it
 */
export async function openOutbox(
  place: StoreOutbox,
  options: Omit<OutboxOptions<SqlStore>, 'limits'> & { readonly limits?: Partial<RelayLimits> },
): Promise<Outbox & Pick<OutboxRelay, 'state' | 'polling' | 'use'>> {
  const { store, runtime, log, deliver, aside } = options
  const { mode, acceptLoss, limits } = modeOf(place.mode)
  const relay = createOutboxRelay({
    ...{ connection: place.access.config, reading: readingOf(place, store.service), name: store.service },
    ...{ mode, acceptLoss, runtime, log, deliver, aside, limits: { ...options.limits, ...limits } },
  })
  try {
    await relay.fit
  } catch (error) {
    await relay.stop({ timeout: 0 })
    throw error
  }
  const { state, polling, use, flush, stop } = relay
  return {
    ...{ append: gathering(relay), state, polling, use, flush, stop },
    depth: () => state().depth,
    size: () => polling().size,
    oldest: () => state().oldest,
    readings: () => readingsOf(polling(), state()),
  }
}

/** What a transaction appends is written in one go before it commits. */
function gathering(relay: OutboxRelay): Outbox['append'] {
  const gathered = new WeakMap<StoreTransaction, OutboxMessage[]>()

  /** Once, as late as can be: from here to the commit, others with the same keys wait. */
  const finish = async (tx: StoreTransaction): Promise<void> => {
    const messages = gathered.get(tx)
    if (messages === undefined) return
    gathered.delete(tx)
    for (const { text, values } of publishStatements(messages, 'question')) {
      // Not waited for: they are on their way together with the COMMIT behind them, which fails if one of them does.
      ;(tx as SqlTransaction).run(text, values).then(
        (rows) => rows === 0 && relay.logged(),
        () => {},
      )
    }
    tx.onCommit(() => relay.committed(messages))
  }

  return (tx, messages) => {
    // Asked every time, though once would do, because a transaction that is over refuses it.
    tx.beforeCommit(() => finish(tx))
    const before = gathered.get(tx)
    if (before === undefined) gathered.set(tx, [...messages])
    else before.push(...messages)
  }
}

/**
 * Whether the log can be read here, where that is wanted: asked before anything is made.
 * @throws {CallError} FAILED_PRECONDITION when the server or the role cannot do it
 */
export async function fitForWal(place: StoreOutbox, service: string): Promise<void> {
  const { mode, acceptLoss } = modeOf(place.mode)
  if (mode === 'polling') return
  // There may be no database of the service yet.
  const config = place.admin !== undefined && givenUrl(place) === undefined ? place.admin : readingOf(place, service)
  try {
    const session = await connect({ config: { connectionTimeoutMillis: 10_000, ...config } })
    const query = async (text: string): Promise<readonly RawRow[]> =>
      (await session.query(text)).rows.map((row) => Object.values(row) as RawRow)
    await checkServer(query, { relay: service, acceptLoss }).finally(() => session.end().catch(() => {}))
  } catch (error) {
    throw explain(error, `Opening the outbox of service "${service}"`, addressOf(config))
  }
}

/** @throws {CallError} INVALID_ARGUMENT when it is none, which names the new word for the one that it used to be */
export function checkMode(what: string, mode: unknown): void {
  const given = typeof mode === 'object' && mode !== null ? (mode as { readonly by?: unknown }).by : mode
  const wrong = (state: string, advice: string): CallError =>
    new CallError('INVALID_ARGUMENT', `${what} failed: ${state}. To do: ${advice}`)
  if (typeof mode === 'object' && mode !== null && 'table' in mode) {
    throw wrong(
      'the outbox by the log has no table beside it any more',
      "leave the option `table` out; choose 'polling' for a table",
    )
  }
  if (given === 'wal' || (given === 'polling' && given === mode)) return
  const advice = given === 'log' ? "write 'wal', which is what it is called now" : "choose 'polling' or 'wal'"
  throw wrong(`there is no outbox mode "${String(given)}"`, advice)
}

function modeOf(mode: OutboxMode): Pick<WalMode, 'limits'> & { readonly mode: Mode; readonly acceptLoss: boolean } {
  if (typeof mode === 'string') return { mode, acceptLoss: false }
  return { mode: mode.by, acceptLoss: mode.acceptLoss ?? false, ...(mode.limits === undefined ? {} : { limits: mode.limits }) }
}

function givenUrl({ mode }: StoreOutbox): WalMode['url'] {
  return typeof mode === 'string' ? undefined : mode.url
}

/** As whom the log is read: the service's role may not, because whoever may can read the whole database. */
function readingOf(place: StoreOutbox, service: string): ClientConfig {
  const { admin, access, configOf } = place
  const url = givenUrl(place)
  if (url !== undefined) return configOf(url(service))
  return admin === undefined ? access.config : { ...access.config, user: admin.user, password: admin.password as string }
}

/** Seconds from which on a held horizon is worth a word: every transaction holds it for a moment. */
const HELD = 1

function readingsOf({ lanes, horizon }: RelayState, { slot }: WalRelayState): readonly Reading[] {
  const readings: Reading[] = [{ family: FAMILIES.outboxLanes, attributes: {}, value: lanes }]
  if (horizon !== undefined && (horizon.seconds ?? HELD) >= HELD) {
    const { holder, pid, name, database, seconds = 0 } = horizon
    const attributes = { holder, pid: String(pid ?? ''), name, 'db.namespace': database }
    readings.push({ family: FAMILIES.outboxHorizon, attributes, value: seconds })
  }
  if (slot !== undefined) {
    const attributes = { slot: slot.name }
    readings.push({ family: FAMILIES.outboxSlotHeld, attributes, value: slot.held })
    readings.push({ family: FAMILIES.outboxSlotBehind, attributes, value: slot.behind })
  }
  return readings
}
