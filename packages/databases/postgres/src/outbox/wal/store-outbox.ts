import { CallError } from 'dure/contract'
import type { Outbox, OutboxOptions, SqlStore } from 'dure/data'
import { FAMILIES, type Reading } from 'dure/telemetry'
import type { ClientConfig } from 'pg'
import type { RelayLimits } from '../limits.ts'
import { createPostgresOutbox, gathering, writeRows } from '../polling/polling.ts'
import { deliverLeft, removeLeft, slotLeft } from './left.ts'
import { WAL_LIMITS, type WalLimits } from './limits.ts'
import { type Access, addressOf, connect, explain, type SessionConfig } from '../../store/store.ts'
import { fitListener, makeListener, type Making } from './listener.ts'
import { emitsOf, unkept } from './publish.ts'
import { createWalRelay, type WalRelayState, type Mode } from './relay.ts'
import { checkServer } from './requirements.ts'
import { slotOfService } from './slots.ts'

/** How the outbox of a store comes to the broker. */
export type OutboxMode = 'polling' | 'wal' | WalMode

export type WalMode = {
  readonly by: 'wal'
  /**
   * Whether messages are rows as well, so that polling can take over (default true). Without it they are in the log alone:
   * a slot that is lost takes them along.
   */
  readonly table?: boolean
  /** Without the table: do with a server that drops the log beyond `max_slot_wal_keep_size`. Default false. */
  readonly acceptLoss?: boolean
  /**
   * The way in for the relay, as a role that may replicate. Default, where the adapter makes the roles, one of its own that
   * may do that and no more; where it does not, the service's.
   */
  readonly url?: (service: string) => string
  readonly limits?: Partial<WalLimits>
}

/** What is known where a store is opened. */
export type StoreOutbox = {
  readonly way: OutboxMode
  /** Where the adapter makes the roles: its administrator. */
  readonly admin: ClientConfig | undefined
  readonly secret: string | undefined
  readonly listener: (url: string) => ClientConfig
  readonly access: Access
}

/** The outbox of a store, by the way that was chosen. */
export async function openOutbox(
  place: StoreOutbox,
  options: Omit<OutboxOptions<SqlStore>, 'limits'> & { readonly limits?: Partial<RelayLimits> },
): Promise<Outbox> {
  const { access, admin } = place
  const way = walMode(place)
  const { drain = WAL_LIMITS.drain } = way?.limits ?? {}
  const left = { ...options, access: access.config, admin, drain, listener: () => listenerOf(place, way, options.store.service) }
  await deliverLeft(way?.table ?? true, left)
  if (way !== undefined) return createWalOutbox(place, way, options)
  // What an earlier run has left would hold the log for ever.
  await removeLeft(left, await slotLeft(left, [`'rows'`, 'current_database()', 'current_schema()']))
  return createPostgresOutbox({ ...options, connection: access.config })
}

/** @throws {CallError} FAILED_PRECONDITION when the server or the role cannot do it */
export async function createWalOutbox(
  place: StoreOutbox,
  way: WalMode,
  options: Omit<OutboxOptions<SqlStore>, 'limits'> & { readonly limits?: Partial<RelayLimits> },
): Promise<Outbox & { readonly state: () => WalRelayState; readonly use: (way: Mode) => Promise<void> }> {
  const { store, runtime, log, deliver, aside } = options
  const { service } = store
  const { table = true, acceptLoss } = way
  const connection = await listenerOf(place, way, service)
  const limits = { ...options.limits, ...way.limits }
  const relay = createWalRelay({
    ...{ connection, name: service, runtime, log, deliver, aside, limits, acceptLoss },
    service: table ? undefined : service,
  })
  try {
    await relay.fit
  } catch (error) {
    await relay.stop({ timeout: 0 })
    throw error
  }
  const { slot } = await slotOfService((text) => rows(store, text), service)
  const outbox = gathering(
    relay,
    table
      ? writeRows
      : async (tx, messages) => {
          for (const { text, values } of emitsOf(messages, service, slot, 'question')) {
            if ((await tx.run(text, values)) === 0) throw unkept(service, slot)
          }
        },
  )
  return { ...outbox, readings: () => readingsOf(relay.state()), state: relay.state, use: relay.use }
}

/**
 * Whether the log can be read here: asked before anything is made.
 * @throws {CallError} FAILED_PRECONDITION when the server or the role cannot do it
 */
export async function fitForWal(place: StoreOutbox, service: string): Promise<void> {
  const way = walMode(place)
  if (way === undefined) return
  const making = makingOf(place, way)
  if (making !== undefined) return fitListener(making, service)
  const config = await listenerOf(place, way, service)
  const check = { relay: service, table: way.table ?? true, acceptLoss: way.acceptLoss ?? false, only: 'role' } as const
  try {
    const session = await connect({ config: { connectionTimeoutMillis: 10_000, ...config } })
    const query = async (text: string) =>
      (await session.query(text)).rows.map((row) => Object.values(row) as (string | number | null)[])
    await checkServer(query, check).finally(() => session.end().catch(() => {}))
  } catch (error) {
    throw explain(error, `Opening the outbox of service "${service}"`, addressOf(config))
  }
}

/** @throws {CallError} INVALID_ARGUMENT when it is none, which names the new word for the one that it used to be */
export function checkMode(what: string, mode: unknown): void {
  const given = typeof mode === 'object' && mode !== null ? (mode as { readonly by?: unknown }).by : mode
  if (given === 'wal' || (given === 'polling' && given === mode)) return
  const advice = given === 'log' ? "write 'wal', which is what it is called now" : "choose 'polling' or 'wal'"
  throw new CallError('INVALID_ARGUMENT', `${what} failed: there is no outbox mode "${String(given)}". To do: ${advice}`)
}

function walMode({ way }: StoreOutbox): WalMode | undefined {
  return way === 'polling' ? undefined : way === 'wal' ? { by: 'wal' } : way
}

function makingOf({ admin, secret, access }: StoreOutbox, way: WalMode | undefined): Making | undefined {
  return admin === undefined || way?.url !== undefined ? undefined : { admin, secret, access }
}

async function listenerOf(place: StoreOutbox, way: WalMode | undefined, service: string): Promise<SessionConfig> {
  const making = makingOf(place, way)
  if (making !== undefined) return makeListener(making, service)
  return way?.url === undefined ? place.access.config : place.listener(way.url(service))
}

async function rows({ select }: Pick<SqlStore, 'select'>, sql: string): Promise<readonly (readonly string[])[]> {
  return (await select(sql)).map((row) => Object.values(row).map(String))
}

function readingsOf({ slot }: WalRelayState): readonly Reading[] {
  if (slot === undefined) return []
  const attributes = { slot: slot.name }
  return [
    { family: FAMILIES.outboxSlotHeld, attributes, value: slot.held },
    { family: FAMILIES.outboxSlotBehind, attributes, value: slot.behind },
  ]
}
