import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { z } from 'zod'
import {
  command,
  compareContracts,
  contract,
  describeContract,
  error,
  event,
  query,
  request,
  stream,
  versionTrouble,
  type AnyContract,
  type Change,
  type ContractDescription,
} from './contract.ts'
import type { AnySchema } from './schema.ts'

fc.configureGlobal({ seed: 20_26 })

// oxlint-disable-next-line typescript/no-explicit-any
type Loose = any

const describe = (operations: Loose, more: Loose = {}): ContractDescription =>
  describeContract(contract('shop', { version: '1.0.0', owner: 'team', operations, ...more }) as AnyContract)
// Through a file and back, as a real comparison goes.
const compare = (before: ContractDescription, after: ContractDescription): Change[] =>
  compareContracts(JSON.parse(JSON.stringify(before)), JSON.parse(JSON.stringify(after)))
const told = (changes: readonly Change[]): string[] =>
  changes.map(
    ({ level, where, message, breaks }) => `${level}${breaks === 'nobody' ? '' : ` for ${breaks}`}: ${where}: ${message}`,
  )

const input = (before: AnySchema | undefined, after: AnySchema | undefined): string[] =>
  told(compare(describe({ go: command({ input: before }) }), describe({ go: command({ input: after }) }))).map((each) =>
    each.replace('shop.go input', 'it'),
  )
const output = (before: AnySchema | undefined, after: AnySchema | undefined): string[] =>
  told(compare(describe({ go: command({ output: before }) }), describe({ go: command({ output: after }) }))).map((each) =>
    each.replace('shop.go output', 'it'),
  )
const announce = (before: Loose, after: Loose): string[] => {
  const options = (given: Loose): Loose => ({ schema: z.object({}), key: () => 'k', ...given })
  return told(
    compare(describe({}, { events: [event('e', options(before))] }), describe({}, { events: [event('e', options(after))] })),
  ).map((each) => each.replace('shop event "e"', 'it'))
}
const operation = (before: Loose, after: Loose): string[] =>
  told(compare(describe({ go: command(before) }), describe({ go: command(after) }))).map((each) => each.replace('shop.go', 'go'))

test('a description is plain JSON', () => {
  const Placed = event('order.placed', { schema: z.object({ orderId: z.uuid(), at: z.date() }), key: (e) => e.orderId })
  const description = describe(
    { go: query({ input: z.object({ m: z.map(z.string(), z.bigint()) }), http: 'POST /go' }) },
    { events: [Placed] },
  )
  assert.deepEqual(JSON.parse(JSON.stringify(description)), description)
  assert.equal(description.events['order.placed']!.key, '{orderId}')
})

test('operations that are gone, new, or of another kind', () => {
  const before = describe({ old: query({}), list: query({}), put: command({}), ask: query({}) })
  const after = describe({ list: stream({}), put: query({}), ask: command({ idempotent: true }), fresh: query({}) })
  assert.deepEqual(told(compare(before, after)), [
    'breaking for callers: shop.old: is gone: calls to it fail with UNIMPLEMENTED',
    'breaking for callers: shop.list: is a stream (was a query)',
    'compatible: shop.list: has 30000 ms (had 5000 ms)',
    'compatible: shop.put: is a query (was a command)',
    'compatible: shop.put: is idempotent now',
    'breaking for callers: shop.ask: is a command (was a query)',
    'compatible: shop.fresh: is new',
  ])
})

