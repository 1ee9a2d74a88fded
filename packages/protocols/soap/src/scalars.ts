/** Scalars in the words of XML Schema. What cannot be read stays text, for the contract to refuse. */
import type { Scalar } from 'dure/contract/internal'

export type ScalarForm = {
  /** `xsd:…` */
  readonly xsd: string
  readonly write: (value: unknown) => string
  readonly read: (text: string) => unknown
}

const DATE = /^-?\d{4,6}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/
const DOUBLE = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
const SPECIAL: ReadonlyMap<string, number> = new Map([
  ['INF', Infinity],
  ['+INF', Infinity],
  ['-INF', -Infinity],
  ['NaN', Number.NaN],
])
/** Digits of a whole number of any size. */
const LONGEST = 4_000

const whole = (xsd: string): ScalarForm => ({
  xsd,
  write: (value) => (Object.is(value, -0) ? '-0' : String(value)),
  read: (text) => {
    const given = text.trim()
    const number = /^[+-]?\d{1,20}$/.test(given) ? Number(given) : Number.NaN
    return Number.isSafeInteger(number) ? number : given
  },
})

export const SCALARS: Readonly<Record<Scalar, ScalarForm>> = {
  string: { xsd: 'xsd:string', write: String, read: (text) => text },
  boolean: {
    xsd: 'xsd:boolean',
    write: String,
    read: (text) => {
      const given = text.trim()
      return given === 'true' || given === '1' ? true : given === 'false' || given === '0' ? false : given
    },
  },
  int32: whole('xsd:int'),
  int64: whole('xsd:long'),
  double: { xsd: 'xsd:double', write: doubleToText, read: doubleFromText },
  date: { xsd: 'xsd:dateTime', write: dateToText, read: dateFromText },
  bigint: {
    xsd: 'xsd:integer',
    write: String,
    read: (text) => {
      const given = text.trim()
      return given.length <= LONGEST && /^[+-]?\d+$/.test(given) ? BigInt(given.replace('+', '')) : given
    },
  },
  bytes: {
    xsd: 'xsd:base64Binary',
    write: (value) => {
      const { buffer, byteOffset, byteLength } = value as Uint8Array
      return Buffer.from(buffer, byteOffset, byteLength).toString('base64')
    },
    read: (text) => {
      const given = text.replaceAll(/\s/g, '')
      return BASE64.test(given) ? new Uint8Array(Buffer.from(given, 'base64')) : text
    },
  },
}

function doubleToText(value: unknown): string {
  const number = value as number
  if (Number.isFinite(number)) return Object.is(number, -0) ? '-0' : String(number)
  return Number.isNaN(number) ? 'NaN' : number > 0 ? 'INF' : '-INF'
}

function doubleFromText(text: string): unknown {
  const given = text.trim()
  if (!DOUBLE.test(given)) return SPECIAL.get(given) ?? given
  const number = Number(given)
  return Number.isFinite(number) ? number : given
}

/** Years of more than four digits have no sign in XML Schema, and six digits with one in JavaScript. */
function dateToText(value: unknown): string {
  const iso = (value as Date).toISOString()
  const long = /^([+-])(\d{6})(.*)$/.exec(iso)
  if (long === null) return iso
  const year = String(Number(long[2])).padStart(4, '0')
  return `${long[1] === '-' ? '-' : ''}${year}${long[3]}`
}

/** A moment without its offset could be any of a day's, and is none here. */
function dateFromText(text: string): unknown {
  const given = text.trim()
  if (!DATE.test(given)) return given
  const end = given.indexOf('T')
  const date = new Date(end === 10 ? given : longYear(given, end))
  if (Number.isNaN(date.getTime())) return given
  const day = Number(given.slice(end - 2, end))
  return day <= 28 || day <= lastDay(given, end) ? date : given
}

/** As JavaScript has it: with a sign and six digits. */
function longYear(given: string, end: number): string {
  const isBefore = given.startsWith('-')
  return `${isBefore ? '-' : '+'}${given.slice(isBefore ? 1 : 0, end - 6).padStart(6, '0')}${given.slice(end - 6)}`
}

/** Of its month. Date rolls the 30th of February over into March; whoever wrote it meant something else. */
function lastDay(given: string, end: number): number {
  const [year, month] = [Number(given.slice(0, end - 6)), Number(given.slice(end - 5, end - 3))]
  return new Date(Date.UTC(2000 + (Math.abs(year) % 400), month, 0)).getUTCDate()
}
