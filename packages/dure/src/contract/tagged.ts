/** The tagged JSON form of `unknown` positions: JSON as it is, and `{"$dure": kind, "value": …}` for the rest. */
import { kindOf, MAX_DEPTH, notWire, setKey, TAG } from './unknown.ts'
import { bigintFromText, bytesFromText, bytesToText, dateFromText } from './text.ts'

const tagged = (kind: string, value: unknown): unknown => ({ [TAG]: kind, value })

/** @throws {TypeError} for what is not of the wire type system */
export function unknownToJson(value: unknown, depth: number = 0): unknown {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0)
        ? value
        : tagged('number', Object.is(value, -0) ? '-0' : String(value))
    case 'bigint':
      return tagged('bigint', String(value))
    case 'undefined':
      return { [TAG]: 'undefined' }
  }
  if (value === null) return null
  if (depth > MAX_DEPTH) throw new TypeError(`Value is cyclic or nested more than ${MAX_DEPTH} levels deep`)
  const list = (parts: Iterable<unknown>): unknown[] => Array.from(parts, (part) => unknownToJson(part, depth + 1))
  switch (kindOf(value)) {
    case 'object': {
      const json: Record<string, unknown> = {}
      for (const key of Object.keys(value as object))
        setKey(json, key, unknownToJson((value as Record<string, unknown>)[key], depth + 1))
      return Object.hasOwn(json, TAG) ? tagged('object', json) : json
    }
    case 'array':
      return list(value as unknown[])
    case 'date':
      return tagged('date', (value as Date).toISOString())
    case 'bytes':
      return tagged('bytes', bytesToText(value as Uint8Array))
    case 'map':
      return tagged(
        'map',
        Array.from(value as Map<unknown, unknown>, (pair) => list(pair)),
      )
    case 'set':
      return tagged('set', list(value as Set<unknown>))
    default:
      throw new TypeError(notWire(value))
  }
}

/** The value back. A tag that makes no sense is left as it is: somebody's own object. */
export function unknownFromJson(json: unknown, depth: number = 0): unknown {
  // Deeper than any value that was let out; the parser's check will refuse it.
  if (typeof json !== 'object' || json === null || depth > MAX_DEPTH + 1) return json
  if (Array.isArray(json)) return json.map((part) => unknownFromJson(part, depth + 1))
  if (!Object.hasOwn(json, TAG)) return objectFromJson(json, depth)
  const inside = (part: unknown): unknown => unknownFromJson(part, depth + 1)
  const { [TAG]: kind, value } = json as { [TAG]: unknown; value: unknown }
  switch (kind) {
    case 'undefined':
      return undefined
    case 'number':
      return value === 'NaN' || value === 'Infinity' || value === '-Infinity' || value === '-0' ? Number(value) : json
    case 'date':
      return dateFromText(value) ?? json
    case 'bigint':
      return bigintFromText(value) ?? json
    case 'bytes':
      return bytesFromText(value) ?? json
    case 'set':
      return Array.isArray(value) ? new Set(value.map((part) => unknownFromJson(part, depth + 1))) : json
    case 'map':
      return isPairs(value) ? mapOf(value, inside, inside, json) : json
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value) ? objectFromJson(value, depth) : json
    default:
      return json
  }
}

export function isPairs(value: unknown): value is [unknown, unknown][] {
  return Array.isArray(value) && value.every((pair) => Array.isArray(pair) && pair.length === 2)
}

/** The map of some pairs; what stands in JSON (the pairs, if it is not said) when a key is there twice, for one of them would be lost. */
export function mapOf(
  pairs: readonly [unknown, unknown][],
  key: (json: unknown) => unknown,
  value: (json: unknown) => unknown,
  json: unknown = pairs,
): unknown {
  const map = new Map(pairs.map((pair) => [key(pair[0]), value(pair[1])]))
  return map.size === pairs.length ? map : json
}

function objectFromJson(json: object, depth: number): unknown {
  const value: Record<string, unknown> = {}
  for (const key of Object.keys(json)) setKey(value, key, unknownFromJson((json as Record<string, unknown>)[key], depth + 1))
  return value
}
