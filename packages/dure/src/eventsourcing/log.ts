import { CallError } from '../contract/contract.ts'
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
const COLUMNS = 'stream, stream_id, version, id, type, schema_version, time, correlation_id, causation_id, data'
const VERSION = '(SELECT coalesce(max(version), 0) FROM dure_events WHERE stream = ? AND stream_id = ?)'

export async function versionOf(select: Select, { stream, streamId }: Of): Promise<number> {
  const [row] = await select(`SELECT ${VERSION} AS version`, [stream, streamId])
  return Number(row!['version'])
}

/**
 * Stores events that follow `version`; false when the stream has another one. Two that append at once cannot both: the versions of
 * a stream are unique.
 * @throws {CallError} ABORTED when another has appended meanwhile, where the store does not run the transaction again by itself
 */
export async function insert(tx: SqlTransaction, of: Of, version: number, events: readonly Stored[]): Promise<boolean> {
  for (let from = 0; from < events.length; from += ROWS) {
    const rows = events.slice(from, from + ROWS)
    const values = rows.flatMap((row) => [
      ...[row.stream, row.streamId, row.version, row.id, row.type, row.schemaVersion, row.time, row.correlationId],
      ...[row.causationId ?? null, row.data],
    ])
    try {
      const stored = await tx.run(textOf(rows.length), [...values, of.stream, of.streamId, version + from])
      if (stored === 0) return false
    } catch (error) {
      if (constraintOf(error) !== 'unique') throw error
      throw new CallError(
        'ABORTED',
        `Appending to ${of.stream} "${of.streamId}" failed: another transaction appended at the same time. To do: try again`,
        {
          cause: error,
          inside: true,
        },
      )
    }
  }
  return true
}

const ROW = `SELECT ${['TEXT', 'TEXT', 'BIGINT', 'TEXT', 'TEXT', 'BIGINT', 'BIGINT', 'TEXT', 'TEXT', 'TEXT'].map((type, at) => `CAST(? AS ${type}) AS c${at}`).join(', ')}`
const texts = new Map<number, string>()

function textOf(rows: number): string {
  let text = texts.get(rows)
  if (text === undefined) {
    const all = Array.from({ length: rows }, () => ROW).join(' UNION ALL ')
    text = `INSERT INTO dure_events (${COLUMNS}) SELECT * FROM (${all}) AS added WHERE ${VERSION} = ?${rows > 1 ? ' ORDER BY c2' : ''}`
    texts.set(rows, text)
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
  const last = rows.at(-1)
  const bytes = last === undefined ? 0 : Number(last['before']) + Buffer.byteLength(String(last['data']))
  return { rows, more: rows.length < limit && (rows.length === most || bytes >= PAGE_BYTES) }
}

const OF_STREAM = bounded('dure_events WHERE stream = ? AND stream_id = ? AND version >= ?', 'version')

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
