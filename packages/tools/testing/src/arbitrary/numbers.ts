import fc from 'fast-check'
import type { JsonSchema } from 'dure/contract'

/** Whole numbers within bounds, more small ones than others: ids made of them meet again. */
export function wholes(schema: JsonSchema): fc.Arbitrary<number> {
  return multiples(schema, Number(schema['multipleOf'] ?? 1), 1)
}

/** Numbers within bounds; what is to be a multiple is one, exactly where that can be. */
export function decimals(schema: JsonSchema): fc.Arbitrary<number> {
  if (typeof schema['multipleOf'] === 'number') return multiples(schema, schema['multipleOf'], 0)
  const { exclusiveMinimum, exclusiveMaximum } = schema
  const [min, max] = boundsOf(schema, 0)
  const wide = fc.double({
    noNaN: true,
    noDefaultInfinity: true,
    ...(min > -Infinity && { min, minExcluded: exclusiveMinimum !== undefined }),
    ...(max < Infinity && { max, maxExcluded: exclusiveMaximum !== undefined }),
  })
  // Where no whole number fits there is none to look for.
  return max - min > 4 ? fc.oneof(wide, multiples(schema, 1, 1)) : wide
}

function multiples(schema: JsonSchema, step: number, excluded: 0 | 1): fc.Arbitrary<number> {
  const [min, max] = boundsOf(schema, excluded)
  const [from, to] = [Math.ceil(min / step), Math.floor(max / step)].map((times) =>
    Math.min(Math.max(times, Number.MIN_SAFE_INTEGER), Number.MAX_SAFE_INTEGER),
  ) as [number, number]
  const start = from <= 0 && to >= 0 ? 0 : from > 0 ? from : Math.max(from, to - 3)
  // 0.01 is no binary fraction, so 29 * 0.01 is off by a little where 29 / 100 is not.
  const parts = Math.round(1 / step)
  const exact = Math.abs(parts * step - 1) < 1e-9
  return fc
    .oneof(
      { weight: 3, arbitrary: fc.integer({ min: start, max: Math.max(start, Math.min(start + 3, to)) }) },
      { weight: 2, arbitrary: fc.integer({ min: from, max: Math.max(from, to) }) },
    )
    .map((times) => (exact ? times / parts : times * step))
}

/** @param inside how far from a bound that is excluded */
function boundsOf(schema: JsonSchema, inside: number): readonly [min: number, max: number] {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema as Readonly<Record<string, number | undefined>>
  return [
    Math.max(minimum ?? -Infinity, (exclusiveMinimum ?? -Infinity) + inside),
    Math.min(maximum ?? Infinity, (exclusiveMaximum ?? Infinity) - inside),
  ]
}
