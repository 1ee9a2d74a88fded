import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { z } from 'zod'
import { parserOf, wireOf } from './internal.ts'
import type { AnySchema } from './schema.ts'

fc.configureGlobal({ seed: 20_26 })

const text = (schema: AnySchema, value: unknown): string => JSON.stringify(wireOf(schema, 'output').toJson(value))
/** Undefined for what the schema does not take: a record of Zod's drops "__proto__", for one. */
const parsed = (schema: AnySchema, value: unknown): unknown => {
  const result = parserOf(schema, 'output')(value)
  return 'ok' in result && result.ok ? result.value : undefined
}
const journey = (schema: AnySchema, value: unknown): unknown => {
  const json = text(schema, value)
  return wireOf(schema, 'output').fromJson(json === undefined ? undefined : JSON.parse(json))
}

// Lone surrogates, "__proto__", "constructor", "$dure" and the empty string among the keys and the texts.
const hostileText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc.constantFrom('__proto__', 'constructor', '$dure', '', '\ud800', 'toString', '2020-01-01T00:00:00Z', '12', 'value'),
)
const date = fc.date({ noInvalidDate: true })
const bytes = fc.uint8Array({ maxLength: 9 })
const bigint = fc.oneof(fc.bigInt(), fc.bigInt({ min: -(10n ** 300n), max: 10n ** 300n }))
const finite = fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.constantFrom(-0, 0))

/** Any wire value at all. */
const { anything } = fc.letrec((tie) => ({
  anything: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.oneof(hostileText, fc.double(), fc.constantFrom(-0, null, undefined, true), bigint, date, bytes),
    fc.array(tie('anything'), { maxLength: 4 }),
    fc.array(fc.tuple(hostileText, tie('anything')), { maxLength: 4 }).map((pairs) => Object.fromEntries(pairs)),
    fc.array(fc.tuple(tie('anything'), tie('anything')), { maxLength: 3 }).map((pairs) => new Map(pairs)),
    fc.array(tie('anything'), { maxLength: 3 }).map((list) => new Set(list)),
  ),
}))

type Typed = { readonly schema: z.ZodType; readonly values: fc.Arbitrary<unknown> }
const leaf = (schema: z.ZodType, values: fc.Arbitrary<unknown>): fc.Arbitrary<Typed> => fc.constant({ schema, values })
const leaves = fc.oneof(
  leaf(z.string(), hostileText),
  leaf(z.number(), finite),
  leaf(z.int(), fc.constantFrom(-0, 1, -7)),
  leaf(z.boolean(), fc.boolean()),
  leaf(z.null(), fc.constant(null)),
  leaf(z.date(), date),
  leaf(z.bigint(), bigint),
  leaf(z.instanceof(Uint8Array), bytes),
  leaf(z.enum(['a', 'b']), fc.constantFrom('a', 'b')),
  leaf(z.literal(5n), fc.constant(5n)),
  leaf(z.unknown(), anything),
  leaf(z.void(), fc.constant(undefined)),
)
const keys = fc.uniqueArray(
  fc.constantFrom('a', 'b', 'constructor', '$dure', 'type', 'default', 'enum', '$ref', 'properties', 'items'),
  { minLength: 1, maxLength: 4 },
)

