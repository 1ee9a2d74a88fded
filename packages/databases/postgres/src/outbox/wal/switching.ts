import { CallError } from 'dure/contract'
import type { Runtime } from 'dure/runtime'
import { EVERYBODY } from '../names.ts'
import type { Query } from '../rows.ts'
import type { Control } from './control.ts'
import { DROP, makePublication, note, type Place } from './slots.ts'
import type { Stream } from './stream.ts'

/**
 * While there is a slot under the outbox's name, publishers write into the log, otherwise into the table. It comes and goes
 * while whoever switches has alone the lock that publishers share, so each of them has ended or not yet asked. Killed at any
 * step, there is a slot or there is none, and nothing else to be known.
 */
type Switching = {
  readonly relay: string
  readonly place: Place
  /** Begins a connection of its own: its lock is gone with it. */
  readonly open: () => Promise<Control>
  /** Milliseconds that what waits may take to be delivered. */
  readonly drain: number
  readonly runtime: Runtime
  /** Aborted when something else is wanted. */
  readonly signal: AbortSignal
}

/** Milliseconds that publishers are held up at most, by waiting for the lock, and by what is done under it. */
const HELD = 500
/** Milliseconds between attempts, in which they go on. */
const PAUSE = 250

/**
 * From the table to the log. Making a slot waits until every transaction has ended that is writing now, anywhere on the
 * server: so it is a temporary one first, and copied under the lock.
 */
export async function toLog(switching: Switching & { readonly flushTable: () => Promise<void> }): Promise<void> {
  const { relay, place, open, drain, runtime, signal, flushTable } = switching
  // A broker that takes nothing would have the log grow from the first moment on.
  if (!(await within(drain, flushTable(), runtime))) throw undelivered(relay, 'the log', 'its table', drain)
  const session = await open()
  const making = `${place.name}_new`
  try {
    await makePublication(session.query)
    // A server that waits looks after whoever it does that for.
    await session.query('SET client_connection_check_interval = 1000')
    await session.slowly(`SELECT pg_create_logical_replication_slot($1, 'pgoutput', true)`, [making], signal)
    while (!(await locked(session, place.lock))) {
      await runtime.timers.sleep(PAUSE, signal)
      signal.throwIfAborted()
    }
    await session.query('SELECT pg_copy_logical_replication_slot($1, $2, false)', [making, place.name])
    await session.query('COMMIT')
  } finally {
    // The temporary one goes with it.
    void session.end()
  }
}

/** From the log to the table, when all of the log has been delivered: with the last of it nobody publishes. */
export async function toTable(switching: Switching & { readonly stream: Stream; readonly query: Query }): Promise<void> {
  const { relay, place, open, drain, runtime, signal, stream, query } = switching
  const session = await open()
  try {
    for (; !signal.aborted; await runtime.timers.sleep(PAUSE, signal)) {
      if (!(await within(drain, stream.flush(), runtime))) throw undelivered(relay, 'polling', 'the log', drain)
      if (signal.aborted || !(await locked(session, place.lock))) continue
      if (await within(HELD, stream.flush(), runtime)) {
        await note(query, undefined)
        await stream.end()
        await dropped(session, place.name, runtime)
        await session.query('COMMIT')
        return
      }
      await session.query('ROLLBACK')
    }
  } finally {
    void session.end()
  }
}

/** In a transaction, takes the lock alone. The server ends a session that has it and says nothing. */
async function locked(session: Control, lock: number): Promise<boolean> {
  await session.query('BEGIN')
  await session.query(`SET LOCAL lock_timeout = ${HELD}`)
  await session.query(`SET LOCAL idle_in_transaction_session_timeout = ${4 * HELD}`)
  try {
    await session.query('SELECT pg_advisory_xact_lock($1, $2)', [lock, EVERYBODY])
    return true
  } catch (error) {
    if ((error as { code?: string }).code !== '55P03') throw error
    await session.query('ROLLBACK')
    return false
  }
}

/** Whoever has read from it lets go a moment later. An error would end the transaction, and with it the lock. */
async function dropped(session: Control, slot: string, { timers }: Runtime): Promise<void> {
  for (;;) {
    const rows = await session.query('SELECT FROM pg_replication_slots WHERE slot_name = $1 AND active', [slot])
    if (rows.length === 0) break
    await timers.sleep(5)
  }
  await session.query(DROP, [slot])
}

async function within(ms: number, task: Promise<void>, { timers }: Runtime): Promise<boolean> {
  const settled = new AbortController()
  const late = timers.sleep(ms, settled.signal).then(() => false)
  try {
    return await Promise.race([task.then(() => true), late])
  } finally {
    settled.abort()
  }
}

function undelivered(relay: string, to: string, where: string, drain: number): CallError {
  return new CallError(
    'UNAVAILABLE',
    `Switching the outbox "${relay}" to ${to} failed: what waits in ${where} was not delivered within ${drain} ms. ` +
      'To do: see whether the broker is reachable, and switch again; until then all goes on as it was',
  )
}