test('idempotency, deadline, scope, deprecation', () => {
  assert.deepEqual(operation({ idempotent: true, deadline: 900 }, { scope: 'a', deadline: 500, deprecated: true }), [
    'breaking for callers: go: is no longer idempotent: callers that retry it may do it twice',
    'breaking for callers: go: has 500 ms (had 900 ms): slower calls fail with DEADLINE_EXCEEDED',
    'breaking for callers: go: needs the scope "a" (needed none): others get PERMISSION_DENIED',
    'notice: go: is deprecated now',
  ])
  assert.deepEqual(operation({ scope: 'a' }, { scope: 'b' }), [
    'breaking for callers: go: needs the scope "b" (needed "a"): others get PERMISSION_DENIED',
  ])
  assert.deepEqual(operation({ scope: 'a' }, {}), ['compatible: go: needs no scope (needed "a")'])
  const refused = 'others get PERMISSION_DENIED'
  assert.deepEqual(operation({}, { roles: ['a', 'b'] }), [
    `breaking for callers: go: needs one of the roles "a", "b" (needed no role): ${refused}`,
  ])
  assert.deepEqual(operation({ roles: ['a', 'b'] }, { roles: ['b'] }), [
    `breaking for callers: go: needs one of the roles "b" (needed one of the roles "a", "b"): ${refused}`,
  ])
  assert.deepEqual(operation({ roles: ['b'] }, { roles: ['a', 'b'] }), [
    'compatible: go: needs one of the roles "a", "b" (needed one of the roles "b")',
  ])
  assert.deepEqual(operation({ roles: ['b'] }, {}), ['compatible: go: needs no role (needed one of the roles "b")'])
  assert.deepEqual(operation({ access: 'public' }, { access: 'authenticated' }), [
    'breaking for callers: go: is for callers that say who they are: others get UNAUTHENTICATED',
  ])
  assert.deepEqual(operation({ access: 'authenticated' }, {}), ['compatible: go: is for anybody now'])
  assert.deepEqual(operation({ scope: 'a' }, { scope: 'a', access: 'authenticated' }), [])
  const authorize = (): boolean => true
  assert.deepEqual(operation({}, { authorize }), [
    'breaking for callers: go: looks at who calls with which input: some get PERMISSION_DENIED',
  ])
  assert.deepEqual(operation({ authorize }, {}), ['compatible: go: no longer looks at who calls with which input'])
})

test('HTTP routes: names of parameters do not travel, paths, methods and statuses do', () => {
  const of = (...http: Loose[]): Loose => ({
    input: z.object({ id: z.int(), key: z.int() }),
    http: http.length === 1 ? http[0] : http,
  })
  assert.deepEqual(operation(of('PUT /a/{id}'), of('PUT /a/{key}')), [])
  assert.deepEqual(operation(of('PUT /a/{id}'), of('PUT /b/{id}', 'PUT /a/{id}')), ['compatible: go http: "PUT /b/{id}" is new'])
  assert.deepEqual(operation(of('PUT /a/{id}'), of({ routes: 'POST /a/{id}', status: 202 })), [
    'breaking for callers: go http: "PUT /a/{id}" is gone: requests to it get 404',
    'compatible: go http: "POST /a/{id}" is new',
    'breaking for callers: go http: answers with 202 (was 204)',
  ])
})