/** A schema and the values it takes. */
const { typed } = fc.letrec<{ typed: Typed }>((tie) => ({
  typed: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    leaves,
    tie('typed').map(({ schema, values }) => ({ schema: z.array(schema), values: fc.array(values, { maxLength: 3 }) })),
    tie('typed').map(({ schema, values }) => ({ schema: schema.nullable(), values: fc.option(values) })),
    tie('typed').map(({ schema, values }) => ({ schema: schema.optional(), values: fc.option(values, { nil: undefined }) })),
    tie('typed').map(({ schema, values }) => ({
      schema: z.record(z.string(), schema),
      values: fc.array(fc.tuple(hostileText, values), { maxLength: 3 }).map((pairs) => Object.fromEntries(pairs)),
    })),
    fc.tuple(tie('typed'), tie('typed')).map(([key, value]) => ({
      schema: z.map(key.schema, value.schema),
      values: fc.array(fc.tuple(key.values, value.values), { maxLength: 3 }).map((pairs) => new Map(pairs)),
    })),
    tie('typed').map(({ schema, values }) => ({
      schema: z.set(schema),
      values: fc.array(values, { maxLength: 3 }).map((list) => new Set(list)),
    })),
    fc
      .tuple(tie('typed'), tie('typed'))
      .map(([a, b]) => ({ schema: z.union([a.schema, b.schema]), values: fc.oneof(a.values, b.values) })),
    fc
      .tuple(tie('typed'), tie('typed'))
      .map(([a, b]) => ({ schema: z.tuple([a.schema, b.schema]), values: fc.tuple(a.values, b.values) })),
    fc.tuple(tie('typed'), tie('typed')).map(([a, b]) => ({
      schema: z.discriminatedUnion('is', [
        z.object({ is: z.literal('a'), x: a.schema }),
        z.object({ is: z.literal('b'), x: b.schema }),
      ]),
      values: fc.oneof(
        a.values.map((x) => ({ is: 'a', x })),
        b.values.map((x) => ({ is: 'b', x })),
      ),
    })),
    keys.chain((names) =>
      fc.array(tie('typed'), { minLength: names.length, maxLength: names.length }).map((parts) => ({
        schema: z.object(Object.fromEntries(names.map((name, at) => [name, parts[at]!.schema]))),
        values: fc
          .tuple(...parts.map((part) => part.values))
          .map((values) => Object.fromEntries(names.map((name, at) => [name, values[at]]))),
      })),
    ),
  ),
}))

/** The one change that JSON form makes: in declared objects a key that is undefined is absent. Map keys and set members may then coincide. */
function withoutUndefined(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutUndefined)
  if (value instanceof Map) return new Map(Array.from(value, ([k, v]) => [withoutUndefined(k), withoutUndefined(v)]))
  if (value instanceof Set) return new Set(Array.from(value, withoutUndefined))
  if (typeof value !== 'object' || value === null || value instanceof Date || value instanceof Uint8Array) return value
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, part]) => (part === undefined ? [] : [[key, withoutUndefined(part)]])),
  )
}

test('any wire value in an unknown position comes back exactly, through JSON text', () => {
  fc.assert(
    fc.property(anything, (value) => assert.deepEqual(journey(z.array(z.unknown()), [value]), [value])),
    { numRuns: 500 },
  )
})

test('any value of any schema comes back as it was', () => {
  fc.assert(
    fc.property(
      typed.chain(({ schema, values }) => fc.tuple(fc.constant(schema), values)),
      ([schema, value]) => assert.deepEqual(withoutUndefined(journey(schema, value)), withoutUndefined(value)),
    ),
    { numRuns: 1500 },
  )
})

test('a schema called plain needs nothing but JSON', () => {
  fc.assert(
    fc.property(
      typed.chain(({ schema, values }) => fc.tuple(fc.constant(schema), values)),
      ([schema, value]) => {
        fc.pre(wireOf(schema, 'output').plain && value !== undefined)
        assert.deepEqual(withoutUndefined(JSON.parse(JSON.stringify(value))), withoutUndefined(value))
      },
    ),
    { numRuns: 300 },
  )
})

test('what comes out of parsing is equal and shares nothing mutable', () => {
  fc.assert(
    fc.property(
      typed.chain(({ schema, values }) => fc.tuple(fc.constant(schema), values)),
      ([schema, value]) => {
        const copy = parsed(schema, value)
        fc.pre(copy !== undefined)
        assert.deepEqual(withoutUndefined(copy), withoutUndefined(value))
        const before = mutableParts(value)
        for (const part of mutableParts(copy)) assert.ok(!before.has(part))
      },
    ),
    { numRuns: 700 },
  )
})

function mutableParts(value: unknown, found: Set<object> = new Set()): Set<object> {
  if (typeof value !== 'object' || value === null || found.has(value)) return found
  found.add(value)
  if (value instanceof Map) for (const pair of value) for (const part of pair) mutableParts(part, found)
  else if (value instanceof Set || Array.isArray(value)) for (const part of value) mutableParts(part, found)
  else if (!(value instanceof Uint8Array)) for (const part of Object.values(value)) mutableParts(part, found)
  return found
}

