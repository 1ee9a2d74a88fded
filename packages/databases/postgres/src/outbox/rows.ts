import type { OutboxMessage } from 'dure/data'

/** A committed message as it stands in the table. */
export type OutboxRow = { readonly position: number; readonly bucket: number; readonly message: OutboxMessage }

/** What publishing gives a row; the table gives it its position. */
export const COLUMNS =
  'bucket, destination, delay, id, source, type, key, time, schema_version, correlation_id, causation_id, traceparent, data'

/** Their types, in the same order: what a parameter is taken for. */
export const TYPES: readonly string[] = 'smallint,text,bigint,text,text,text,text,bigint,bigint,text,text,text,text'.split(',')

export type RowValue = string | number | null

/** Values of `COLUMNS`. */
export function valuesOf(bucket: number, message: OutboxMessage): readonly RowValue[] {
  return [
    bucket,
    message.destination,
    message.delay ?? null,
    message.id,
    message.source,
    message.type,
    message.key,
    message.time,
    message.schemaVersion,
    message.correlationId,
    message.causationId ?? null,
    message.traceparent ?? null,
    message.data,
  ]
}

/** A row read as `position, …COLUMNS`, in the order of the columns, as text. */
export type RawRow = readonly (string | number | null)[]

export function rowOf(raw: RawRow): OutboxRow {
  const text = (at: number): string => raw[at] as string
  const optional = (at: number): string | undefined => (raw[at] as string | null) ?? undefined
  const message: OutboxMessage = {
    id: text(4),
    source: text(5),
    type: text(6),
    key: text(7),
    time: Number(raw[8]),
    schemaVersion: Number(raw[9]),
    correlationId: text(10),
    causationId: optional(11),
    traceparent: optional(12),
    data: text(13),
    destination: raw[2] === 'queue' ? 'queue' : 'topic',
    ...(raw[3] === null ? {} : { delay: Number(raw[3]) }),
  }
  return { position: Number(raw[0]), bucket: Number(raw[1]), message }
}