test('inputs: what callers send must still be taken', () => {
  const base = z.object({ a: z.string() })
  assert.deepEqual(input(base, z.object({ a: z.string(), b: z.int() })), [
    'breaking for callers: it at b: is new and required: callers do not send it',
  ])
  assert.deepEqual(input(base, z.object({ a: z.string(), b: z.int().optional() })), ['compatible: it at b: may be given now'])
  assert.deepEqual(input(base, z.object({ a: z.string(), b: z.int().default(1) })), ['compatible: it at b: may be given now'])
  assert.deepEqual(input(base, z.object({})), ['notice: it at a: is ignored now'])
  assert.deepEqual(input(base, z.object({ a: z.string().optional() })), ['compatible: it at a: is optional now'])
  assert.deepEqual(input(z.object({ a: z.string().optional() }), base), ['breaking for callers: it at a: is required now'])
  assert.deepEqual(input(base, z.object({ a: z.int() })), [
    'breaking for callers: it at a: no longer takes string (takes integer)',
  ])
  assert.deepEqual(input(base, z.object({ a: z.string().nullable() })), ['compatible: it at a: takes null as well'])
  assert.deepEqual(input(z.object({ a: z.string().nullable() }), base), [
    'breaking for callers: it at a: no longer takes null (takes string)',
  ])
  assert.deepEqual(input(base, z.strictObject({ a: z.string() })), [
    'breaking for callers: it at {}: refuses keys that it does not know (it ignored them)',
  ])
  assert.deepEqual(input(z.strictObject({ a: z.string() }), base), [
    'compatible: it at {}: ignores keys that it does not know (it refused them)',
  ])
  assert.deepEqual(input(z.enum(['a', 'b']), z.enum(['b', 'c'])), ['breaking for callers: it: no longer takes "a"'])
  assert.deepEqual(input(z.enum(['b']), z.enum(['b', 'c'])), ['compatible: it: takes "c" as well'])
  assert.deepEqual(input(z.int().min(1), z.int().min(2)), [
    'breaking for callers: it: is narrower: minimum 2 (was minimum 1, maximum 9007199254740991)',
  ])
  assert.deepEqual(input(z.int().min(2), z.int().min(1)), [
    'compatible: it: is wider: minimum 1, maximum 9007199254740991 (was minimum 2)',
  ])
  assert.deepEqual(input(z.int(), z.number()), ['compatible: it: takes number as well'])
  assert.deepEqual(input(z.string(), z.uuid())[0]?.startsWith('breaking'), true)
  assert.deepEqual(input(z.object({ n: z.int().default(1) }), z.object({ n: z.int().default(2) })), [
    'notice: it at n: stands for 2 when missing (was 1)',
  ])
  assert.deepEqual(input(undefined, base.optional()), ['compatible: it: may be given now'])
  assert.deepEqual(input(base.optional(), base), ['breaking for callers: it: is needed now'])
  assert.deepEqual(input(undefined, base), ['breaking for callers: it: is needed now'])
  assert.deepEqual(input(base, undefined), ['notice: it: is ignored now'])
  assert.deepEqual(input(base, z.unknown()), ['compatible: it: takes anything as well'])
})

test('outputs: what callers read must still be understood', () => {
  const base = z.object({ a: z.string() })
  assert.deepEqual(output(base, z.object({ a: z.string(), b: z.int() })), ['compatible: it at b: is new'])
  assert.deepEqual(output(base, z.object({})), ['breaking for callers: it at a: is gone'])
  assert.deepEqual(output(base, z.object({ a: z.string().optional() })), ['breaking for callers: it at a: may be missing now'])
  assert.deepEqual(output(z.object({ a: z.string().optional() }), base), ['compatible: it at a: is always there now'])
  assert.deepEqual(output(z.object({ a: z.string().optional() }), z.object({})), [
    'notice: it at a: is never there any more (it was optional)',
  ])
  assert.deepEqual(output(base, z.object({ a: z.string().nullable() })), [
    'breaking for callers: it at a: may be null (was string)',
  ])
  assert.deepEqual(output(z.enum(['a']), z.enum(['a', 'b'])), ['breaking for callers: it: may be "b", which callers do not know'])
  assert.deepEqual(output(z.enum(['a', 'b']), z.enum(['a'])), ['compatible: it: is never "b" any more'])
  assert.deepEqual(output(z.iso.datetime(), z.date()), ['breaking for callers: it: may be date (was string)'])
  assert.deepEqual(output(base, base.optional()), ['breaking for callers: it: may be missing now'])
  assert.deepEqual(output(undefined, base), ['compatible: it: is new'])
  assert.deepEqual(output(base, undefined), ['breaking for callers: it: is gone'])
  assert.deepEqual(output(z.int(), z.int().max(9)), [
    'compatible: it: is narrower: maximum 9 (was minimum -9007199254740991, maximum 9007199254740991)',
  ])
  assert.deepEqual(output(base, z.unknown()), ['breaking for callers: it: may be anything (was object)'])
})

test('changes deep inside are told with their place', () => {
  const of = (last: z.ZodType): z.ZodType =>
    z.object({ lines: z.array(z.object({ at: z.map(z.string(), z.tuple([z.set(last)])) })) })
  assert.deepEqual(output(of(z.date()), of(z.bigint())), [
    'breaking for callers: it at lines[].at{}[0][]: may be bigint (was date)',
  ])
  const told_ = (x: z.ZodType): z.ZodType =>
    z.discriminatedUnion('is', [z.object({ is: z.literal('a'), x }), z.object({ is: z.literal('b'), y: z.int() })])
  assert.deepEqual(input(told_(z.string()), told_(z.int())), [
    'breaking for callers: it at x: no longer takes string (takes integer)',
  ])
  assert.deepEqual(input(told_(z.string()), z.object({ is: z.literal('b'), y: z.int() })), [
    'breaking for callers: it: no longer takes object with is "a" (takes object with is "b")',
  ])
})

