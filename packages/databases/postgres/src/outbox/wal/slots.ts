import { CHANNEL, LOCK, slotIn } from '../names.ts'
import type { Query } from '../rows.ts'
import { lsnOf, lsnText, type Lsn } from './lsn.ts'

/** What the server says of a slot. */
export type Slot = {
  /** `lost`: the server has dropped what it held, or will not give it; nothing can be read from it any more. */
  readonly status: 'reserved' | 'extended' | 'unreserved' | 'lost'
  /** The process that reads from it. */
  readonly pid: number | undefined
  readonly confirmed: Lsn
  /** Bytes of the log that the server keeps for it, … */
  readonly held: number
  /** … those written since what was confirmed last, … */
  readonly behind: number
  /** … and those that may still be written before it is lost; undefined when there is no bound. */
  readonly safe: number | undefined
}

/** Where messages of an outbox are at this moment. */
export type Place = {
  /** The slot's name, whether or not there is one. */
  readonly name: string
  /** The first number of the outbox's advisory locks. */
  readonly lock: number
  /** What its messages in the log begin with. */
  readonly prefix: string
  readonly slot: Slot | undefined
  /** There has to be a slot, which had been read this far or further: if there is none, somebody has removed it. */
  readonly noted: Lsn | undefined
  /** The end of the log. */
  readonly end: Lsn
}

/** @param query as a role that may read the outbox's tables */
export async function placeOf(query: Query): Promise<Place> {
  const [[name, lock, prefix, note, end, ...found] = []] = await query(PLACE)
  return {
    name: String(name),
    lock: Number(lock),
    prefix: String(prefix),
    slot: slotFrom(found),
    noted: typeof note === 'string' ? lsnOf(note.slice(NOTE.length)) : undefined,
    end: lsnOf(String(end)),
  }
}

export async function slotNamed(query: Query, name: string): Promise<Slot | undefined> {
  const [row = []] = await query(`SELECT ${SLOT} FROM pg_replication_slots AS slots, ${NOW} WHERE slot_name = $1`, [name])
  return slotFrom(row)
}

function slotFrom([status, pid, confirmed, held, behind, safe]: readonly (string | number | null)[]): Slot | undefined {
  if (status === undefined || status === null) return undefined
  return {
    status: status as Slot['status'],
    pid: pid === null ? undefined : Number(pid),
    confirmed: confirmed === null ? 0n : lsnOf(String(confirmed)),
    held: Number(held ?? 0),
    behind: Number(behind ?? 0),
    safe: safe === null ? undefined : Number(safe),
  }
}

/**
 * Notes beside the relays that there has to be a slot, or that there need not be one. It is written after the slot was
 * made and taken back before it is removed, so that where it says so and there is none, messages may be lost.
 */
export async function note(query: Query, readTo: Lsn | undefined): Promise<void> {
  const name = readTo === undefined ? '' : `${NOTE}${lsnText(readTo)}`
  await query(`DELETE FROM dure_outbox_relays WHERE relay LIKE '${NOTE}%' AND relay <> $1`, [name])
  if (name !== '') await query(`INSERT INTO dure_outbox_relays VALUES ($1, 'infinity') ON CONFLICT DO NOTHING`, [name])
}

/** @throws 55006 when somebody reads from it */
export const DROP = 'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1'

/** pgoutput wants a publication. This one publishes nothing, is every outbox's of a database, and comes before its slots. */
export const PUBLICATION = 'dure_messages'

export async function makePublication(query: Query): Promise<void> {
  const found = await query('SELECT FROM pg_publication WHERE pubname = $1', [PUBLICATION])
  if (found.length > 0) return
  await query(`CREATE PUBLICATION ${PUBLICATION}`).catch((error: unknown) => {
    // Another relay was faster.
    if ((error as { code?: string }).code !== '42710') throw error
  })
}

/** A relay of this name would never have been there to count. */
const NOTE = 'slot read to '
const NOW = 'pg_current_wal_insert_lsn() AS now'
/** One without a status has no place in the log yet, and is nobody's to read from. */
const SLOT = `
  CASE WHEN slot_name IS NOT NULL AND wal_status IS NULL OR (to_jsonb(slots) ->> 'invalidation_reason') IS NOT NULL
    OR (to_jsonb(slots) ->> 'conflicting')::boolean THEN 'lost' ELSE wal_status END,
  active_pid, confirmed_flush_lsn, pg_wal_lsn_diff(now, restart_lsn), pg_wal_lsn_diff(now, confirmed_flush_lsn), safe_wal_size`
const PLACE = `
  SELECT name, ${LOCK}, ${CHANNEL}, (SELECT max(relay) FROM dure_outbox_relays WHERE relay LIKE '${NOTE}%'), now, ${SLOT}
  FROM (SELECT ${slotIn('oid')} AS name FROM pg_database WHERE datname = current_database()) AS named CROSS JOIN ${NOW}
  LEFT JOIN pg_replication_slots AS slots ON slot_name = name`
