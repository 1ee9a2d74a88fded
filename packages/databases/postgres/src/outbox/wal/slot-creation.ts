import type { Runtime } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'
import type { Control } from './control.ts'
import { dropSlot, dropTemporarySlot, keepSlot, makePublication, makingSlotSql, slotNamed } from './slots.ts'

/**
 * Makes the slot, while the table is being delivered by polling. From the slot's place on, the log tells of every commit;
 * what committed before it must have been delivered from the table before the log is followed. So the slot is a temporary
 * one first, which is gone when this fails anywhere, and stays under its name only when the table has been delivered that
 * far: where there is a slot, there is nothing before it.
 *
 * @returns false when another relay is at it
 */
export async function makeSlot(options: {
  readonly name: string
  readonly control: Control
  readonly slot: string
  readonly publication: string
  /** Resolves when all that can be seen in the table by now has been delivered. */
  readonly flush: () => Promise<void>
  /** Milliseconds that this may take. */
  readonly drain: number
  readonly runtime: Runtime
  readonly log: Logger
  readonly signal: AbortSignal
}): Promise<boolean> {
  const { name, control, slot, publication, flush, drain, runtime, log, signal } = options
  const { query, slowly } = control
  const [[alone] = []] = await query(`SELECT pg_try_advisory_lock(${GATE}, ${MAKING})::int`)
  if (Number(alone) !== 1) return false
  try {
    const old = await slotNamed(query, slot)
    if (old !== undefined && old.status !== 'lost') return true
    await makePublication(query, publication, true)
    // A slot that is lost only holds its name.
    if (old !== undefined) await dropSlot(query, slot)
    // It waits for transactions of others, and must not go on waiting when nobody waits for it.
    await query('SET client_connection_check_interval = 1000')
    await flushed(flush, drain, runtime, signal)
    await dropTemporarySlot(query, slot)
    await slowly(makingSlotSql(slot, 'temporary'), signal)
    try {
      await beforeEnded(control, { name, runtime, log, signal })
      await flushed(flush, drain, runtime, signal)
      if (signal.aborted) throw signal.reason
      await keepSlot(query, slot)
    } catch (error) {
      await dropTemporarySlot(query, slot).catch(() => {})
      throw error
    }
    return true
  } finally {
    await query(`SELECT pg_advisory_unlock(${GATE}, ${MAKING})`).catch(() => {})
  }
}

/** Without a table there is nothing to deliver first. */
export async function makeSlotForMessages(
  control: Control,
  slot: string,
  publication: string,
  signal: AbortSignal,
): Promise<void> {
  await makePublication(control.query, publication, false)
  await control.query('SET client_connection_check_interval = 1000')
  await control.slowly(makingSlotSql(slot, 'lasting'), signal)
}

/**
 * Publishers hold a lock from their writing to where their commit is to be seen (outbox/statements.ts). Those who hold it now
 * may have committed before the slot's place and not be visible yet; whoever takes it from now on commits behind it.
 */
async function beforeEnded(
  { query }: Control,
  { name, runtime, log, signal }: { name: string; runtime: Runtime; log: Logger; signal: AbortSignal },
): Promise<void> {
  const publishing = async (): Promise<readonly string[]> => (await query(PUBLISHING)).map(([who]) => String(who))
  const now = new Set(await publishing())
  for (let rounds = 0; now.size > 0 && !signal.aborted; rounds++) {
    const still = new Set(await publishing())
    for (const who of now) if (!still.has(who)) now.delete(who)
    if (now.size === 0) return
    if (rounds === ROUNDS)
      log.info('Going over to the log waits for transactions that have published', { relay: name, transactions: [...now] })
    await runtime.timers.sleep(PAUSE, signal)
  }
}

async function flushed(flush: () => Promise<void>, drain: number, { timers }: Runtime, signal: AbortSignal): Promise<void> {
  const settled = new AbortController()
  const late = timers.sleep(drain, AbortSignal.any([settled.signal, signal])).then(() => {
    if (!settled.signal.aborted) throw signal.reason ?? new Error(`what is in the table was not delivered within ${drain} ms`)
  })
  try {
    await Promise.race([flush(), late])
  } finally {
    settled.abort()
  }
}

const [PAUSE, ROUNDS] = [25, 40]
/** Of the outbox's advisory locks, the one that every publisher shares; and one for making its slot. */
const GATE = `('dure_outbox'::regclass::oid::bigint - 2147483648)::int`
const [ALL, MAKING] = [-1, -2]
const PUBLISHING = `
  SELECT virtualtransaction FROM pg_locks
  WHERE locktype = 'advisory' AND objsubid = 2 AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND classid = (${GATE}::bigint & 4294967295)::oid AND objid = (${ALL}::bigint & 4294967295)::oid AND pid <> pg_backend_pid()`