test('bounds of dates, bigints, maps and sets count', () => {
  assert.match(input(z.date(), z.date().min(new Date(0))).join(), /narrower: minimum "1970/)
  assert.match(input(z.bigint().max(10n ** 30n), z.bigint().max(9n)).join(), /narrower: maximum "9"/)
  assert.deepEqual(input(z.bigint().gt(0n), z.bigint().gte(0n)).length, 1)
  assert.match(input(z.bigint().gte(0n), z.bigint().gt(0n)).join(), /^breaking/)
  assert.match(input(z.set(z.int()), z.set(z.int()).max(3)).join(), /narrower: max items 3/)
  assert.match(input(z.map(z.string(), z.int()), z.map(z.string(), z.string())).join(), /it at \{\}: no longer takes integer/)
})

test('recursive schemas are compared to the end', () => {
  const tree = (leaf: z.ZodType): z.ZodType => {
    const Tree: z.ZodType = z.object({
      leaf,
      get kids() {
        return z.array(Tree)
      },
    })
    return Tree
  }
  assert.deepEqual(input(tree(z.int()), tree(z.int())), [])
  assert.deepEqual(input(tree(z.int()), tree(z.string())), [
    'breaking for callers: it at leaf: no longer takes integer (takes string)',
  ])
})

test('errors', () => {
  const of = (...errors: Loose[]): Loose => ({
    errors: Object.fromEntries(errors.map((each: Loose) => [each.code.replaceAll('_', ''), each])),
  })
  assert.deepEqual(operation(of(error('A')), of(error('B', { status: 'NOT_FOUND' }))), [
    'compatible: go error A: is gone',
    'notice: go error B: is new: callers that do not know it see NOT_FOUND',
  ])
  assert.deepEqual(
    operation(of(error('A', { data: z.object({ x: z.int() }) })), of(error('A', { status: 'NOT_FOUND', data: z.object({}) }))),
    [
      'breaking for callers: go error A: has the status NOT_FOUND (had FAILED_PRECONDITION)',
      'breaking for callers: go error A: has the HTTP status 404 (had 409)',
      'breaking for callers: go error A data at x: is gone',
    ],
  )
})

test('events: old subscribers, and events stored before', () => {
  const [a, ab] = [z.object({ a: z.int() }), z.object({ a: z.int(), b: z.int() })]
  assert.deepEqual(announce({ schema: a }, { schema: ab }), [
    'compatible: it at b: is new',
    'breaking for history: it at b: does not fit stored events of version 1: make it version 2 with an upcast from 1',
  ])
  assert.deepEqual(announce({ schema: a }, { schema: ab, version: 2, upcast: { 1: (old: Loose) => ({ ...old, b: 0 }) } }), [
    'compatible: it at b: is new',
    'notice: it: has version 2 (had 1)',
  ])
  assert.deepEqual(announce({ schema: a }, { schema: ab, version: 2 }), [
    'compatible: it at b: is new',
    'breaking for history: it: has no upcast from version 1: events stored under it cannot be read',
    'notice: it: has version 2 (had 1)',
  ])
  assert.deepEqual(announce({ schema: a }, { schema: z.object({ a: z.int(), b: z.int().optional() }) }), [
    'compatible: it at b: is new',
  ])
  assert.deepEqual(announce({ schema: ab }, { schema: a }), ['breaking for subscribers: it at b: is gone'])
  assert.deepEqual(announce({ schema: ab, key: (e: Loose) => e.a }, { schema: ab, key: (e: Loose) => `${e.a}/${e.b}` }), [
    'breaking for subscribers: it: keeps its order by {a}/{b} (was {a})',
  ])
  assert.deepEqual(announce({ topic: 'old' }, {}), [
    'breaking for subscribers: it: travels on the topic "e" (was "old"): who reads the old one waits in vain, and what is stored there is not read by who comes later',
  ])
  assert.deepEqual(announce({ topic: 'same', partitions: 4 }, { topic: 'same', partitions: 4 }), [])
  assert.deepEqual(announce({}, { partitions: 4 }), [
    "notice: it: asks for 4 partitions (was the broker's own number of): a topic that is there keeps those it has",
  ])
  assert.deepEqual(
    announce({ version: 3, upcast: { 1: (x: Loose) => x, 2: (x: Loose) => x } }, { version: 3, upcast: { 2: (x: Loose) => x } }),
    ['breaking for history: it: has no upcast from version 1 any more: events stored under it cannot be read'],
  )
  assert.deepEqual(announce({ version: 2 }, { version: 1 }), [
    'breaking for history: it: goes back to version 1 (was 2): newer events are stored',
  ])
  const one = event('one', { schema: a, key: () => 'k' })
  assert.deepEqual(told(compare(describe({}, { events: [one] }), describe({}))), [
    'breaking for subscribers: shop event "one": is gone: its subscribers wait in vain',
  ])
  assert.deepEqual(told(compare(describe({}), describe({}, { events: [one] }))), ['compatible: shop event "one": is new'])
})

test('a breaking change needs a new major version', () => {
  const of = (version: string, operations: Loose = {}): ContractDescription => describe(operations, { version })
  const trouble = (before: ContractDescription, after: ContractDescription): string | undefined =>
    versionTrouble(before, after, compare(before, after))
  const go = { go: query({}) }
  assert.equal(trouble(of('1.2.3', go), of('2.0.0')), undefined)
  assert.match(trouble(of('1.2.3', go), of('1.3.0'))!, /breaks what 1\.2\.3 promised: give it version 2\.0\.0/)
  assert.equal(trouble(of('0.2.3', go), of('0.3.0')), undefined)
  assert.match(trouble(of('0.2.3', go), of('0.2.4'))!, /give it version 0\.3\.0/)
  assert.match(trouble(of('1.0.0'), of('1.0.0', go))!, /its version is still 1\.0\.0/)
  assert.equal(trouble(of('1.0.0'), of('1.0.1', go)), undefined)
  assert.match(trouble(of('1.1.0'), of('1.0.9'))!, /is lower than 1\.1\.0/)
  assert.equal(trouble(of('1.0.0', go), of('1.0.0', go)), undefined)
})

// Schemas as data, so that they can be changed at random and know values of theirs.
type Spec =
  | { readonly is: 'string' | 'int' | 'number' | 'date' | 'bigint' | 'boolean' | 'unknown' }
  | { readonly is: 'min'; readonly n: number }
  | { readonly is: 'enum'; readonly of: readonly string[] }
  | { readonly is: 'list' | 'set' | 'record' | 'map' | 'null' | 'maybe'; readonly of: Spec }
  | { readonly is: 'either'; readonly of: readonly [Spec, Spec] }
  | { readonly is: 'object'; readonly of: Readonly<Record<string, Spec>>; readonly strict: boolean }

const { spec } = fc.letrec<{ spec: Spec }>((tie) => ({
  spec: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.constantFrom<Spec>(
      { is: 'string' },
      { is: 'int' },
      { is: 'number' },
      { is: 'date' },
      { is: 'bigint' },
      { is: 'boolean' },
      { is: 'unknown' },
      { is: 'min', n: 1 },
      { is: 'min', n: 2 },
    ),
    fc.subarray(['a', 'b', 'c'], { minLength: 1 }).map<Spec>((of) => ({ is: 'enum', of })),
    fc.tuple(fc.constantFrom('list', 'set', 'record', 'map', 'null', 'maybe'), tie('spec')).map(([is, of]) => ({ is, of })),
    fc.tuple(tie('spec'), tie('spec')).map<Spec>((of) => ({ is: 'either', of })),
    fc.record({
      is: fc.constant('object' as const),
      of: fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('spec')),
      strict: fc.boolean(),
    }),
  ),
}))

