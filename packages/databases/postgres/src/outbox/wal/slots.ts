import { escapeIdentifier, escapeLiteral } from 'pg'
import type { Session } from '../session.ts'
import { uniqueName } from '../../names.ts'
import { lsnOf, type Lsn } from './lsn.ts'
import { PUBLISHED } from './pgoutput.ts'

type Query = Session['query']

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

/** @returns undefined when there is none */
export async function slotNamed(query: Query, slot: string): Promise<Slot | undefined> {
  const [row] = await query(SLOT, [slot])
  if (row === undefined) return undefined
  const [status, pid, confirmed, held, behind, safe] = row
  return {
    status: status as Slot['status'],
    pid: pid === null ? undefined : Number(pid),
    confirmed: confirmed === null ? 0n : lsnOf(String(confirmed)),
    held: Number(held ?? 0),
    behind: Number(behind ?? 0),
    safe: safe === null ? undefined : Number(safe),
  }
}

/** A slot of another kind or database under that name is nobody's we know: making ours says so. */
const SLOT = `
  SELECT CASE WHEN wal_status IS NULL OR (to_jsonb(slots) ->> 'invalidation_reason') IS NOT NULL
      OR (to_jsonb(slots) ->> 'conflicting')::boolean THEN 'lost' ELSE wal_status END,
    active_pid, confirmed_flush_lsn, pg_wal_lsn_diff(now, restart_lsn), pg_wal_lsn_diff(now, confirmed_flush_lsn), safe_wal_size
  FROM pg_replication_slots AS slots, pg_current_wal_insert_lsn() AS now
  WHERE slot_name = $1 AND database = current_database() AND plugin = 'pgoutput' AND NOT temporary`

/** The slot of an outbox with its table: by database and schema, so that nobody has to think of a name. */
export async function slotOfTable(query: Query): Promise<{ readonly slot: string; readonly publication: string }> {
  const [[database, schema] = []] = await query(
    `SELECT current_database(), nspname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE pg_class.oid = 'dure_outbox'::regclass`,
  )
  return {
    slot: uniqueName('slot', 'dure', 'rows', String(database), String(schema)),
    publication: uniqueName('publication', 'dure', 'outbox', String(schema)),
  }
}

/** The slot of an outbox without a table. */
export async function slotOfService(
  query: Query,
  service: string,
): Promise<{ readonly slot: string; readonly publication: string }> {
  const [[database] = []] = await query('SELECT current_database()')
  return { slot: uniqueName('slot', 'dure', 'messages', String(database), service), publication: 'dure_messages' }
}

/**
 * Makes the publication of the outbox's rows (or one of nothing, for messages), if it is not there. It comes before the
 * slot: a slot cannot read what a publication did not yet publish.
 */
export async function makePublication(query: Query, publication: string, table: boolean): Promise<void> {
  const state = await publicationState(query, publication, table)
  if (state === 'whole') return
  if (state === 'altered') throw new Error(publicationAltered(publication))
  try {
    await query(publicationSql(publication, table))
  } catch (error) {
    // Another relay was faster.
    if ((error as { code?: string }).code !== '42710') throw error
  }
}

/** What makes it, for whoever may. */
export function publicationSql(publication: string, table: boolean): string {
  const what = table ? ` FOR TABLE dure_outbox (${PUBLISHED}) WITH (publish = 'insert')` : ''
  return `CREATE PUBLICATION ${escapeIdentifier(publication)}${what}`
}

/** `altered`: it does not tell every insert into the outbox with all of its columns. One for messages may tell what it likes. */
export async function publicationState(query: Query, publication: string, table: boolean): Promise<'whole' | 'altered' | 'gone'> {
  const [[known, whole] = []] = await query(PUBLICATION, [publication])
  if (known === null || known === undefined) return 'gone'
  return !table || Number(whole) > 0 ? 'whole' : 'altered'
}

export function publicationAltered(publication: string): string {
  return `the publication "${publication}" does not tell all that is inserted into dure_outbox. To do: DROP PUBLICATION ${escapeIdentifier(publication)}; it is made anew`
}

const PUBLICATION = `
  SELECT (SELECT oid FROM pg_publication WHERE pubname = $1),
    (SELECT count(*) FROM pg_publication AS p JOIN pg_publication_tables AS t USING (pubname)
      JOIN pg_namespace AS n ON n.nspname = t.schemaname JOIN pg_class AS c ON c.relname = t.tablename AND c.relnamespace = n.oid
      WHERE p.pubname = $1 AND p.pubinsert AND c.oid = to_regclass('dure_outbox') AND t.rowfilter IS NULL
        AND t.attnames @> '{${PUBLISHED}}'::name[])`

/** A temporary one ends with the session. It waits until every transaction has ended that is writing now, anywhere on the server. */
export function makingSlotSql(slot: string, kind: 'temporary' | 'lasting'): string {
  const name = kind === 'temporary' ? temporary(slot) : slot
  return `SELECT pg_create_logical_replication_slot(${escapeLiteral(name)}, 'pgoutput', ${kind === 'temporary'})`
}

/** The temporary slot under its own name, to stay. */
export async function keepSlot(query: Query, slot: string): Promise<void> {
  await query(`SELECT pg_copy_logical_replication_slot(${escapeLiteral(temporary(slot))}, ${escapeLiteral(slot)}, false)`)
  await dropTemporarySlot(query, slot)
}

export async function dropTemporarySlot(query: Query, slot: string): Promise<void> {
  await query('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1', [temporary(slot)])
}

/** @throws 55006 when somebody reads from it */
export async function dropSlot(query: Query, slot: string): Promise<boolean> {
  const rows = await query(
    `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1 AND database = current_database()`,
    [slot],
  )
  return rows.length > 0
}

function temporary(slot: string): string {
  return `${slot}_new`
}
