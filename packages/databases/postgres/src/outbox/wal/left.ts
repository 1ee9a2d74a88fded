import { CallError } from 'dure/contract'
import type { OutboxOptions, SqlStore } from 'dure/data'
import type { ClientConfig } from 'pg'
import { createRelay } from '../polling/polling.ts'
import { createWalRelay } from './relay.ts'
import { removeSlot } from './remove.ts'
import { uniqueName } from '../../names.ts'

export type Left = Pick<OutboxOptions<SqlStore>, 'store' | 'runtime' | 'log' | 'deliver' | 'aside'> & {
  readonly access: ClientConfig
  /** Where the adapter makes the roles: its administrator, who may remove slots. */
  readonly admin: ClientConfig | undefined
  /** As whom the log is read. */
  readonly listener: () => Promise<ClientConfig>
  /** Milliseconds that delivering it may take. */
  readonly drain: number
}

/**
 * With the table messages are rows, without it they are in the log alone. What an earlier run by the other shape has left
 * would never be looked at again, and its slot would hold the log for ever: it is delivered before this run begins.
 *
 * @param table the shape that was chosen now
 * @throws {CallError} FAILED_PRECONDITION when it cannot be delivered
 */
export async function deliverLeft(table: boolean, left: Left): Promise<void> {
  const { store, runtime, log, deliver, aside, drain } = left
  const { service } = store
  const relayed = { name: service, runtime, log, deliver, aside }
  if (!table) {
    const rows = await store.select('SELECT 1 AS row FROM dure_outbox LIMIT 1')
    if (rows.length > 0) await delivered(createRelay({ ...relayed, connection: left.access }), 'its table', left)
    return removeLeft(left, await slotLeft(left, [`'rows'`, 'current_database()', 'current_schema()']))
  }
  const slot = await slotLeft(left, [`'messages'`, 'current_database()', '?'], [service])
  if (slot === undefined) return
  const reading = { connection: await left.listener(), service, acceptLoss: true, limits: { drain } }
  await delivered(createWalRelay({ ...relayed, ...reading }), `the replication slot "${slot}"`, left)
  await removeLeft(left, slot, service)
}

/** The slot of an earlier run, when nobody reads from it. */
export async function slotLeft(
  { store }: Pick<Left, 'store'>,
  parts: readonly string[],
  values: readonly string[] = [],
): Promise<string | undefined> {
  const [row = {}] = await store.select(`SELECT ${parts.map((part, at) => `${part} AS part_${at}`).join(', ')}`, values)
  const slot = uniqueName('slot', 'dure', ...Object.values(row).map(String))
  const found = await store.select(
    'SELECT 1 AS slot FROM pg_replication_slots WHERE slot_name = ? AND NOT active AND database = current_database()',
    [slot],
  )
  return found.length === 0 ? undefined : slot
}

/** Removes it, or tells of it when nobody here may do that. */
export async function removeLeft(
  { store, log, access, admin }: Pick<Left, 'store' | 'log' | 'access' | 'admin'>,
  slot: string | undefined,
  service?: string,
): Promise<void> {
  if (slot === undefined) return
  try {
    // As whoever may: the slot knows its database, and the administrator's way in leads to it.
    const connection = { ...admin, ...access, ...as(admin) }
    await removeSlot({ connection, slot, ...(service === undefined ? {} : { service }) })
    log.info('The replication slot of an earlier run is removed: it is not needed any more', { service: store.service, slot })
  } catch (error) {
    log.warn(
      `The replication slot "${slot}" of an earlier run holds the log until the disk is full, and could not be removed. To do: SELECT pg_drop_replication_slot('${slot}')`,
      { service: store.service, slot, error },
    )
  }
}

function as(admin: ClientConfig | undefined): ClientConfig {
  return admin === undefined ? {} : { user: admin.user, password: admin.password as string }
}

type Draining = {
  readonly flush: () => Promise<void>
  readonly stop: (options: { readonly timeout: number }) => Promise<void>
}

async function delivered(relay: Draining, where: string, { store, runtime, log, drain }: Left): Promise<void> {
  const { service } = store
  log.info('What an earlier run of the outbox has left is delivered first', { service, where })
  const settled = new AbortController()
  const late = runtime.timers.sleep(drain, settled.signal).then(() => {
    if (settled.signal.aborted) return
    throw new CallError(
      'FAILED_PRECONDITION',
      `Opening the outbox of service "${service}" failed: messages of an earlier run wait in ${where} and were not delivered within ${drain} ms. ` +
        'To do: see whether the broker is reachable, and start again; or choose the outbox that the earlier run had',
    )
  })
  try {
    await Promise.race([relay.flush(), late])
  } finally {
    settled.abort()
    await relay.stop({ timeout: 1_000 })
  }
}
