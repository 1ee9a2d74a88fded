import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { z } from 'zod'
import { drawing } from './json-schema.ts'
import { parserOf } from './parse.ts'
import { sureOf } from './sure.ts'
import { checkWire } from './unknown.ts'

const Line = z.object({ sku: z.string(), quantity: z.int().positive() })
const Order = z.object({ id: z.string(), lines: z.array(Line), paid: z.boolean() })
const draw = (schema: z.ZodType) => sureOf(drawing(schema, 'input').annotated)

class Surprise {
  id = 'a'
  lines = []
  paid = true
}
class List extends Array<unknown> {}

test('what is surely right and accepted by its schema is right', () => {
  const sure = draw(Order)!
  const odd = fc.oneof(
    fc.string(),
    fc.integer(),
    fc.constant(new Surprise()),
    fc.constant(() => 1),
    fc.constant(Symbol('s')),
    fc.constant(null),
  )
  const line = fc.record({ sku: fc.string(), quantity: fc.integer({ min: -1, max: 9 }) }, { requiredKeys: [] })
  const value = fc.record(
    { id: fc.string(), lines: fc.oneof(fc.array(line), fc.constant(new List())), paid: fc.boolean(), extra: odd },
    { requiredKeys: ['id', 'lines'] },
  )
  let both = 0
  fc.assert(
    fc.property(value, (candidate) => {
      if (!sure(candidate) || !Order.safeParse(candidate).success) return
      both++
      assert.equal(checkWire(candidate), undefined)
    }),
    { numRuns: 2_000 },
  )
  assert.ok(both > 0)
})

test('whoever is not sure takes the longer way and still says what is wrong', () => {
  const parse = parserOf(Order, 'input')
  const good = { id: 'a', lines: [{ sku: 'x', quantity: 1 }], paid: true }
  assert.deepEqual(parse(good), { ok: true, value: good })
  assert.deepEqual(parse({ ...good, note: 'dropped' }), { ok: true, value: good })
  for (const bad of [
    new Surprise(),
    { ...good, extra: () => 1 },
    { ...good, lines: List.from(good.lines) },
    { ...good, paid: undefined, extra: Symbol('s') },
  ]) {
    const parsed = parse(bad)
    assert.ok(!(parsed instanceof Promise) && !parsed.ok, String(bad))
  }
})

test('nothing is sure where a schema leaves room', () => {
  for (const schema of [
    z.unknown(),
    z.object({ a: z.unknown() }),
    z.object({ a: z.string().optional() }),
    z.looseObject({ a: z.string() }),
    z.record(z.string(), z.string()),
    z.union([z.string(), z.object({ a: z.string() })]),
    z.object({ a: z.coerce.number() }),
    z.object({ a: z.date() }),
    z.tuple([z.string()]),
  ]) {
    assert.equal(draw(schema), undefined)
  }
})
