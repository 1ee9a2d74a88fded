import fc from 'fast-check'
import type { JsonSchema } from 'dure/contract'

/** Whole numbers within bounds, more small ones than others: ids made of them meet again. */
export function wholes(schema: JsonSchema): fc.Arbitrary<number> {
  const step = Number(schema['multipleOf'] ?? 1)
  const [min, max] = boundsOf(schema, 1)
  const low = Math.ceil(min / step)
  const high = Math.floor(max / step)
  return near(low, high).map((times) => times * step)
}

/** Numbers within bounds; what is to be a multiple is one, exactly where that can be. */
export function decimals(schema: JsonSchema): fc.Arbitrary<number> {
  const step = schema['multipleOf']
  const [min, max] = boundsOf(schema, 0)
  if (typeof step === 'number') {
    // 0.01 is no binary fraction, so 29 * 0.01 is off by a little where 29 / 100 is not.
    const parts = Math.round(1 / step)
    const exact = Math.abs(parts * step - 1) < 1e-9
    return near(clamp(Math.ceil(min / step)), clamp(Math.floor(max / step))).map((times) =>
      exact ? times / parts : times * step,
    )
  }
  const bounds = {
    min,
    max,
    minExcluded: schema['exclusiveMinimum'] !== undefined,
    maxExcluded: schema['exclusiveMaximum'] !== undefined,
  }
  const wide = fc.double({ noNaN: true, noDefaultInfinity: true, ...finite(bounds) })
  const whole = near(clamp(Math.ceil(min)), clamp(Math.floor(max))).filter((n) => n > min && n < max)
  // Where no whole number fits, the filter would look for one for ever.
  return Math.floor(max) - Math.ceil(min) > 2 ? fc.oneof(wide, whole) : wide
}

function near(low: number, high: number): fc.Arbitrary<number> {
  const [from, to] = [clamp(low), clamp(high)]
  if (from > to) return fc.constant(from)
  const start = from <= 0 && to >= 0 ? Math.max(from, 0) : from > 0 ? from : Math.max(from, to - 3)
  return fc.oneof(
    { weight: 3, arbitrary: fc.integer({ min: start, max: Math.min(start + 3, to) }) },
    { weight: 2, arbitrary: fc.integer({ min: from, max: to }) },
  )
}

function boundsOf(schema: JsonSchema, whole: 0 | 1): readonly [number, number] {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema as Readonly<Record<string, number | undefined>>
  const min = Math.max(minimum ?? -Infinity, exclusiveMinimum === undefined ? -Infinity : exclusiveMinimum + whole)
  const max = Math.min(maximum ?? Infinity, exclusiveMaximum === undefined ? Infinity : exclusiveMaximum - whole)
  return [min, max]
}

function clamp(value: number): number {
  return Math.min(Math.max(value, Number.MIN_SAFE_INTEGER), Number.MAX_SAFE_INTEGER)
}

function finite(bounds: { min: number; max: number; minExcluded: boolean; maxExcluded: boolean }): fc.DoubleConstraints {
  const { min, max, minExcluded, maxExcluded } = bounds
  return {
    ...(Number.isFinite(min) && { min, minExcluded }),
    ...(Number.isFinite(max) && { max, maxExcluded }),
  }
}
