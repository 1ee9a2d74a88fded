import type { SqlValue } from './database.ts'

/** What a column takes, the same on every engine: the value as it is bound, or in words what the column holds instead. */
export type Column = (value: NonNullable<SqlValue> | boolean) => Bound | { readonly holds: string }
type Bound = NonNullable<SqlValue>

/** A store's tables: each column's type as it was declared, in order. */
export type Tables = ReadonlyMap<string, ReadonlyMap<string, string>>

/**
 * The column of a declared type, or undefined for a type that engines do not share.
 * @param compared a value is only compared with it: its length and scale are no limit then
 */
export function columnOf(declared: string, compared = false): Column | undefined {
  const key = compared ? `= ${declared}` : declared
  if (!columns.has(key)) columns.set(key, make(declared, compared))
  return columns.get(key)
}

const columns = new Map<string, Column | undefined>()

/** By type, what makes a column of it. @param most characters, or digits; `Infinity` where it does not say */
const TYPES: Readonly<Record<string, (most: number, scale: number) => Column>> = {
  text: (most) => text(most),
  char: (most) => text(most, true),
  smallint: () => whole(15n),
  integer: () => whole(31n),
  bigint: () => whole(63n),
  // Four bytes give back as many digits as they were given.
  real: () =>
    fraction((n) => Number(Math.fround(n).toPrecision(6)) === n, 'a number of 6 digits; declare it DOUBLE PRECISION for more'),
  'double precision': () => fraction(() => true, 'a number that loses no digit as a JavaScript number'),
  numeric,
  boolean: () => (value) => {
    const found = Number(value)
    return typeof value !== 'object' && typeof value !== 'string' && (found === 0 || found === 1)
      ? found + 0
      : { holds: 'true or false' }
  },
  bytea: () => (value) => (value instanceof Uint8Array ? value : { holds: 'bytes (a Uint8Array)' }),
  uuid: () => matching(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i, 'a UUID as text', (found) => found.toLowerCase()),
  date: () => matching(/^\d{4}-\d\d-\d\d$/, 'a date as text, "2024-12-31"', (found) => (dayExists(found) ? found : undefined)),
  time: () => matching(/^([01]\d|2[0-3])(:[0-5]\d){2}$/, 'a time of day as text, "23:59:59"', (found) => found),
  timestamp: () => matching(MOMENT, 'a time as text, in milliseconds at most: "2024-12-31T23:59:59.999Z"', moment),
  json: () => matching(/\S/, 'JSON text', (found) => json(found, false)),
  jsonb: () => matching(/\S/, 'JSON text, with whole numbers up to 2^53', (found) => json(found, true)),
}

/** Other names of these types. */
const ALIASES: Readonly<Record<string, string>> = {
  ...{ varchar: 'text', 'character varying': 'text', character: 'char', timestamptz: 'timestamp' },
  ...{ int2: 'smallint', int: 'integer', int4: 'integer', int8: 'bigint', decimal: 'numeric', bool: 'boolean', blob: 'bytea' },
  ...{ float4: 'real', double: 'double precision', float: 'double precision', float8: 'double precision' },
}

function make(declared: string, compared: boolean): Column | undefined {
  const [, type = '', size, scale] =
    /^([a-z][a-z0-9 ]*?) *(?:\( *(\d+) *(?:, *(\d+) *)?\))?( with(?:out)? time zone)?$/.exec(declared.toLowerCase()) ?? []
  const name = Object.hasOwn(ALIASES, type) ? ALIASES[type]! : type
  if (!Object.hasOwn(TYPES, name)) return undefined
  const sized = !compared && (size !== undefined || name === 'char')
  return TYPES[name]!(sized ? Number(size ?? 1) : Infinity, Number(scale ?? 0))
}

/** Text that a column holds: whole characters, none of them zero. */
export function holdable(found: string): boolean {
  return !found.includes('\0') && found.isWellFormed()
}

/** What a value looks like that an engine answers with, by the type its column was declared with; undefined when as it is. */
export function shownOf(declared: string | null): ((value: SqlValue) => SqlValue) | undefined {
  if (declared === null) return undefined
  if (/^timestamp/i.test(declared)) return (value) => (typeof value === 'string' ? shownMoment(value) : value)
  // An embedded column of JSON takes a bare number for one.
  if (/^jsonb?$/i.test(declared))
    return (value) => (typeof value === 'number' || typeof value === 'bigint' ? String(value) : value)
  return undefined
}

/** A time as both engines show it: as JavaScript writes it, in UTC. What is no such time (`infinity`) stays. */
export function shownMoment(value: string): string {
  const [, date, time, fraction = ''] = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.(\d+))?(?:Z|\+00)?$/.exec(value) ?? []
  return date === undefined ? value : `${date}T${time}.${fraction.padEnd(3, '0')}Z`
}

function text(most: number, padded = false): Column {
  return (value) => {
    if (value instanceof Uint8Array) return { holds: 'text' }
    const written = typeof value === 'boolean' ? (value ? '1' : '0') : String(value)
    const found = padded ? written.replace(/ +$/, '') : written
    // Characters, as the standard counts them.
    return found.length > most && [...found].length > most ? { holds: `text of ${most} characters at most` } : found
  }
}

