import { CallError } from 'dure/contract'
import type { SqlValue } from 'dure/data'
import { unholdable } from 'dure/data/adapter'

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

/** `sum` of whole numbers is a NUMERIC in PostgreSQL. */
function numeric(text: string): number | bigint {
  return /^-?\d+$/.test(text) ? wholeNumber(text) : Number(text)
}

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
  1700: numeric,
}

/** True and false are sent as 1 and 0, which both a number and a boolean column take. Anything a column cannot hold is refused by name. */
export function sendable(parameters: readonly unknown[]): unknown[] {
  return parameters.map((value, i) => {
    switch (typeof value) {
      case 'number':
      case 'bigint':
        return value
      case 'string':
        if (value.includes('\0')) throw zero(i)
        return value
      case 'boolean':
        return value ? 1 : 0
      default:
        if (value === null || value instanceof Uint8Array) return value
        throw unholdable(i, value)
    }
  })
}

function zero(index: number): CallError {
  return new CallError(
    'INVALID_ARGUMENT',
    `Running a statement failed: parameter ${index + 1} is text with a zero character (U+0000), which a database column cannot hold. Take it out, or store bytes`,
  )
}