function schemaOf(of: Spec): z.ZodType {
  switch (of.is) {
    case 'min':
      return z.int().min(of.n)
    case 'enum':
      return z.enum(of.of)
    case 'list':
      return z.array(schemaOf(of.of))
    case 'set':
      return z.set(schemaOf(of.of))
    case 'record':
      return z.record(z.string(), schemaOf(of.of))
    case 'map':
      return z.map(z.string(), schemaOf(of.of))
    case 'null':
      return schemaOf(of.of).nullable()
    case 'maybe':
      return schemaOf(of.of).optional()
    case 'either':
      return z.union([schemaOf(of.of[0]), schemaOf(of.of[1])])
    case 'object': {
      const shape = Object.fromEntries(Object.entries(of.of).map(([key, part]) => [key, schemaOf(part)]))
      return of.strict ? z.strictObject(shape) : z.object(shape)
    }
    default:
      return z[of.is]()
  }
}

function valuesOf(of: Spec): fc.Arbitrary<unknown> {
  switch (of.is) {
    case 'string':
      return fc.string({ maxLength: 2 })
    case 'int':
      return fc.integer()
    case 'number':
      return fc.double({ noNaN: true, noDefaultInfinity: true })
    case 'date':
      return fc.date({ noInvalidDate: true })
    case 'bigint':
      return fc.bigInt()
    case 'boolean':
      return fc.boolean()
    case 'unknown':
      return fc.constantFrom(1, 'a', null, [1])
    case 'min':
      return fc.integer({ min: of.n })
    case 'enum':
      return fc.constantFrom(...of.of)
    case 'list':
      return fc.array(valuesOf(of.of), { maxLength: 2 })
    case 'set':
      return fc.array(valuesOf(of.of), { maxLength: 2 }).map((list) => new Set(list))
    case 'record':
      return fc.dictionary(fc.constantFrom('a', 'z'), valuesOf(of.of))
    case 'map':
      return fc.dictionary(fc.constantFrom('a', 'z'), valuesOf(of.of)).map((fields) => new Map(Object.entries(fields)))
    case 'null':
      return fc.option(valuesOf(of.of))
    case 'maybe':
      return fc.option(valuesOf(of.of), { nil: undefined })
    case 'either':
      return fc.oneof(valuesOf(of.of[0]), valuesOf(of.of[1]))
    case 'object':
      return fc.record(Object.fromEntries(Object.entries(of.of).map(([key, part]) => [key, valuesOf(part)])))
  }
}

