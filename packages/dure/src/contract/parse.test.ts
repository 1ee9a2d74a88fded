import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { command, contract } from './contract.ts'
import { parserOf, type Parsed } from './internal.ts'
import type { AnySchema } from './schema.ts'

const now = (parsed: Parsed | Promise<Parsed>): Parsed => {
  assert.ok(!(parsed instanceof Promise))
  return parsed
}
const input = (schema: AnySchema | undefined, value: unknown): Parsed => now(parserOf(schema, 'input')(value))
const output = (schema: AnySchema | undefined, value: unknown): Parsed => now(parserOf(schema, 'output')(value))
// oxlint-disable-next-line typescript/no-explicit-any
const value = (parsed: Parsed): any => (parsed.ok ? parsed.value : assert.fail(JSON.stringify(parsed.issues)))
const issues = (parsed: Parsed): string =>
  parsed.ok ? assert.fail('was taken') : parsed.issues.map((each) => `${each.path.join('.')}: ${each.message}`).join('; ')

test('a refused value is told where and why', () => {
  const schema = z.object({ lines: z.array(z.object({ quantity: z.int().min(1) })) })
  assert.match(issues(input(schema, { lines: [{ quantity: 0 }] })), /^lines\.0\.quantity: /)
})

test('keys that the schema does not name are dropped, strict schemas refuse them', () => {
  assert.deepEqual(value(input(z.object({ a: z.int() }), { a: 1, b: 2 })), { a: 1 })
  assert.match(issues(input(z.strictObject({ a: z.int() }), { a: 1, b: 2 })), /b/)
})

test('defaults and transforms apply once', () => {
  const schema = z.object({ n: z.int().default(1), twice: z.int().transform((n) => n * 2) })
  assert.deepEqual(value(input(schema, { twice: 2 })), { n: 1, twice: 4 })
})

for (const side of ['input', 'output'] as const) {
  test(`nothing mutable is shared with what was parsed (${side})`, () => {
    const shared = { list: [1] }
    const schema = z.object({
      at: z.date(),
      raw: z.instanceof(Uint8Array),
      anything: z.unknown(),
      extra: z.looseObject({}),
      pairs: z.map(z.string(), z.date()),
      dates: z.array(z.date()),
      either: z.union([z.date(), z.number()]),
      told: z.discriminatedUnion('is', [z.object({ is: z.literal('a'), at: z.date() }), z.object({ is: z.literal('b') })]),
      byDefault: z.object({ list: z.array(z.int()) }).default(shared),
      caught: z.object({ list: z.array(z.int()) }).catch(shared),
      tuple: z.tuple([z.date()]),
      record: z.record(z.string(), z.date()),
    })
    const given = {
      at: new Date(1),
      raw: new Uint8Array([1]),
      anything: { deep: [new Date(2)] },
      extra: { more: { yes: 1 } },
      pairs: new Map([['a', new Date(3)]]),
      dates: [new Date(4)],
      either: new Date(5),
      told: { is: 'a', at: new Date(6) },
      caught: 'wrong',
      tuple: [new Date(7)],
      record: { a: new Date(8) },
    }
    const parser = parserOf(schema, side)
    const made = value(now(parser(given)))
    assert.deepEqual(made as unknown, { ...given, byDefault: shared, caught: shared })
    made.at.setTime(0)
    made.raw[0] = 9
    made.anything.deep[0].setTime(0)
    made.extra.more.yes = 0
    made.pairs.get('a').setTime(0)
    made.dates[0].setTime(0)
    made.either.setTime(0)
    made.told.at.setTime(0)
    made.byDefault.list.push(2)
    made.caught.list.push(3)
    made.tuple[0].setTime(0)
    made.record.a.setTime(0)
    assert.deepEqual(shared, { list: [1] })
    assert.deepEqual(value(now(parser(given))), { ...given, byDefault: shared, caught: shared })
    assert.equal(given.at.getTime(), 1)
  })

  test(`keys named like parts of Object.prototype are keys (${side})`, () => {
    const schema = z.object({ toString: z.unknown(), at: z.date() })
    assert.deepEqual(Object.keys(value(now(parserOf(schema, side)({ at: new Date(0), toString: 1 })))).sort(), ['at', 'toString'])
  })

  test(`recursive schemas isolate at every depth (${side})`, () => {
    const Tree: z.ZodType = z.object({
      at: z.date(),
      get kids() {
        return z.array(Tree)
      },
    })
    const deepest = new Date(2)
    const given = { at: new Date(0), kids: [{ at: new Date(1), kids: [{ at: deepest, kids: [] }] }] }
    const made = value(now(parserOf(Tree, side)(given)))
    assert.deepEqual(made as unknown, given)
    assert.notEqual(made.kids[0].kids[0].at, deepest)
  })

  test(`a readonly value comes out thawed, as it would after a journey (${side})`, () => {
    assert.equal(Object.isFrozen(value(now(parserOf(z.object({ a: z.int() }).readonly(), side)({ a: 1 })))), false)
  })

  test(`a cycle is refused in declared and unknown positions (${side})`, () => {
    const Tree: z.ZodType = z.object({
      get kid() {
        return Tree.optional()
      },
    })
    const cyclic: { kid?: unknown } = {}
    cyclic.kid = cyclic
    for (const schema of [Tree, z.unknown(), z.json(), z.object({ kid: z.any() })])
      assert.match(issues(now(parserOf(schema, side)(cyclic))), /cyclic or nested more than 200/)
  })

  test(`a schema that validates asynchronously answers with a promise (${side})`, async () => {
    const schema = z.object({ a: z.string().refine(async (a) => a !== 'taken', 'is taken'), at: z.date() })
    const given = { a: 'free', at: new Date(0) }
    const made = parserOf(schema, side)(given)
    assert.ok(made instanceof Promise)
    assert.deepEqual(value(await made), given)
    assert.notEqual(value(await made).at, given.at)
    assert.match(issues(await parserOf(schema, side)({ ...given, a: 'taken' })), /^a: is taken$/)
  })
}

