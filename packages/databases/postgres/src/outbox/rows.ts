import type { OutboxMessage } from 'dure/data'
import { OUTBOX_COLUMNS, outboxMessage, outboxValues } from 'dure/data/internal'

/** A committed message as it stands in the table. */
export type OutboxRow = { readonly position: number; readonly bucket: number; readonly message: OutboxMessage }

/** What publishing gives a row; the table gives it its position. */
export const COLUMNS: string = `bucket, ${OUTBOX_COLUMNS}`

/** Their types, in the same order: what a parameter is taken for. */
export const TYPES: readonly string[] = 'smallint,text,bigint,text,text,text,text,bigint,bigint,text,text,text,text,text'.split(
  ',',
)

export type RowValue = string | number | null

/** Values of `COLUMNS`. */
export function valuesOf(bucket: number, message: OutboxMessage): readonly RowValue[] {
  return [bucket, ...outboxValues(message)]
}

/** Asks the database; rows are lists of what `pg` makes of the columns. */
export type Query = (text: string, values?: readonly unknown[]) => Promise<readonly RawRow[]>

/** A row read as `position, …COLUMNS`, in the order of the columns, as text. */
export type RawRow = readonly (string | number | null)[]

export function rowOf(raw: RawRow): OutboxRow {
  return { position: Number(raw[0]), bucket: Number(raw[1]), message: outboxMessage(raw, 2) }
}