/** The same, changed in one place or none. */
function changed(of: Spec): fc.Arbitrary<Spec> {
  const here: fc.Arbitrary<Spec>[] = [
    spec,
    fc.constant({ is: 'null', of }),
    fc.constant({ is: 'maybe', of }),
    spec.map((other) => ({ is: 'either', of: [of, other] })),
  ]
  if (of.is === 'either')
    here.push(
      fc.constant(of.of[0]),
      changed(of.of[1]).map((part) => ({ is: 'either', of: [part, of.of[0]] })),
    )
  else if (of.is === 'object') {
    here.push(fc.tuple(fc.constantFrom('a', 'b', 'c'), spec).map(([key, part]) => ({ ...of, of: { ...of.of, [key]: part } })))
    here.push(fc.constant({ ...of, strict: !of.strict }))
    for (const [key, part] of Object.entries(of.of)) {
      const { [key]: _gone, ...left } = of.of
      here.push(fc.constant({ ...of, of: left }))
      here.push(changed(part).map((made) => ({ ...of, of: { ...of.of, [key]: made } })))
    }
  } else if ('of' in of && of.is !== 'enum') here.push(changed(of.of).map((part) => ({ ...of, of: part }) as Spec))
  return fc.oneof(fc.constant(of), ...here)
}

const pairs = spec.chain((of) => fc.tuple(fc.constant(of), changed(of)))
const isBreaking = (changes: readonly string[]): boolean => changes.some((each) => each.startsWith('breaking'))
const root = (part: Spec): Spec => ({ is: 'object', of: { root: part }, strict: false })