test('an input that could not travel is refused, also where the schema would drop it', () => {
  class Line {
    productId = 1
  }
  const schema = z.object({ lines: z.array(z.object({ productId: z.int() })) })
  assert.match(issues(input(schema, { lines: [new Line()] })), /^lines\.0: An instance of class "Line" cannot travel/)
  assert.match(issues(input(schema, { lines: [], log() {} })), /^log: A function cannot travel/)
})

test('an output may come from class instances, because only what the schema makes of them crosses', () => {
  class Row {
    id = 1
  }
  const made = value(output(z.object({ id: z.int() }), new Row()))
  assert.equal(Object.getPrototypeOf(made), Object.prototype)
  assert.match(issues(output(z.object({ row: z.unknown() }), { row: new Row() })), /^row: An instance of class "Row"/)
})

test('what a callee makes of its own input is its own affair; an output made so is refused', () => {
  const schema = z.string().transform((text) => new URL(text))
  assert.ok(value(input(schema, 'http://a.test')) instanceof URL)
  assert.match(issues(output(schema, 'http://a.test')), /class "URL" cannot travel/)
})

test('other libraries: everything is copied', () => {
  const schema = {
    '~standard': {
      version: 1,
      vendor: 'other',
      validate: (given: unknown) =>
        given === 'no' ? { issues: [{ message: 'is no', path: [{ key: 'a' }, Symbol('s')] }] } : { value: given },
      jsonSchema: { input: () => ({ type: 'object' }), output: () => ({ type: 'object' }) },
    },
  } as const
  const given = { a: [{ at: new Date(0) }] }
  for (const parsed of [input(schema, given), output(schema, given)]) {
    assert.deepEqual(value(parsed), given)
    assert.notEqual(value(parsed).a[0], given.a[0])
  }
  assert.equal(issues(input(schema, 'no')), 'a.Symbol(s): is no')
  assert.match(issues(output(schema, { f: () => 1 })), /^f: A function cannot travel/)
})

test('no schema: anything is taken and undefined comes out', () => {
  assert.deepEqual(input(undefined, { a: 1 }), { ok: true, value: undefined })
})

test('what a refinement throws is passed on', async () => {
  const schema = z.string().refine(() => {
    throw new Error('database gone')
  })
  await assert.rejects(async () => parserOf(schema, 'input')('a'), /database gone/)
})

test('an output nested too deep for the stack is refused', async () => {
  const Chain: z.ZodType = z.object({
    get next() {
      return Chain.optional()
    },
  })
  let chain: unknown = {}
  for (let i = 0; i < 100_000; i++) chain = { next: chain }
  assert.match(issues(await parserOf(Chain, 'output')(chain)), /nested more than 200/)
})

test('where no input is expected, what can travel is dropped and what cannot is refused', () => {
  const parse = parserOf(undefined, 'input')
  assert.deepEqual(parse(undefined), { ok: true, value: undefined })
  assert.deepEqual(parse({ left: ['over'] }), { ok: true, value: undefined })
  const refused = parse({ at: () => 1 }) as { ok: boolean; issues: unknown }
  assert.equal(refused.ok, false)
  assert.deepEqual(refused.issues, [{ path: ['at'], message: 'A function cannot travel' }])
})

test('a key that a schema would drop in silence is refused with its place', async () => {
  const value = (text: string): unknown => JSON.parse(text) as unknown
  const hostile = value('{"__proto__":"x"}')
  for (const [schema, given, path] of [
    [z.record(z.string(), z.string()), hostile, '__proto__'],
    [z.partialRecord(z.enum(['a', '__proto__']), z.string()), hostile, '__proto__'],
    [z.looseObject({}), hostile, '__proto__'],
    [z.object({}).catchall(z.string()), hostile, '__proto__'],
    [z.object({ a: z.array(z.record(z.string(), z.string())) }), { a: [{}, hostile] }, 'a.1.__proto__'],
    [z.map(z.string(), z.record(z.string(), z.string())), new Map([['k', hostile]]), '0.__proto__'],
  ] as const)
    for (const side of ['input', 'output'] as const) {
      const parsed = await parserOf(schema, side)(given)
      assert.equal(parsed.ok, false, `${schema._zod.def.type} ${side}`)
      assert.deepEqual(!parsed.ok && parsed.issues.map((issue) => issue.path.join('.')), [path])
    }
  const kept = await parserOf(z.record(z.string(), z.unknown()), 'input')({ a: hostile })
  assert.ok(kept.ok && Object.hasOwn((kept.value as { a: object }).a, '__proto__'))
  assert.throws(
    () =>
      contract('odd', {
        version: '1.0.0',
        owner: 't',
        operations: { ask: command({ input: z.object({ ['__proto__']: z.string() }) }) },
      }),
    /the key "__proto__"/,
  )
})
