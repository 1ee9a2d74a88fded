import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parserOf } from 'dure/contract/internal'
import { z } from 'zod'
import { arbitraryOf, copyOf, wrongOf } from './arbitrary.ts'

const Tree = z.object({
  name: z.string().min(1),
  get kids() {
    return z.array(Tree)
  },
  get next() {
    return Tree.optional()
  },
})

const Everything = z.object({
  bounded: z.string().min(2).max(5),
  uuid: z.uuid(),
  email: z.email(),
  url: z.url(),
  moment: z.iso.datetime(),
  day: z.iso.date(),
  pattern: z.string().regex(/^\d+(\/\d+)*$/),
  ipv4: z.ipv4(),
  money: z.number().min(0).max(1_000_000_000).multipleOf(0.01),
  above: z.number().gt(0).lt(1),
  whole: z.int().min(-3).max(7),
  nullable: z.string().nullable(),
  optional: z.string().optional(),
  filled: z.number().default(3),
  pair: z.tuple([z.string(), z.int()]),
  rest: z.tuple([z.string()]).rest(z.int()),
  record: z.record(z.string().max(4), z.int()),
  letter: z.enum(['a', 'b']),
  literal: z.literal([1, 'x', null]),
  either: z.union([z.string(), z.date()]),
  shape: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('circle'), radius: z.number() }),
    z.object({ kind: z.literal('square') }),
  ]),
  map: z.map(z.string(), z.date()),
  set: z.set(z.bigint()),
  bytes: z.instanceof(Uint8Array),
  big: z.bigint().min(3n).max(9n),
  since: z.date().min(new Date(0)),
  both: z.intersection(z.object({ p: z.int() }), z.object({ q: z.int() })),
  strict: z.strictObject({ a: z.int() }),
  loose: z.looseObject({ a: z.int() }),
  unknown: z.unknown(),
  nothing: z.undefined(),
  tree: Tree,
})

test('values of every kind of schema are right', async () => {
  const parsers = Object.entries(Everything.shape).map(([name, schema]) => ({
    name,
    parse: parserOf(schema, 'input'),
    values: fc.sample(arbitraryOf(schema), { numRuns: 60, seed: 3 }),
  }))
  for (const { name, parse, values } of parsers) {
    const wrong = []
    for (const value of values) {
      const parsed = await parse(value)
      if (!parsed.ok) wrong.push({ value, issues: parsed.issues })
    }
    assert.deepEqual(wrong, [], name)
    assert.ok(values.length === 60)
  }
})

test('the values of one schema differ, and reach its corners', () => {
  const values = fc.sample(arbitraryOf(Everything), { numRuns: 300, seed: 5 }) as z.input<typeof Everything>[]
  const some = (what: string, such: (value: z.input<typeof Everything>) => boolean): void =>
    assert.ok(values.some(such), `never: ${what}`)
  some('an absent key', (value) => !('optional' in value))
  some('a key that is undefined', (value) => 'optional' in value && value.optional === undefined)
  some('a key that is there', (value) => typeof value.optional === 'string')
  some('null', (value) => value.nullable === null)
  some('each alternative', ({ either }) => either instanceof Date)
  some('each alternative', ({ shape }) => shape.kind === 'square')
  some('a bound', ({ whole }) => whole === -3)
  some('a bound', ({ whole }) => whole === 7)
  some('a Buffer', ({ bytes }) => Buffer.isBuffer(bytes))
  some('an empty map', ({ map }) => map.size === 0)
  some('a full map', ({ map }) => map.size > 1)
  some('a tree in a tree', ({ tree }) => tree.kids.length > 0 && tree.next !== undefined)
})

test('a wrong value is one change away from a right one and mostly refused', async () => {
  const parse = parserOf(Everything, 'input')
  const values = fc.sample(wrongOf(arbitraryOf(Everything)), { numRuns: 200, seed: 7 })
  let refused = 0
  for (const value of values) if (!(await parse(value)).ok) refused++
  assert.ok(refused > 100 && refused < 200, `${refused} of 200 refused`)
})

test('a copy shares nothing, keeps what is odd, and ends on cycles', () => {
  const date = new Date(1)
  const value = {
    date,
    map: new Map([[{ a: 1 }, new Set([date])]]),
    bytes: Buffer.from('x'),
    holes: Object.assign(Array.from({ length: 0 }), { 2: 3 }),
    nothing: undefined,
  }
  const copy = copyOf(value)
  assert.deepStrictEqual(copy, value)
  assert.notEqual(copy.date, value.date)
  assert.ok(Buffer.isBuffer(copy.bytes) && copy.bytes !== value.bytes)
  assert.equal([...copy.map.values()][0]!.values().next().value, copy.date)
  const cycle: Record<string, unknown> = {}
  cycle['self'] = cycle
  const other = copyOf(cycle)
  assert.ok(other !== cycle && other['self'] === other)
})