test('every wire value passes the check', () => {
  const { check } = wireOf(z.unknown(), 'input')
  fc.assert(fc.property(anything, (value) => assert.equal(check(value), undefined)))
})

test('what is not of the wire type system is refused, with its place', () => {
  const { check } = wireOf(z.unknown(), 'input')
  const cyclic: Record<string, unknown> = {}
  cyclic.self = [cyclic]
  let deep: unknown = 1
  for (let i = 0; i < 300; i++) deep = [deep]
  class Point {}
  const cases: readonly [unknown, string, RegExp][] = [
    [{ a: [() => 1] }, 'a.0', /function cannot travel/],
    [{ a: Symbol('x') }, 'a', /symbol cannot travel/],
    [new Map([['k', new Point()]]), 'k', /class "Point" cannot travel/],
    [[new Set([Promise.resolve()])], '0.0', /promise cannot travel: await/],
    [{ at: new Date(Number.NaN) }, 'at', /invalid date cannot travel/],
    [{ at: new (class Later extends Date {})() }, 'at', /subclass of Date/],
    [[new Float32Array(1)], '0', /class "Float32Array"/],
    [new Error('no'), '', /class "Error"/],
    [cyclic, 'self.0.self.0.self.0.self.0', /cyclic or nested more than 200/],
    [deep, '0.0.0.0.0.0.0.0', /cyclic or nested more than 200/],
  ]
  for (const [value, place, message] of cases) {
    const issue = check(value)
    assert.equal(issue?.path.join('.'), place)
    assert.match(issue!.message, message)
  }
})

test('a cycle written as JSON ends in a sentence, in declared and unknown positions', () => {
  const Tree: z.ZodType = z.object({
    at: z.date(),
    get kids() {
      return z.array(Tree)
    },
  })
  const tree: { at: Date; kids: unknown[] } = { at: new Date(0), kids: [] }
  tree.kids.push(tree)
  for (const schema of [Tree, z.unknown()])
    assert.throws(() => wireOf(schema, 'output').toJson(tree), /cyclic or nested more than 200/)
  let json: unknown = { at: 'x', kids: [] }
  for (let i = 0; i < 50_000; i++) json = { at: 'x', kids: [json] }
  assert.equal(wireOf(Tree, 'input').fromJson(json), json)
})

test('JSON forms are those that other languages expect', () => {
  const schema = z.object({
    at: z.date(),
    n: z.bigint(),
    raw: z.instanceof(Uint8Array),
    byDay: z.map(z.string(), z.date()),
    tags: z.set(z.string()),
    zero: z.number(),
    note: z.string().optional(),
  })
  const value = {
    at: new Date(0),
    n: 12n,
    raw: new Uint8Array([1, 2]),
    byDay: new Map([['mon', new Date(1)]]),
    tags: new Set(['a']),
    zero: -0,
    note: undefined,
  }
  assert.equal(
    text(schema, value),
    '{"at":"1970-01-01T00:00:00.000Z","n":"12","raw":"AQI=","byDay":[["mon","1970-01-01T00:00:00.001Z"]],"tags":["a"],"zero":-0}',
  )
})

test('text that is not exactly a form is left for the parser to refuse', () => {
  const misfits: readonly [z.ZodType, unknown][] = [
    [z.date(), '2020-02-30T00:00:00Z'],
    [z.date(), '2020-01-01'],
    [z.date(), '2020-01-01T00:00:00'],
    [z.date(), 'yesterday'],
    [z.date(), 5],
    [z.bigint(), '1.5'],
    [z.bigint(), ''],
    [z.bigint(), '0x10'],
    [z.instanceof(Uint8Array), 'a'],
    [z.instanceof(Uint8Array), 'a*=='],
    [z.map(z.string(), z.date()), { a: 1 }],
    [z.map(z.string(), z.date()), [['a']]],
    [z.set(z.date()), 'abc'],
    [z.unknown(), { $dure: 'date', value: 'never' }],
    [z.unknown(), { $dure: 'toString' }],
  ]
  for (const [schema, json] of misfits) assert.deepEqual(wireOf(schema, 'input').fromJson(json), json)
})

