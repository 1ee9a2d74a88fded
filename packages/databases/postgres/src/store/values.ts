import type { SqlRow, SqlValue } from 'dure/data'
import { columnOf, shownJson, shownMoment, type Tables } from 'dure/data/internal'
import type { FieldDef } from 'pg'

/**
 * Values are what they are in the embedded database: whole numbers are numbers (a bigint beyond what a number can hold
 * exactly), fractions are numbers, true and false are 1 and 0, bytes are a Uint8Array, and all else is text.
 */
export const valueTypes: { readonly getTypeParser: (oid: number, format?: string) => (text: string) => SqlValue } = {
  getTypeParser: (oid) => PARSERS[oid] ?? asText,
}

const asText = (text: string): string => text

function wholeNumber(text: string): number | bigint {
  const number = Number(text)
  return Number.isSafeInteger(number) ? number : BigInt(text)
}

const NUMERIC = 1700

/**
 * Makes numbers of NUMERIC values. A column's that loses digits as a number stays the text that it came as; what is worked
 * out (`avg`) is as exact as a number is, and `sum` of whole numbers is one.
 */
export function narrowNumerics(fields: readonly FieldDef[], rows: readonly Record<string, unknown>[]): void {
  for (const { name, dataTypeID, tableID } of fields) {
    if (dataTypeID !== NUMERIC) continue
    for (const row of rows) {
      const text = row[name]
      if (typeof text === 'string') row[name] = tableID === 0 ? numeric(text) : (exactly(text) ?? text)
    }
  }
}

function numeric(text: string): number | bigint {
  return /^-?\d+$/.test(text) ? wholeNumber(text) : Number(text)
}

function exactly(text: string): number | bigint | undefined {
  if (/^-?\d+$/.test(text)) return wholeNumber(text)
  const found = exact(text)
  return typeof found === 'number' ? found : undefined
}

const exact = columnOf('double precision')!

function bytes(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.slice(2), 'hex'))
}

/** By the object id of the type, as in pg_type.dat. */
const PARSERS: Readonly<Record<number, (text: string) => SqlValue>> = {
  16: (text) => (text === 't' ? 1 : 0),
  17: bytes,
  20: wholeNumber,
  21: Number,
  23: Number,
  26: Number,
  700: Number,
  701: Number,
  1042: (text) => text.trimEnd(),
  1114: shownMoment,
  1184: shownMoment,
  3802: shownJson,
}

/** The tables of the schema, each with its columns' types. */
export const TABLES = `SELECT of.relname AS table, one.attname AS column, format_type(one.atttypid, one.atttypmod) AS type
  FROM pg_attribute AS one JOIN pg_class AS of ON of.oid = one.attrelid
  WHERE of.relnamespace = current_schema()::regnamespace AND of.relkind IN ('r', 'p') AND NOT starts_with(of.relname, 'dure_')
    AND one.attnum > 0 AND NOT one.attisdropped ORDER BY of.relname, one.attnum`

export function tablesOf(rows: readonly SqlRow[]): Tables {
  const tables = new Map<string, Map<string, string>>()
  for (const { table, column, type } of rows) {
    const columns = tables.get(String(table)) ?? new Map<string, string>()
    tables.set(String(table), columns.set(String(column), String(type)))
  }
  return tables
}
