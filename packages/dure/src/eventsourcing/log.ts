import type { SqlRow, SqlTransaction } from '../data/data.ts'
import { constraintOf } from '../data/internal.ts'
import { bounded, PAGE_BYTES } from './positions.ts'
import type { Stored } from './stored.ts'

export type Select = SqlTransaction['all']
/** A stream by its names. */
export type Of = { readonly stream: string; readonly streamId: string }

/** Events that one call appends, and that are read at once, at most. */
export const MOST_EVENTS = 1_000
export const PAGE = 512
/** Events in one statement: as many different statements are prepared. */
const ROWS = 32
const COLUMNS = 'stream, stream_id, version, id, type, schema_version, time, correlation_id, causation_id, initiator, data'

export async function versionOf(select: Select, { stream, streamId }: Of): Promise<number> {
  const sql = 'SELECT coalesce(max(version), 0) AS version FROM dure_events WHERE stream = ? AND stream_id = ?'
  const [row] = await select(sql, [stream, streamId])
  return Number(row!['version'])
}

/** Whether a stream has come to a version, as far as is committed: what is there once stays. */
export async function hasVersion(select: Select, { stream, streamId }: Of, version: number): Promise<boolean> {
  const found = 'SELECT 1 AS found FROM dure_events WHERE stream = ? AND stream_id = ? AND version = ?'
  return (await select(found, [stream, streamId, version])).length > 0
}

/**
 * Stores events behind one that is there. Nothing is asked: of two that append at once the versions of a stream, which are
 * unique, let one through, and serializable transactions that append to other streams do not cross. False for the other one.
 */
export async function insert(tx: SqlTransaction, events: readonly Stored[]): Promise<boolean> {
  for (let from = 0; from < events.length; from += ROWS) {
    const rows = events.slice(from, from + ROWS)
    const values = rows.flatMap((row) => [
      ...[row.stream, row.streamId, row.version, row.id, row.type, row.schemaVersion, row.time, row.correlationId],
      ...[row.causationId ?? null, row.initiator ?? null, row.data],
    ])
    try {
      await tx.run(textOf(rows.length), values)
    } catch (error) {
      if (constraintOf(error) !== 'unique') throw error
      return false
    }
  }
  return true
}

const texts = new Map<number, string>()

function textOf(rows: number): string {
  let text = texts.get(rows)
  if (text === undefined) {
    const all = Array.from({ length: rows }, () => '(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)').join(', ')
    texts.set(rows, (text = `INSERT INTO dure_events (${COLUMNS}) VALUES ${all}`))
  }
  return text
}

/** The events of a stream from a version on, one page. `more` when there may be others behind it. */
export async function readStream(
  select: Select,
  { stream, streamId }: Of,
  { from, limit }: { readonly from: number; readonly limit: number },
): Promise<{ readonly rows: readonly SqlRow[]; readonly more: boolean }> {
  const most = Math.min(PAGE, limit)
  const rows = await select(OF_STREAM, [stream, streamId, from, most])
  // What is the same in all of them is not asked for.
  for (const row of rows) Object.assign(row, { stream, stream_id: streamId })
  const last = rows.at(-1)
  const bytes = last === undefined ? 0 : Number(last['before']) + Buffer.byteLength(String(last['data']))
  return { rows, more: rows.length < limit && (rows.length === most || bytes >= PAGE_BYTES) }
}

const OF_STREAM = bounded(
  'dure_events WHERE stream = ? AND stream_id = ? AND version >= ?',
  'version',
  'version, time, schema_version, type, id, correlation_id, causation_id, initiator, data, before',
)

export type Snapshot = { readonly version: number; readonly stamp: string; readonly state: string }

export async function readSnapshot(select: Select, { stream, streamId }: Of): Promise<Snapshot | undefined> {
  const [row] = await select('SELECT version, stamp, state FROM dure_snapshots WHERE stream = ? AND stream_id = ?', [
    stream,
    streamId,
  ])
  return row && { version: Number(row['version']), stamp: String(row['stamp']), state: String(row['state']) }
}

export async function writeSnapshot(
  tx: SqlTransaction,
  { stream, streamId }: Of,
  { version, stamp, state }: Snapshot,
): Promise<void> {
  await tx.run(
    `INSERT INTO dure_snapshots (stream, stream_id, version, stamp, state) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (stream, stream_id) DO UPDATE SET version = excluded.version, stamp = excluded.stamp, state = excluded.state`,
    [stream, streamId, version, stamp, state],
  )
}