test('dates of other time zones and of leap years are read', () => {
  const { fromJson } = wireOf(z.date(), 'input')
  assert.deepEqual(fromJson('2024-02-29T23:30:00+09:00'), new Date('2024-02-29T14:30:00Z'))
  assert.deepEqual(fromJson('+012024-02-29T23:30:00Z'), new Date('+012024-02-29T23:30:00Z'))
  assert.equal(fromJson('2023-02-29T00:00:00Z'), '2023-02-29T00:00:00Z')
})

test('a Buffer stays a Buffer where the schema says so, and is a Uint8Array elsewhere', () => {
  const value = { a: Buffer.from('x'), b: Buffer.from('x'), c: Buffer.from('x') }
  const schema = z.object({ a: z.instanceof(Buffer), b: z.instanceof(Uint8Array), c: z.unknown() })
  for (const made of [journey(schema, value), parsed(schema, value)] as (typeof value)[]) {
    assert.ok(Buffer.isBuffer(made.a))
    assert.ok(!Buffer.isBuffer(made.b) && !Buffer.isBuffer(made.c))
  }
})

test('maps and sets that refer to themselves are drawn as definitions', () => {
  const Folder: z.ZodType = z.object({
    name: z.string(),
    get inside() {
      return z.map(z.string(), Folder)
    },
  })
  const { jsonSchema } = wireOf(Folder, 'output')
  assert.match(JSON.stringify(jsonSchema), /"\$ref":"#/)
  const value = { name: 'a', inside: new Map([['b', { name: 'b', inside: new Map() }]]) }
  assert.deepEqual(journey(Folder, value), value)
  assert.doesNotMatch(JSON.stringify(jsonSchema), /x-dure-part/)
})

test('a named schema is one definition, inside maps too', () => {
  const Money = z.object({ amount: z.bigint(), currency: z.string() }).meta({ id: 'WireTestMoney' })
  const schema = z.object({ total: Money, byShop: z.map(z.string(), Money) })
  const { jsonSchema } = wireOf(schema, 'output')
  assert.deepEqual(Object.keys(jsonSchema.$defs as object), ['WireTestMoney'])
  const value = { total: { amount: 1n, currency: 'KRW' }, byShop: new Map([['a', { amount: 2n, currency: 'KRW' }]]) }
  assert.deepEqual(journey(schema, value), value)
})

test('the input side is what callers hand in', () => {
  const schema = z.object({ size: z.string().transform((s) => s.length), at: z.iso.datetime().transform((s) => new Date(s)) })
  assert.equal(wireOf(schema, 'input').fromJson, wireOf(schema, 'input').fromJson)
  assert.deepEqual(wireOf(schema, 'input').fromJson({ size: 'abc', at: '2020-01-01T00:00:00Z' }), {
    size: 'abc',
    at: '2020-01-01T00:00:00Z',
  })
})

test('defaults are drawn in JSON form, and not at all when they differ every time', () => {
  let count = 0
  const schema = z.object({
    n: z.bigint().default(5n),
    tags: z.set(z.string()).default(new Set(['a'])),
    id: z.int().default(() => count++),
    at: z.date().default(() => new Date(0)),
  })
  const properties = wireOf(schema, 'input').jsonSchema.properties as Record<string, { default?: unknown }>
  assert.deepEqual(Object.fromEntries(Object.entries(properties).map(([key, part]) => [key, part.default])), {
    n: '5',
    tags: ['a'],
    id: undefined,
    at: undefined,
  })
})

test('no schema: nothing crosses', () => {
  const wire = wireOf(undefined, 'input')
  assert.equal(wire.toJson(5), undefined)
})

test('a position that cannot travel is refused with its place and what to use instead', () => {
  const schema = z.object({ lines: z.map(z.string(), z.object({ site: z.instanceof(URL) })) })
  assert.throws(() => wireOf(schema, 'input'), { name: 'TypeError', message: /"lines\{\}\.site".*class "URL".*Use z\.url\(\)/ })
})
