/** Bounds of values, of lengths and of sizes, and the patterns and formats of texts. */
import { patternsOf } from './intersection.ts'
import type { Variant } from './type.ts'

/** Keyword, what it bounds, and whether the bound itself is allowed. */
type Bound = readonly [keyword: string, of: string, inclusive: boolean]
const lower: readonly Bound[] = [
  ['minimum', 'value', true],
  ['exclusiveMinimum', 'value', false],
  ['x-dure-minimum', 'value', true],
  ['x-dure-exclusiveMinimum', 'value', false],
  ['minLength', 'length', true],
  ['minItems', 'items', true],
  ['minProperties', 'properties', true],
]
const upper: readonly Bound[] = lower.map(([keyword, of, inclusive]) => [
  keyword.replace('min', 'max').replace('Min', 'Max'),
  of,
  inclusive,
])

/** Bounds of each direction, and the sign of how far inside them a value is. */
const DIRECTIONS = [
  [lower, 1],
  [upper, -1],
] as const

/** Bounds of `t` that `f` does not keep. */
export function looser(f: Variant, t: Variant): { from: string; to: string }[] {
  const reasons: { from: string; to: string }[] = []
  for (const [keywords, sign] of DIRECTIONS)
    for (const [keyword, of, inclusive] of keywords) {
      const wanted = t.schema[keyword]
      if (wanted === undefined) continue
      const holds = keywords.some(([other, ofOther, includes]) => {
        const given = f.schema[other]
        if (given === undefined || of !== ofOther) return false
        const order = sign * compareValues(given, wanted, t.kind)
        return order > 0 || (order === 0 && (inclusive || !includes))
      })
      if (!holds) reasons.push({ from: boundsOf(f, of), to: `${plainWord(keyword)} ${show(wanted)}` })
    }
  for (const keyword of ['multipleOf', 'format', 'contentEncoding', 'contentMediaType', 'uniqueItems']) {
    const [given, wanted] = [f.schema[keyword], t.schema[keyword]]
    if (wanted === undefined || given === wanted) continue
    if (keyword === 'multipleOf' && typeof given === 'number' && given % (wanted as number) === 0) continue
    // The text form of a wire type is no promise of its own.
    if (t.schema['x-dure-type'] !== undefined) continue
    reasons.push({
      from: given === undefined ? `no ${keyword}` : `${keyword} ${show(given)}`,
      to: `${keyword} ${show(wanted)}`,
    })
  }
  const given = new Set(patternsOf(f.schema))
  // A known format says more about what a text is than the pattern that happens to check it.
  const told = t.schema.format !== undefined && t.schema.format === f.schema.format
  if (!told)
    for (const pattern of patternsOf(t.schema))
      if (!given.has(pattern))
        reasons.push({
          from: given.size === 0 ? 'no pattern' : `pattern ${[...given].join(', ')}`,
          to: `pattern ${pattern}`,
        })
  return reasons
}

const plainWord = (keyword: string): string =>
  keyword
    .replace(/^x-dure-/, '')
    .replace(/([A-Z])/g, ' $1')
    .toLowerCase()

function compareValues(a: unknown, b: unknown, type: string): number {
  const [x, y] =
    type === 'bigint'
      ? [BigInt(String(a)), BigInt(String(b))]
      : type === 'date'
        ? [Date.parse(String(a)), Date.parse(String(b))]
        : [Number(a), Number(b)]
  return x > y ? 1 : x < y ? -1 : 0
}

/** Whether the one value of `f` is within the bounds of `t`. */
export function literalFits({ literal }: Variant, t: Variant): boolean {
  if (t.kind === 'integer' && !Number.isInteger(literal)) return false
  // Of a format without a pattern it is not known what it is.
  if (t.kind === 'string' && t.schema.format !== undefined && patternsOf(t.schema).length === 0) return false
  // JSON Schema counts characters and Zod counts UTF-16 units.
  const counted = t.schema.minLength !== undefined || t.schema.maxLength !== undefined
  if (counted && typeof literal === 'string' && [...literal].length !== literal.length) return false
  return isWithin(literal, t)
}

/** Whether a value of JSON, of a variant's type, is within its bounds. */
export function isWithin(value: unknown, { schema, kind }: Variant): boolean {
  if (typeof value === 'string' && !patternsOf(schema).every((pattern) => matches(pattern, value))) return false
  const sized = (kind === 'string' && typeof value === 'string') || Array.isArray(value) ? value.length : value
  for (const [keywords, sign] of DIRECTIONS)
    for (const [keyword, of, inclusive] of keywords) {
      if (schema[keyword] === undefined || of === 'properties') continue
      const order = sign * compareValues(sized, schema[keyword], kind)
      if (order < 0 || (order === 0 && !inclusive)) return false
    }
  return typeof value !== 'number' || typeof schema.multipleOf !== 'number' || value % schema.multipleOf === 0
}

function matches(pattern: string, text: string): boolean {
  try {
    return new RegExp(pattern, 'u').test(text)
  } catch {
    return false
  }
}

export function boundsOf({ schema }: Variant, of?: string): string {
  const found = [...lower, ...upper].filter(
    ([keyword, each]) => schema[keyword] !== undefined && (of === undefined || each === of),
  )
  const words = found.map(([keyword]) => `${plainWord(keyword)} ${show(schema[keyword])}`)
  if (of === undefined)
    words.push(
      ...patternsOf(schema).map((pattern) => `pattern ${pattern}`),
      ...(schema.format === undefined ? [] : [`format ${show(schema.format)}`]),
    )
  return words.join(', ') || 'unbounded'
}

export const show = (value: unknown): string => (value === undefined ? 'none' : JSON.stringify(value))