function whole(bits: bigint): Column {
  const most = 2n ** bits - 1n
  const refused = { holds: `a whole number from -2^${bits} to 2^${bits} - 1${bits < 63n ? '; declare it BIGINT for more' : ''}` }
  const safe = Number(most > 2n ** 53n ? 2n ** 53n - 1n : most)
  return (value) => {
    // As it comes, nearly always.
    if (typeof value === 'number' && Number.isInteger(value) && value <= safe && value >= -safe) return value === 0 ? 0 : value
    const found = integerOf(value)
    return found === undefined || found > most || found < -most - 1n ? refused : found
  }
}

function integerOf(value: Bound | boolean): bigint | undefined {
  switch (typeof value) {
    case 'bigint':
      return value
    case 'boolean':
      return value ? 1n : 0n
    case 'number':
      return Number.isInteger(value) ? BigInt(value) : undefined
    default:
      return typeof value === 'string' && /^[+-]?\d{1,400}$/.test(value) ? BigInt(value.replace('+', '')) : undefined
  }
}

function fraction(fits: (value: number) => boolean, holds: string): Column {
  return (value) => {
    const found =
      typeof value === 'string' || typeof value === 'bigint'
        ? survivor(String(value))
        : typeof value === 'boolean'
          ? Number(value)
          : value
    return typeof found === 'number' && fits(found) ? found + 0 : { holds }
  }
}

/** The number that a text is, when none of its digits is lost by it. */
function survivor(written: string): number | undefined {
  if (!/^[+-]?\d{1,400}(?:\.\d{1,400})?$/.test(written)) return undefined
  const value = Number(written)
  return Number.isFinite(value) && digitsOf(String(value)) === digitsOf(written) ? value : undefined
}

/** Without sign, point, exponent, and zeros before and behind. */
const digitsOf = (number: string): string =>
  number
    .replace(/e.*$/, '')
    .replace(/\D/g, '')
    .replace(/^0+|0+$/g, '')

/** Whole numbers of 64 bits, and fractions whose digits a number keeps. */
function numeric(precision: number, scale: number): Column {
  const sized = precision !== Infinity
  const sizes = sized ? ` of ${precision} digits, ${scale} of them behind the point` : ''
  const refused = {
    holds: `a number${sizes}, that loses no digit as a JavaScript number or 64-bit integer; store longer ones as TEXT`,
  }
  return (value) => {
    if (value instanceof Uint8Array) return refused
    const integer = integerOf(value)
    const found = integer ?? (typeof value === 'string' ? survivor(value) : (value as number))
    if (found === undefined || (integer !== undefined && (integer >= 2n ** 63n || integer < -(2n ** 63n)))) return refused
    const number = Number(found)
    if (sized && (Math.abs(number) >= 10 ** (precision - scale) || Number(number.toFixed(Math.min(scale, 100))) !== number))
      return refused
    return typeof found === 'bigint' && Number.isSafeInteger(number) ? number : found
  }
}

function matching(pattern: RegExp, holds: string, bound: (found: string) => string | undefined): Column {
  return (value) => (typeof value === 'string' && pattern.test(value) ? bound(value) : undefined) ?? { holds }
}

function dayExists(date: string): boolean {
  const at = new Date(`${date}T00:00:00Z`)
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(date) && !date.startsWith('0000')
}

const MOMENT = /^(\d{4}-\d\d-\d\d)[T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,3}0*)?)?(Z|[+-]\d\d(:?\d\d)?)?$/

function moment(found: string): string | undefined {
  if (!dayExists(found.slice(0, 10))) return undefined
  const zone = /(?:Z|[+-]\d\d(?::?\d\d)?)$/.exec(found.slice(10))?.[0] ?? ''
  const local = found.slice(0, found.length - zone.length).replace(' ', 'T')
  const at = new Date(local + (zone === '' ? 'Z' : zone.replace(/^(...)(?=\d\d$)/, '$1:').replace(/^(...)$/, '$1:00')))
  const iso = Number.isNaN(at.getTime()) ? '' : at.toISOString()
  return iso.length === 24 ? iso : undefined
}

/** @param binary PostgreSQL keeps what the text means, not the text: so does this */
function json(found: string, binary: boolean): string | undefined {
  try {
    let exact = true
    const value: unknown = JSON.parse(found, (key, each: unknown, context?: { readonly source?: string }) => {
      const source = context?.source ?? ''
      if (typeof each === 'number') exact &&= Number.isSafeInteger(each) || (!Number.isInteger(each) && source.length <= 17)
      if (typeof each === 'string') exact &&= holdable(each)
      exact &&= holdable(key)
      return each
    })
    if (binary) return exact ? shownJson(JSON.stringify(value)) : undefined
    return typeof value === 'number' && String(value) !== found ? undefined : found
  } catch {
    return undefined
  }
}

/** JSON as it comes from a JSONB column: shorter keys first, nothing between. */
export function shownJson(found: string): string {
  return JSON.stringify(JSON.parse(found), (_key, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(
          Object.entries(value).sort(
            ([a], [b]) => Buffer.byteLength(a) - Buffer.byteLength(b) || Buffer.compare(Buffer.from(a), Buffer.from(b)),
          ),
        )
      : value,
  )
}
