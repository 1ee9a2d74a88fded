import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { z } from 'zod'
import { parserOf } from './parse.ts'
import { MISS, quickOf } from './quick.ts'
import { checkWire } from './unknown.ts'

const Line = z.object({
  sku: z.string().min(1).max(8),
  quantity: z.int().positive(),
  price: z.number().min(0).lt(100).multipleOf(0.01),
})
const Order = z.object({
  id: z.uuid(),
  note: z.string().optional(),
  voucher: z.int().default(7),
  lines: z.array(Line).min(1).max(3),
  paid: z.boolean(),
  at: z.date(),
  count: z.int32(),
  labels: z.record(z.string(), z.array(z.string())),
  kind: z.enum(['new', 'old']),
  of: z.nullable(z.strictObject({ type: z.literal('gift'), code: z.string().regex(/^[a-z]+$/) })),
  'odd key "\\': z.string().optional(),
})

class Surprise {
  sku = 'a'
  quantity = 1
  price = 1
}
class List extends Array<unknown> {}

class Moment extends Date {}

const anything = fc.oneof(
  fc.string({ maxLength: 10 }),
  fc.integer({ min: -1, max: 101 }),
  fc.double(),
  fc.constantFrom(
    null,
    undefined,
    true,
    1n,
    Symbol('s'),
    new Date(0),
    new Date(Number.NaN),
    new Moment(0),
    new Surprise(),
    () => 1,
    [],
    {},
    Number.NaN,
    -0,
    2 ** 60,
  ),
)
const mostly = <T>(good: fc.Arbitrary<T>) => fc.oneof({ weight: 24, arbitrary: good }, { weight: 1, arbitrary: anything })
const line = mostly(
  fc.record(
    {
      sku: mostly(fc.string({ minLength: 1, maxLength: 8 })),
      quantity: mostly(fc.integer({ min: 1, max: 9 })),
      price: mostly(
        fc.oneof(
          fc.integer({ min: 0, max: 9_999 }).map((cents) => cents / 100),
          fc.double({ min: 0, max: 99 }),
        ),
      ),
    },
    { noNullPrototype: true },
  ),
)
const gift = fc.record(
  { type: mostly(fc.constant('gift')), code: mostly(fc.constantFrom('abc', 'A')) },
  { noNullPrototype: true },
)
const order = fc.record(
  {
    id: mostly(fc.uuid()),
    note: mostly(fc.string()),
    voucher: mostly(fc.integer()),
    lines: mostly(
      fc.oneof(
        { weight: 9, arbitrary: fc.array(line, { minLength: 1, maxLength: 3 }) },
        { weight: 1, arbitrary: fc.constant(List.from([{ sku: 'a', quantity: 1, price: 1 }])) },
      ),
    ),
    paid: mostly(fc.boolean()),
    at: mostly(fc.date({ noInvalidDate: true })),
    count: mostly(fc.oneof(fc.integer(), fc.constantFrom(2 ** 31, -(2 ** 31), -0, 0.5))),
    labels: mostly(
      fc.oneof(
        {
          weight: 12,
          arbitrary: fc.dictionary(fc.string(), mostly(fc.array(fc.string())), { maxKeys: 3, noNullPrototype: true }),
        },
        {
          weight: 1,
          arbitrary: fc.constantFrom(
            { [Symbol('s')]: ['a'] },
            JSON.parse('{"__proto__":["a"]}'),
            Object.defineProperty({}, 'a', { value: ['a'] }),
          ),
        },
      ),
    ),
    kind: mostly(fc.constantFrom('new', 'old')),
    of: mostly(fc.oneof(fc.constant(null), gift)),
    'odd key "\\': fc.string(),
    extra: anything,
  },
  { requiredKeys: ['id', 'lines', 'paid', 'at', 'count', 'labels', 'kind', 'of'], noNullPrototype: true },
)

/** Of a record: what is not counted by going through it. */
const isOdd = (record: object): boolean =>
  Reflect.ownKeys(record).length !== Object.keys(record).length || Object.hasOwn(record, '__proto__')

