/** What others say of themselves, bounded: nobody's line may be larger than a line is. */
import type { Attributes, Value } from './record.ts'

/** Attributes of one record, OpenTelemetry's own bound; characters of a name and of a value; values inside values. */
const [MOST, LONGEST_NAME, LONGEST, LONGEST_STACK, DEEPEST, MOST_PARTS] = [128, 200, 4_096, 16_384, 6, 128]
/** Characters of the text of a line. */
export const LONGEST_BODY = 65_536

export const shortened = (text: string, most: number): string => (text.length <= most ? text : `${text.slice(0, most)}…`)

/** How many were left out is said among them. */
export function boundedAttributes(
  pairs: Iterable<readonly [string, unknown]>,
  valueOf: (value: unknown, depth: number) => Value,
): Attributes {
  const attributes: Record<string, Value> = {}
  let [count, left] = [0, 0]
  for (const [name, value] of pairs) {
    if (typeof name !== 'string' || name === '' || value === undefined || value === null) continue
    if (count >= MOST) {
      left++
      continue
    }
    count++
    const most = name === 'exception.stacktrace' ? LONGEST_STACK : LONGEST
    const given = valueOf(value, 0)
    // A name of an object's own prototype would be lost.
    const own = name === '__proto__' ? '(__proto__)' : shortened(name, LONGEST_NAME)
    attributes[own] = typeof given === 'string' ? shortened(given, most) : given
  }
  if (left > 0) attributes['dure.dropped_attributes'] = left
  return attributes
}

/** A plain JSON value. */
export function plainValue(value: unknown, depth = 0): Value {
  if (typeof value === 'string') return shortened(value, LONGEST_STACK)
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value)
  if (typeof value === 'boolean' || value === null) return value
  if (typeof value === 'bigint') return String(value)
  if (typeof value !== 'object' || depth >= DEEPEST) return '(left out)'
  if (Array.isArray(value)) return value.slice(0, MOST_PARTS).map((each) => plainValue(each, depth + 1))
  return Object.fromEntries(
    Object.entries(value)
      .slice(0, MOST_PARTS)
      .map(([name, each]) => [shortened(name, LONGEST_NAME), plainValue(each, depth + 1)]),
  )
}

/** Of a plain object of JSON. */
export function attributesOf(value: unknown): Attributes {
  return typeof value === 'object' && value !== null ? boundedAttributes(Object.entries(value), plainValue) : {}
}

/** OTLP's list of keys and values. */
export function otlpAttributes(list: unknown): Attributes {
  return Array.isArray(list) ? boundedAttributes(pairs(list), otlpValue) : {}
}

function* pairs(list: readonly unknown[]): Iterable<readonly [string, unknown]> {
  for (const each of list) {
    const { key, value } = (each ?? {}) as { readonly key?: unknown; readonly value?: unknown }
    if (typeof key === 'string') yield [key, value]
  }
}

export function otlpValue(value: unknown, depth = 0): Value {
  const given = (value ?? {}) as Readonly<Record<string, unknown>>
  if (typeof given['stringValue'] === 'string') return given['stringValue']
  if (typeof given['boolValue'] === 'boolean') return given['boolValue']
  if (given['intValue'] !== undefined) return plainNumber(given['intValue'])
  if (given['doubleValue'] !== undefined) return plainNumber(given['doubleValue'])
  if (typeof given['bytesValue'] === 'string') return given['bytesValue']
  if (depth >= DEEPEST) return '(left out)'
  const array = (given['arrayValue'] as { readonly values?: unknown } | undefined)?.values
  if (Array.isArray(array)) return array.slice(0, MOST_PARTS).map((each) => otlpValue(each, depth + 1))
  const list = (given['kvlistValue'] as { readonly values?: unknown } | undefined)?.values
  if (Array.isArray(list)) return boundedAttributes(pairs(list), (each) => otlpValue(each, depth + 1))
  return ''
}

/** 64-bit numbers come as text; one that a double does not hold stays text. */
function plainNumber(value: unknown): Value {
  const number = Number(value)
  if (!Number.isFinite(number)) return String(value)
  return typeof value === 'string' && Number.isInteger(number) && !Number.isSafeInteger(number) ? value : number
}
