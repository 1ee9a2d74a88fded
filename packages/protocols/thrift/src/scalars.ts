/** Values without parts, as Thrift holds them. */
import { bigintFromText, unknownFromJson, unknownToJson, type Scalar } from 'dure/contract/internal'
import { Malformed, Misfit, TYPE, type Reader, type Writer } from './wire/wire.ts'

/** Writes and reads the values of one type. */
export type Codec = {
  /** Of the protocol. */
  readonly type: number
  /** @throws {Misfit} for a value that is not of the type */
  readonly write: (to: Writer, value: unknown) => void
  /** @throws {Malformed} for bytes that are no value; a value that the contract refuses is left to it */
  readonly read: (from: Reader) => unknown
}

const misfit = (value: unknown, what: string): Misfit =>
  new Misfit(`${value === null ? 'null' : typeof value} stands where ${what} should`)

/** Integers have no minus zero: it is zero, as its mathematics says. */
const integer = (type: number, what: string, fits: (value: number) => boolean, piece: 'i32' | 'i64'): Codec => ({
  type,
  write: (to, value) => {
    if (typeof value !== 'number' || !fits(value)) throw misfit(value, what)
    to[piece](value)
  },
  read: (from) => from[piece](),
})

export const SCALARS: Readonly<Record<Scalar | 'json', Codec>> = {
  string: {
    type: TYPE.string,
    write: (to, value) => {
      if (typeof value !== 'string') throw misfit(value, 'a string')
      to.string(value)
    },
    read: (from) => from.string(),
  },
  boolean: {
    type: TYPE.bool,
    write: (to, value) => {
      if (typeof value !== 'boolean') throw misfit(value, 'a boolean')
      to.bool(value)
    },
    read: (from) => from.bool(),
  },
  int32: integer(TYPE.i32, 'an integer of 32 bits', (value) => (value | 0) === value, 'i32'),
  int64: integer(TYPE.i64, 'an integer of 53 bits', Number.isSafeInteger, 'i64'),
  double: {
    type: TYPE.double,
    write: (to, value) => {
      if (typeof value !== 'number') throw misfit(value, 'a number')
      to.double(value)
    },
    read: (from) => from.double(),
  },
  date: {
    type: TYPE.i64,
    write: (to, value) => {
      if (!(value instanceof Date) || Number.isNaN(value.getTime())) throw misfit(value, 'a date')
      to.i64(value.getTime())
    },
    read: (from) => new Date(from.i64()),
  },
  bigint: {
    type: TYPE.string,
    write: (to, value) => {
      if (typeof value !== 'bigint') throw misfit(value, 'a bigint')
      to.string(String(value))
    },
    read: (from) => {
      const text = from.string()
      return bigintFromText(text) ?? text
    },
  },
  bytes: {
    type: TYPE.string,
    write: (to, value) => {
      if (!(value instanceof Uint8Array)) throw misfit(value, 'bytes')
      to.bytes(value)
    },
    read: (from) => from.bytes(),
  },
  json: {
    type: TYPE.string,
    write: (to, value) => to.string(textOf(value)),
    read: (from) => {
      const text = from.string()
      try {
        return unknownFromJson(JSON.parse(text))
      } catch {
        throw new Malformed('a string of it is to be JSON and is not')
      }
    },
  },
}

function textOf(value: unknown): string {
  try {
    return JSON.stringify(unknownToJson(value))
  } catch (cause) {
    throw new Misfit(`it cannot be said in JSON: ${(cause as Error).message}`)
  }
}
