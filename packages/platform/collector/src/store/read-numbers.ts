/** Metrics over time, and groups of exceptions, as they are asked for. */
import { join } from 'node:path'
import type { Attributes, ExceptionRecord, Histogram, MetricRecord } from '../record.ts'
import { openToRead } from './segment.ts'
import { STEPS } from './numbers.ts'

export type MetricName = {
  readonly name: string
  readonly kind: MetricRecord['kind']
  readonly unit: string
  readonly help: string
  /** Series of it, of all services. */
  readonly series: number
  readonly services: readonly string[]
}

export type Series = {
  readonly name: string
  readonly service: string
  readonly kind: MetricRecord['kind']
  readonly unit: string
  readonly help: string
  readonly attributes: Attributes
  /** Of counters and histograms: since they began. Times are milliseconds since the epoch. */
  readonly points: readonly { readonly time: number; readonly value: number; readonly histogram?: Histogram | undefined }[]
}

export type ExceptionGroup = {
  readonly fingerprint: string
  readonly type: string
  /** Of its last one. */
  readonly message: string
  readonly groupedBy: string
  readonly services: readonly string[]
  /** Milliseconds since the epoch. */
  readonly first: number
  readonly last: number
  /** Of the service, when it was seen first and last; empty when nobody has said. */
  readonly firstVersion: string
  readonly lastVersion: string
  readonly times: number
}

export type ReadNumbers = {
  readonly names: () => readonly MetricName[]
  readonly series: (asked: SeriesAsked) => {
    readonly step: number
    readonly series: readonly Series[]
    readonly complete: boolean
  }
  /** The last point of each series that has had one lately. */
  readonly latest: (since: number) => readonly Series[]
  readonly groups: (asked: GroupsAsked) => readonly ExceptionGroup[]
  readonly samples: (fingerprint: string) => readonly ExceptionRecord[]
  readonly close: () => void
}

export type SeriesAsked = {
  readonly name: string
  readonly service?: string | undefined
  /** What a series has to say of itself. */
  readonly attributes?: Readonly<Record<string, string>> | undefined
  readonly from: number
  readonly to: number
  readonly limit: number
}

export type GroupsAsked = {
  readonly fingerprint?: string | undefined
  readonly service?: string | undefined
  readonly since?: number | undefined
  readonly words?: string | undefined
  readonly limit: number
}

type SeriesRow = {
  id: number
  name: string
  service: string
  kind: MetricRecord['kind']
  unit: string
  help: string
  attributes: string
}
type PointRow = { slot: number; value: number; histogram: string | null }

export function readNumbers(directory: string, now: () => number): ReadNumbers {
  let opened: ReturnType<typeof openToRead>
  const all = <T>(sql: string, ...values: readonly (string | number)[]): readonly T[] => {
    opened ??= openToRead(join(directory, 'numbers.db'))
    return (opened?.prepare(sql).all(...values) ?? []) as T[]
  }
  const COLUMNS = 'id, name, service, kind, unit, help, attributes'
  const toSeries = ({ id: _, attributes, ...row }: SeriesRow, points: Series['points']): Series => ({
    ...row,
    attributes: JSON.parse(attributes) as Attributes,
    points,
  })
  return {
    names: () =>
      all<{ name: string; kind: MetricRecord['kind']; unit: string; help: string; series: number; services: string }>(
        `SELECT name, kind, unit, help, count(*) AS series, json_group_array(DISTINCT service) AS services FROM series GROUP BY name ORDER BY name`,
      ).map(({ services, ...row }) => ({ ...row, services: (JSON.parse(services) as string[]).toSorted() })),
    series: ({ name, service, attributes = {}, from, to, limit }) => {
      // The finer step is there for a while only.
      const [step] = STEPS.find(([, age]) => from >= now() - age - 60_000) ?? STEPS.at(-1)!
      const rows = all<SeriesRow>(`SELECT ${COLUMNS} FROM series WHERE name = ? ORDER BY service, id`, name)
        .filter((row) => service === undefined || row.service === service)
        .filter((row) => {
          const own = JSON.parse(row.attributes) as Attributes
          return Object.entries(attributes).every(([key, value]) => String(own[key]) === value)
        })
      const series = rows.slice(0, limit).map((row) =>
        toSeries(
          row,
          all<PointRow>(
            'SELECT slot, value, histogram FROM points WHERE series = ? AND step = ? AND slot >= ? AND slot < ? ORDER BY slot LIMIT 20000',
            ...[row.id, step, Math.floor(from / step / 1_000), Math.ceil(to / step / 1_000)],
          ).map((point) => pointOf(point, step)),
        ),
      )
      return { step: step * 1_000, series, complete: rows.length <= limit }
    },
    latest: (since) =>
      all<SeriesRow & PointRow>(
        `SELECT ${COLUMNS}, slot, value, histogram FROM series JOIN points ON points.series = series.id AND step = 10
           AND slot = (SELECT max(slot) FROM points WHERE series = series.id AND step = 10)
         WHERE seen >= ? ORDER BY name, id`,
        Math.floor(since),
      ).map(({ slot, value, histogram, ...row }) => toSeries(row, [pointOf({ slot, value, histogram }, 10)])),
    groups: ({ fingerprint, service, since, words, limit }) =>
      all<{ [name: string]: string | number }>(
        `SELECT * FROM groups WHERE last >= ? ${fingerprint === undefined ? '' : 'AND fingerprint = ?'} ${service === undefined ? '' : 'AND EXISTS (SELECT 1 FROM json_each(services) WHERE value = ?)'}
         ${words === undefined ? '' : "AND instr(lower(type || ' ' || message), ?) > 0"} ORDER BY last DESC LIMIT ?`,
        ...[
          Math.floor(since ?? 0),
          ...(fingerprint === undefined ? [] : [fingerprint]),
          ...(service === undefined ? [] : [service]),
          ...(words === undefined ? [] : [words.toLowerCase()]),
          limit,
        ],
      ).map(groupOf),
    samples: (fingerprint) =>
      all<{ exception: string }>('SELECT exception FROM samples WHERE fingerprint = ? ORDER BY id DESC', fingerprint).map(
        ({ exception }) => JSON.parse(exception) as ExceptionRecord,
      ),
    close: () => opened?.close(),
  }
}

function pointOf({ slot, value, histogram }: PointRow, step: number): Series['points'][number] {
  const time = slot * step * 1_000
  return histogram === null ? { time, value } : { time, value, histogram: JSON.parse(histogram) as Histogram }
}

function groupOf(row: Readonly<Record<string, string | number>>): ExceptionGroup {
  return {
    fingerprint: String(row['fingerprint']),
    type: String(row['type']),
    message: String(row['message']),
    groupedBy: String(row['grouped_by']),
    services: JSON.parse(String(row['services'])) as string[],
    first: Number(row['first']),
    last: Number(row['last']),
    firstVersion: String(row['first_version']),
    lastVersion: String(row['last_version']),
    times: Number(row['times']),
  }
}