test('nothing changes between a contract and itself', () => {
  fc.assert(
    fc.property(spec, (of) => {
      assert.deepEqual(input(schemaOf(of), schemaOf(of)), [])
      assert.deepEqual(output(schemaOf(of), schemaOf(of)), [])
      assert.deepEqual(announce({ schema: schemaOf(of) }, { schema: schemaOf(of) }), [])
    }),
    { numRuns: 200 },
  )
})

test('an input change that is not called breaking takes every value that was taken', () => {
  fc.assert(
    fc.property(
      pairs.chain(([before, after]) => fc.tuple(fc.constant(before), fc.constant(after), valuesOf(root(before)))),
      ([before, after, value]) => {
        fc.pre(!isBreaking(input(schemaOf(root(before)), schemaOf(root(after)))))
        const { error: refused } = schemaOf(root(after)).safeParse(value)
        assert.equal(refused, undefined)
      },
    ),
    { numRuns: 400 },
  )
})

test('an output change that is not called breaking gives nothing that callers would not understand', () => {
  fc.assert(
    fc.property(
      pairs.chain(([before, after]) => fc.tuple(fc.constant(before), fc.constant(after), valuesOf(root(after)))),
      ([before, after, value]) => {
        fc.pre(!isBreaking(output(schemaOf(root(before)), schemaOf(root(after)))))
        const made = schemaOf(root(after)).parse(value)
        const { error: refused } = schemaOf(root(relaxed(before))).safeParse(made)
        assert.equal(refused, undefined)
      },
    ),
    { numRuns: 400 },
  )
})

/** Callers do not mind keys that they do not know. */
function relaxed(of: Spec): Spec {
  if (of.is === 'object')
    return { ...of, strict: false, of: Object.fromEntries(Object.entries(of.of).map(([key, part]) => [key, relaxed(part)])) }
  if (of.is === 'either') return { ...of, of: [relaxed(of.of[0]), relaxed(of.of[1])] }
  return 'of' in of && of.is !== 'enum' ? ({ ...of, of: relaxed(of.of) } as Spec) : of
}

test('adding an optional input field, a variant of an input or an output field breaks nobody', () => {
  fc.assert(
    fc.property(spec, spec, (a, b) => {
      const of = (more: Record<string, Spec>): z.ZodType => schemaOf({ is: 'object', of: { a, ...more }, strict: false })
      assert.equal(isBreaking(input(of({}), of({ b: { is: 'maybe', of: b } }))), false)
      assert.equal(isBreaking(input(schemaOf(a), schemaOf({ is: 'either', of: [a, b] }))), false)
      assert.equal(isBreaking(output(of({}), of({ b }))), false)
    }),
    { numRuns: 200 },
  )
})

test('requests: what is asked, what is answered, and what was asked before', () => {
  const ask = (options: Loose): ContractDescription =>
    describe({}, { requests: [request('one', { input: z.object({}), ...options })] })
  const changed = (before: Loose, after: Loose): string[] =>
    told(compare(ask(before), ask(after))).map((each) => each.replace('shop request "one"', 'it'))
  const [more, same] = [z.object({ a: z.string() }), z.object({ a: z.string().optional() })]
  assert.deepEqual(changed({}, {}), [])
  assert.match(changed({}, { input: more }).join(), /^breaking for callers: it input at a/)
  assert.deepEqual(changed({}, { input: more, version: 2, upcast: { 1: (x: Loose) => x } }), [])
  assert.match(changed({ output: more }, { output: same }).join(), /^breaking for callers: it output at a/)
  assert.deepEqual(changed({ version: 2 }, { version: 1 }), ['breaking for callers: it: goes back to version 1 (was 2)'])
  assert.match(changed({ key: (e: Loose) => e.a }, { key: (e: Loose) => e.b }).join(), /keeps its order by \{b\} \(was \{a\}\)/)
  assert.deepEqual(told(compare(ask({}), describe({}))), [
    'breaking for callers: shop request "one": is gone: nobody answers it any more',
  ])
  assert.deepEqual(told(compare(describe({}), ask({}))), ['compatible: shop request "one": is new'])
})
