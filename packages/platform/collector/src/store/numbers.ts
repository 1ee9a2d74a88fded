/** The file beside the segments: metrics over time, and groups of exceptions, which outlive the segments they came in. */
import type { DatabaseSync } from 'node:sqlite'
import type { ExceptionRecord, MetricRecord } from '../record.ts'
import { openFile } from './segment.ts'

const TABLES = `
  CREATE TABLE series (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, name TEXT NOT NULL, service TEXT NOT NULL, kind TEXT NOT NULL,
    unit TEXT NOT NULL, help TEXT NOT NULL, attributes TEXT NOT NULL, seen INTEGER NOT NULL) STRICT;
  CREATE INDEX series_name ON series (name);
  CREATE TABLE points (series INTEGER NOT NULL, step INTEGER NOT NULL, slot INTEGER NOT NULL, value REAL NOT NULL, histogram TEXT,
    PRIMARY KEY (series, step, slot)) STRICT, WITHOUT ROWID;
  CREATE TABLE groups (fingerprint TEXT PRIMARY KEY, type TEXT NOT NULL, message TEXT NOT NULL, grouped_by TEXT NOT NULL,
    services TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, first_version TEXT NOT NULL, last_version TEXT NOT NULL,
    times INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE samples (id INTEGER PRIMARY KEY, fingerprint TEXT NOT NULL, exception TEXT NOT NULL) STRICT;
  CREATE INDEX samples_group ON samples (fingerprint, id);
`

/** Seconds of a step, and milliseconds that its points are kept: 10 s for an hour, a minute for a week. */
export const STEPS: readonly (readonly [step: number, age: number])[] = [
  [10, 3_600_000],
  [60, 7 * 86_400_000],
]
/** Series, groups, and samples of a group that are kept. */
const [MOST_SERIES, MOST_GROUPS, MOST_SAMPLES] = [20_000, 10_000, 10]
/** Services and characters that a group names. */
const [MOST_SERVICES, LONGEST] = [50, 2_000]

export type NumbersWriter = {
  /** @returns series that there was no room for */
  readonly write: (what: { readonly metrics: readonly MetricRecord[]; readonly exceptions: readonly ExceptionRecord[] }) => number
  readonly upkeep: (age: number) => void
  readonly close: () => void
}

export function openNumbers(path: string, { now }: { readonly now: () => number }): NumbersWriter {
  const db = openFile(path, TABLES)
  const writeMetrics = metricsWriter(db)
  const writeExceptions = exceptionsWriter(db)
  const oldPoints = db.prepare('DELETE FROM points WHERE step = ? AND slot < ?')
  const oldSeries = db.prepare('DELETE FROM series WHERE seen < ? AND NOT EXISTS (SELECT 1 FROM points WHERE series = id)')
  const oldGroups = db.prepare(
    'DELETE FROM groups WHERE last < ? OR fingerprint IN (SELECT fingerprint FROM groups ORDER BY last DESC LIMIT -1 OFFSET ?)',
  )
  const oldSamples = db.prepare('DELETE FROM samples WHERE fingerprint NOT IN (SELECT fingerprint FROM groups)')
  return {
    write: ({ metrics, exceptions }) =>
      metrics.length + exceptions.length === 0
        ? 0
        : inTransaction(db, () => {
            for (const each of exceptions) writeExceptions(each)
            return writeMetrics(metrics)
          }),
    upkeep: (age) =>
      void inTransaction(db, () => {
        for (const [step, longest] of STEPS) oldPoints.run(step, Math.floor((now() - longest) / step / 1_000))
        oldSeries.run(Math.floor(now() - STEPS.at(-1)![1]))
        // Groups are small, and a month is what people look back.
        oldGroups.run(Math.floor(now() - Math.max(age, 31 * 86_400_000)), MOST_GROUPS)
        oldSamples.run()
        return 0
      }),
    close: () => db.close(),
  }
}

function inTransaction(db: DatabaseSync, work: () => number): number {
  db.exec('BEGIN IMMEDIATE')
  try {
    const done = work()
    db.exec('COMMIT')
    return done
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK')
    throw error
  }
}

function metricsWriter(db: DatabaseSync): (metrics: readonly MetricRecord[]) => number {
  const find = db.prepare('SELECT id FROM series WHERE key = ?')
  const add = db.prepare(
    'INSERT INTO series (key, name, service, kind, unit, help, attributes, seen) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  )
  const seen = db.prepare('UPDATE series SET seen = ? WHERE id = ?')
  const point = db.prepare(
    'INSERT INTO points VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value, histogram = excluded.histogram',
  )
  let count = (db.prepare('SELECT count(*) AS all_of_them FROM series').get() as { all_of_them: number }).all_of_them
  const idOf = (record: MetricRecord): number | undefined => {
    const attributes = JSON.stringify(
      Object.fromEntries(Object.entries(record.attributes).toSorted(([a], [b]) => (a < b ? -1 : 1))),
    )
    const key = `${record.service} ${record.name} ${attributes}`
    const known = find.get(key) as { id: number } | undefined
    const time = Math.floor(record.time)
    if (known !== undefined) {
      seen.run(time, known.id)
      return known.id
    }
    if (count >= MOST_SERIES) {
      count = (db.prepare('SELECT count(*) AS all_of_them FROM series').get() as { all_of_them: number }).all_of_them
      if (count >= MOST_SERIES) return undefined
    }
    count++
    const { name, service, kind, unit, help } = record
    return Number(add.run(key, name, service, kind, unit, help.slice(0, LONGEST), attributes, time).lastInsertRowid)
  }
  return (metrics) => {
    let refused = 0
    for (const record of metrics) {
      const id = Number.isFinite(record.value) ? idOf(record) : undefined
      if (id === undefined) {
        refused++
        continue
      }
      const histogram = record.histogram === undefined ? null : JSON.stringify(record.histogram)
      for (const [step] of STEPS) point.run(id, step, Math.floor(record.time / step / 1_000), record.value, histogram)
    }
    return refused
  }
}

type Group = { services: string; first: number; last: number; first_version: string; last_version: string; times: number }

function exceptionsWriter(db: DatabaseSync): (exception: ExceptionRecord) => void {
  const find = db.prepare('SELECT services, first, last, first_version, last_version, times FROM groups WHERE fingerprint = ?')
  const put = db.prepare('INSERT OR REPLACE INTO groups VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)')
  const sample = db.prepare('INSERT INTO samples (fingerprint, exception) VALUES (?, ?)')
  const trim = db.prepare(
    'DELETE FROM samples WHERE fingerprint = ?1 AND id <= (SELECT id FROM samples WHERE fingerprint = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)',
  )
  return (exception) => {
    const { fingerprint, type, service, version, groupedBy } = exception
    const message = exception.message.slice(0, LONGEST)
    const time = Math.round(exception.time)
    const before = find.get(fingerprint) as Group | undefined
    const services = new Set(before === undefined ? [] : (JSON.parse(before.services) as string[]))
    if (services.size < MOST_SERVICES) services.add(service)
    const isFirst = before === undefined || time < before.first
    const isLast = before === undefined || time >= before.last
    put.run(
      ...([fingerprint, type.slice(0, LONGEST), message, groupedBy, JSON.stringify([...services])] as const),
      ...([isFirst ? time : before.first, isLast ? time : before.last] as const),
      ...([isFirst ? version : before.first_version, isLast ? version : before.last_version, (before?.times ?? 0) + 1] as const),
    )
    sample.run(fingerprint, JSON.stringify(exception))
    trim.run(fingerprint, MOST_SAMPLES)
  }
}