test('what goes the quick way is what Zod accepts, makes the same of, and what can travel', () => {
  const quick = quickOf(Order)!
  let [hits, misses] = [0, 0]
  fc.assert(
    fc.property(order, (candidate) => {
      const made = quick(candidate)
      const zod = Order.safeParse(candidate)
      if (made === MISS) {
        misses++
        // Only what Zod refuses, and what is odd about a value that it takes, goes the long way.
        const plain =
          zod.success &&
          checkWire(candidate) === undefined &&
          !isOdd(candidate.labels as object) &&
          // Zod allows for what division loses, more than is surely lost.
          zod.data.lines.every(({ price }) => price === Math.round(price * 100) / 100)
        if (plain) assert.ok('extra' in candidate || Object.values(candidate).includes(undefined))
        return
      }
      hits++
      assert.ok(zod.success)
      assert.deepEqual(made, zod.data)
      assert.equal(checkWire(candidate), undefined)
    }),
    { numRuns: 5_000 },
  )
  assert.ok(hits > 100 && misses > 100, `${hits} hits, ${misses} misses`)
})

test('a schema need not be an object', () => {
  for (const [schema, good, bad] of [
    [z.string(), 'a', 1],
    [z.int().max(5), 5, 6],
    [z.boolean(), false, null],
    [z.nullable(z.enum(['a', 'b'])), null, 'c'],
    [z.array(z.array(z.literal('x'))), [['x'], []], [['y']]],
    [z.object({}), {}, []],
  ] as const) {
    const quick = quickOf(schema)!
    assert.deepEqual(quick(good), good)
    assert.equal(quick(bad), MISS)
  }
})

test('a default that is made anew is made anew', () => {
  let n = 0
  const quick = quickOf(z.object({ a: z.int().default(() => n++) }))!
  const [first, second] = [quick({}), quick({})] as { a: number }[]
  assert.equal(second!.a, first!.a + 1)
  assert.deepEqual(quick({ a: 5 }), { a: 5 })
  assert.equal(quick({ a: undefined }), MISS)
})

test('what comes out shares nothing with what went in', () => {
  const quick = quickOf(Order)!
  const given = {
    id: '01a1fe33-322b-7207-945c-d57e2e1656cf',
    lines: [{ sku: 'a', quantity: 1, price: 2 }],
    paid: true,
    at: new Date(0),
    count: 1,
    labels: { city: ['서울'] },
    kind: 'new',
    voucher: 1,
    of: { type: 'gift', code: 'abc' },
  }
  const made = quick(Object.freeze(given)) as typeof given
  assert.deepEqual(made, given)
  made.lines[0]!.quantity = 9
  made.of.code = 'x'
  assert.deepEqual([given.lines[0]!.quantity, given.of.code], [1, 'abc'])
})

test('whatever is not plainly right takes the long way, which says what is wrong', () => {
  const parse = parserOf(Line, 'input')
  const good = { sku: 'x', quantity: 1, price: 1 }
  assert.deepEqual(parse(good), { ok: true, value: good })
  assert.deepEqual(parse({ ...good, note: 'dropped' }), { ok: true, value: good })
  for (const bad of [new Surprise(), { ...good, extra: () => 1 }, { ...good, quantity: 0 }, { ...good, extra: Symbol('s') }]) {
    const parsed = parse(bad)
    assert.ok(!(parsed instanceof Promise) && !parsed.ok, String(bad))
    assert.ok(parsed.issues[0]!.message.length > 0)
  }
})

test('there is no quick way where a schema leaves room or does more than look', () => {
  type Tree = { readonly children: readonly Tree[] }
  const Tree: z.ZodType<Tree> = z.object({
    get children() {
      return z.array(Tree)
    },
  })
  for (const schema of [
    Tree,
    z.unknown(),
    z.object({ a: z.unknown() }),
    z.looseObject({ a: z.string() }),
    z.object({ a: z.string() }).catchall(z.string()),
    z.object({ a: z.string() }).refine(() => true),
    z.object({ toString: z.string() }),
    z.object({ a: z.array(z.string()).default([]) }),
    z.object({ a: z.string().trim() }),
    z.object({ a: z.string().transform(Number) }),
    z.object({ a: z.email() }),
    z.object({ a: z.string().regex(/a/g) }),
    z.object({ a: z.coerce.number() }),
    z.object({ a: z.uint32() }),
    z.object({ a: z.date().min(new Date(0)) }),
    z.object({ a: z.coerce.date() }),
    z.object({ a: z.literal([1, 2]) }),
    z.record(z.uuid(), z.string()),
    z.record(z.enum(['a']), z.string()),
    z.looseRecord(z.string().regex(/a/), z.string()),
    z.record(z.string(), z.unknown()),
    z.record(z.string(), z.string()).refine(() => true),
    z.union([z.string(), z.object({ a: z.string() })]),
    z.tuple([z.string()]),
  ]) {
    assert.equal(quickOf(schema), undefined)
  }
})
