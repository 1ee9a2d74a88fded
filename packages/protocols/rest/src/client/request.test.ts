import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { CallError, command, contract, query } from 'dure/contract'
import fc from 'fast-check'
import { z } from 'zod'
import { doorAndClient } from './client.test-support.ts'

const Mode = z.enum(['빠름', 'slow/er', '100%'])
const Found = z.object({
  id: z.int(),
  name: z.string(),
  text: z.string().optional(),
  exact: z.boolean(),
  price: z.number().optional(),
  count: z.bigint().optional(),
  at: z.date().optional(),
  tags: z.array(z.string()).default([]),
  numbers: z.array(z.int()).min(1).optional(),
  mode: Mode.optional(),
})
const Line = z.object({ sku: z.string(), at: z.date(), count: z.bigint(), note: z.string().nullable().optional() })
const Placed = z.object({
  customer: z.string(),
  lines: z.array(Line),
  labels: z.record(z.string(), z.string()),
  prices: z.map(z.string(), z.bigint()),
  seen: z.set(z.int()),
  picture: z.instanceof(Uint8Array).optional(),
  more: z.unknown().optional(),
})
const Odd = z.object({
  key: z.union([z.string(), z.int()]),
  list: z.array(z.string()).optional(),
  none: z.string().nullable().optional(),
})
const Values = contract('values', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    find: query({ input: Found, http: 'GET /found/{id}/by/{name}' }),
    remove: command({ input: z.object({ id: z.string(), force: z.boolean().optional() }), http: 'DELETE /found/{id}' }),
    place: command({ input: Placed, http: ['POST /customers/{customer}/orders', 'POST /orders'] }),
    whole: command({ input: z.unknown(), http: 'POST /whole' }),
    only: command({ input: z.object({ id: z.string() }), http: 'PUT /only/{id}' }),
    maybe: command({ input: z.object({ a: z.int().optional() }).optional(), http: 'POST /maybe' }),
    nothing: query({ http: 'GET /nothing' }),
    odd: query({ input: Odd, http: 'GET /odd' }),
    perhaps: query({ input: z.object({ a: z.int().optional() }).optional(), http: 'GET /perhaps' }),
  },
})

const received: unknown[] = []
const keep = (input: unknown): void => void received.push(input)
let rig: Awaited<ReturnType<typeof doorAndClient<typeof Values>>>
beforeEach(async () => {
  const handlers = Object.fromEntries(Object.keys(Values.operations).map((name) => [name, keep]))
  rig = await doorAndClient(Values, handlers)
})

type Operation = keyof (typeof Values)['operations']
const ask = (operation: Operation, input: unknown): Promise<unknown> =>
  (rig.client as unknown as Record<string, (input: unknown) => Promise<unknown>>)[operation]!(input)

/** Texts that paths and queries could take for something else. */
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }).filter((value) => value.isWellFormed()),
  fc.constantFrom(
    '두레',
    '/',
    '%',
    '%2F',
    '+',
    'a b',
    '?',
    '#',
    '&=',
    'null',
    'true',
    '1',
    ';',
    '\\',
    '"',
    '\u0000',
    '..a',
    '\r\n',
  ),
)
const part = text.filter((value) => !['', '.', '..'].includes(value))
const optional = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(one, { nil: undefined })
const date = fc.date({ noInvalidDate: true, min: new Date('0000-01-01T00:00:00Z'), max: new Date('9999-12-31T00:00:00Z') })
const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (Object.is(value, -0) ? 0 : value))

/** Without the fields that are `undefined`: they are not sent. */
const sent = (input: unknown): unknown =>
  typeof input === 'object' && input !== null && Object.getPrototypeOf(input) === Object.prototype
    ? Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined))
    : input

async function arrives(operation: Operation, input: unknown): Promise<void> {
  received.length = 0
  await ask(operation, input)
  assert.deepStrictEqual(received.map(sent), [sent(input)])
}

