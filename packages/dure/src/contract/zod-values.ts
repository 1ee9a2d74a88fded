/** Values that stand in a Zod schema (literals, defaults, bounds), in their JSON form. */
import { bytesToText } from './text.ts'
import { checkWire } from './unknown.ts'
import type { Draft, Refuse, ZodDef } from './zod-schema.ts'

export function literals(values: readonly unknown[], json: Draft, refuse: Refuse): void {
  if (values.some((each) => typeof each === 'number' && !Number.isFinite(each)))
    refuse({ found: 'a literal that is not finite', fix: 'Use a string literal' })
  const bigints = values.filter((each) => typeof each === 'bigint')
  if (bigints.length === values.length && bigints.length > 0) {
    delete json.const
    Object.assign(json, { type: 'string', enum: bigints.map(String), 'x-dure-type': 'bigint' })
  } else if (bigints.length > 0) {
    delete json.const
    delete json.type
    Object.assign(json, {
      enum: values.map((each) => (typeof each === 'bigint' ? String(each) : each)),
      'x-dure-type': 'unknown',
    })
  } else if (values.includes(undefined))
    Object.assign(json, { 'x-dure-optional': true, ...(values.length === 1 && { 'x-dure-type': 'undefined' }) })
}

/** A default: drawn in its JSON form when it is the same every time, and never shared with who receives it. */
export function standIn(def: ZodDef, json: Draft, refuse: Refuse): void {
  const read = (): unknown => {
    try {
      return def.catchValue === undefined ? def.defaultValue : def.catchValue(undefined)
    } catch {
      return undefined
    }
  }
  const value = read()
  const trouble = checkWire(value)
  if (trouble !== undefined)
    return refuse({ found: `a default value that cannot travel (${trouble.message})`, fix: 'Use a default made of plain values' })
  if (typeof value === 'object' && value !== null) json['x-dure-shared'] = true
  const form = plainForm(value)
  const fixed = value instanceof Date ? value === read() : JSON.stringify(form) === JSON.stringify(plainForm(read()))
  if (!fixed) delete json.default
  else if ('default' in json || typeof value === 'bigint') json.default = form
}

function plainForm(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Uint8Array) return bytesToText(value)
  if (value instanceof Map || value instanceof Set || Array.isArray(value))
    return Array.from(value as Iterable<unknown>, plainForm)
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString()
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, plainForm(part)]))
}

/** Bounds that Zod's converter does not draw: of dates and bigints, and how many a map or set may hold. */
export function bounds(def: ZodDef): Draft {
  const found: Draft = {}
  for (const { _zod } of def.checks ?? []) {
    const { check, value, inclusive, minimum, maximum, size } = _zod.def
    const exclusive = inclusive === true ? 'm' : 'exclusiveM'
    if (check === 'greater_than') found[`x-dure-${exclusive}inimum`] = plainForm(value)
    if (check === 'less_than') found[`x-dure-${exclusive}aximum`] = plainForm(value)
    if (check === 'min_size' || check === 'size_equals') found.minItems = minimum ?? size
    if (check === 'max_size' || check === 'size_equals') found.maxItems = maximum ?? size
  }
  return found
}