const plain = { noNullPrototype: true } as const

test('what is written in path and query is read as it was', () =>
  fc.assert(
    fc.asyncProperty(
      fc.record(
        {
          ...{ id: fc.maxSafeInteger(), name: part, text: optional(text), exact: fc.boolean(), price: optional(number) },
          ...{ count: optional(fc.bigInt()), at: optional(date), tags: fc.array(text, { maxLength: 4 }) },
          ...{
            numbers: optional(fc.array(fc.maxSafeInteger(), { minLength: 1, maxLength: 3 })),
            mode: optional(fc.constantFrom(...Mode.options)),
          },
        },
        plain,
      ),
      (input) => arrives('find', input),
    ),
    { numRuns: 60 },
  ))

test('what is written in path and body is read as it was', () =>
  fc.assert(
    fc.asyncProperty(
      fc.record(
        {
          customer: part,
          lines: fc.array(fc.record({ sku: text, at: date, count: fc.bigInt(), note: fc.option(text, { nil: null }) }, plain), {
            maxLength: 3,
          }),
          labels: fc.dictionary(
            text.filter((key) => key !== '__proto__' && key !== 'constructor'),
            text,
            { maxKeys: 3, noNullPrototype: true },
          ),
          prices: fc.array(fc.tuple(text, fc.bigInt()), { maxLength: 3 }).map((pairs) => new Map(pairs)),
          seen: fc.array(fc.maxSafeInteger(), { maxLength: 3 }).map((values) => new Set(values)),
          picture: optional(fc.uint8Array({ maxLength: 10 })),
          more: optional(fc.oneof(text, number, date, fc.bigInt(), fc.constant(null), fc.array(date, { maxLength: 2 }))),
        },
        plain,
      ),
      (input) => arrives('place', input),
    ),
    { numRuns: 60 },
  ))

test('bodies that are no objects, and requests without any', async () => {
  for (const input of [0, '', '두레', false, null, [], [1n, new Date(5)], { a: new Map([[1, new Set(['x'])]]) }])
    await arrives('whole', input)
  await arrives('only', { id: '/' })
  for (const input of [undefined, {}, { a: 1 }]) await arrives('maybe', input)
  for (const input of [undefined, { a: 1 }]) await arrives('perhaps', input)
  await arrives('nothing', undefined)
  for (const input of [{ id: 'a' }, { id: '%', force: true }]) await arrives('remove', input)
  for (const input of [{ key: 'a' }, { key: '1', list: ['x'] }]) await arrives('odd', input)
})

test('what a URL cannot say so that it is read as such is refused, and not sent', async () => {
  const found = { id: 1, name: 'a', exact: true }
  for (const [operation, input, path] of [
    ['find', { ...found, name: '' }, ['name']],
    ['find', { ...found, name: '.' }, ['name']],
    ['find', { ...found, name: '..' }, ['name']],
    ['find', { ...found, name: '\ud800' }, undefined],
    ['find', { ...found, name: undefined }, ['name']],
    ['find', { ...found, numbers: [] }, ['numbers']],
    ['find', undefined, []],
    ['odd', { key: 1 }, ['key']],
    ['odd', { key: 'a', list: [] }, ['list']],
    ['odd', { key: 'a', none: null }, ['none']],
    ['perhaps', {}, []],
    ['place', undefined, []],
    ['remove', { id: { deep: 1 } }, ['id']],
  ] as const) {
    received.length = 0
    await assert.rejects(ask(operation, input), (thrown) => {
      assert.ok(thrown instanceof CallError && thrown.code === 'INVALID_ARGUMENT', String(thrown))
      if (path !== undefined) assert.deepEqual((thrown.details['issues'] as { path: unknown }[])[0]?.path, path, thrown.message)
      return true
    })
    assert.deepEqual(received, [], `${operation} ${JSON.stringify(input)}`)
  }
})
