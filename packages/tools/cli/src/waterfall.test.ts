import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Span } from 'dure/telemetry'
import { waterfall } from './waterfall.ts'

const START = Date.UTC(2026, 10, 21, 9, 30)
const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'

function span(id: string, parentId: string | undefined, fields: Partial<Span> & { at: number }): Span {
  const { at, ...rest } = fields
  return {
    traceId,
    spanId: id.padStart(16, '0'),
    parentId: parentId?.padStart(16, '0'),
    tracestate: undefined,
    name: 'orders.place',
    kind: 'internal',
    service: 'orders',
    start: START + at,
    duration: 1,
    attributes: {},
    status: 'unset',
    message: undefined,
    links: [],
    ...rest,
  }
}

const checkout: readonly Span[] = [
  span('1', undefined, { at: 0, duration: 20, name: 'POST /checkout', kind: 'server', service: 'rest' }),
  span('2', '1', { at: 1, duration: 18, kind: 'client', service: 'outside' }),
  span('3', '2', { at: 2, duration: 16, kind: 'server' }),
  span('4', '3', { at: 3, duration: 5, name: 'stock.reserve', kind: 'client' }),
  span('5', '4', { at: 4, duration: 3, name: 'stock.reserve', kind: 'server', service: 'stock' }),
  span('8', '3', {
    at: 9,
    duration: 2,
    name: 'payments.charge',
    kind: 'client',
    status: 'error',
    message: 'No answer\u001b[31m',
    attributes: { 'error.type': 'UNAVAILABLE' },
  }),
  span('6', '3', { at: 12, duration: 4, name: 'transaction orders', kind: 'client' }),
  span('7', '6', { at: 14, duration: 2, name: 'publish order.placed', kind: 'producer' }),
  span('9', '7', { at: 21, duration: 1.5, name: 'process order.placed', kind: 'consumer', service: 'mail' }),
]

test('a checkout over three services, at 80 columns', () => {
  const text = waterfall(checkout, { columns: 80, color: false })
  assert.equal(`\n${text}\n`, GOLDEN)
  for (const line of text.split('\n')) assert.ok(line.length <= 80, `${line.length}: ${line}`)
})

test('the order in which spans come does not matter', () => {
  assert.equal(
    waterfall(checkout.toReversed(), { columns: 80, color: false }),
    waterfall(checkout, { columns: 80, color: false }),
  )
})

test('wider terminals get longer bars, and colour changes nothing but colour', () => {
  const wide = waterfall(checkout, { columns: 140, color: false })
  assert.ok(wide.split('\n').every((line) => line.length <= 140))
  assert.ok(wide.split('\n').some((line) => line.length > 100))
  const painted = waterfall(checkout, { columns: 140, color: true })
  // oxlint-disable-next-line no-control-regex
  assert.equal(painted.replaceAll(/\u001b\[\d+m/g, '').replaceAll(/ +$/gm, ''), wide)
  assert.ok(painted.includes('\u001b[31m'))
})

test('spans without a parent, in a circle, or of no duration are all shown', () => {
  const odd = [
    span('1', 'f', { at: 0, duration: 0, name: 'orphan.one' }),
    span('2', '3', { at: 0, duration: 0, name: 'circle.two' }),
    span('3', '2', { at: 0, duration: 0, name: 'circle.three' }),
    span('4', '4', { at: 0, duration: 0, name: 'own.parent' }),
  ]
  const text = waterfall(odd, { columns: 80, color: false })
  for (const { name } of odd) assert.equal(text.split('\n').filter((line) => line.includes(name)).length, 1, name)
  assert.match(text, /has a parent that was not kept/)
})

test('a trace of very many spans is cut, and says so', () => {
  const many = Array.from({ length: 300 }, (_, i) => span(`${i + 1}`, i === 0 ? undefined : '1', { at: i }))
  const text = waterfall(many, { columns: 80, color: false })
  assert.match(text, /… and 100 more; --json has them all/)
  assert.match(text, /300 spans/)
})

const tried = (id: string, fields: Partial<Span> & { at: number }): Span =>
  span(id, '1', {
    name: 'process order.placed',
    kind: 'consumer',
    service: 'mail',
    attributes: {
      'messaging.message.id': 'm1',
      'messaging.consumer.group.name': 'mail/order.placed',
      'error.type': 'UNAVAILABLE',
    },
    ...fields,
  })
const failed = { status: 'error', message: 'No answer' } as const

test('what failed and went well at a later try is marked as retried, with all that failed in it', () => {
  const spans = [
    span('1', undefined, { at: 0, duration: 3 }),
    tried('2', { at: 3, ...failed }),
    span('3', '2', { at: 3, name: 'payments.charge', kind: 'client', ...failed }),
    tried('4', { at: 9 }),
  ]
  const text = waterfall(spans, { columns: 80, color: false })
  assert.match(text, /4 spans, 3 services, 2 retried\n|4 spans, 2 services, 2 retried\n/)
  assert.match(
    text,
    /↻ process order\.placed[^]*↻ payments\.charge[^]*└ process order\.placed[^]*\n↻ process order.placed: UNAVAILABLE: No answer \(a later try went well\)/,
  )
  assert.doesNotMatch(text, /✗|error/)
})

test('another message, another call, or a later failure makes nothing good', () => {
  const other = { 'messaging.message.id': 'm2', 'messaging.consumer.group.name': 'mail/order.placed' }
  const calls = [span('5', '1', { at: 4, kind: 'client', ...failed }), span('6', '1', { at: 5, kind: 'client' })]
  const spans = [
    span('1', undefined, { at: 0 }),
    tried('2', { at: 1 }),
    tried('3', { at: 3, ...failed }),
    tried('4', { at: 9, attributes: other }),
    ...calls,
  ]
  const text = waterfall(spans, { columns: 80, color: false })
  assert.match(text, /2 errors/)
  assert.doesNotMatch(text, /↻|retried/)
})

test('a call that one copy failed and another answered is one row, and went well', () => {
  const spans = [
    span('1', undefined, { at: 0, duration: 9, kind: 'client', service: 'web' }),
    span('2', '1', { at: 1, kind: 'server', ...failed }),
    span('3', '1', { at: 4, kind: 'server', copy: 'orders#2' }),
  ]
  const text = waterfall(spans, { columns: 80, color: false })
  assert.match(text, /\norders\.place +orders#2[^]*└ ↻ orders\.place +orders /)
})

test('where nothing has a width, names stay whole', () => {
  const name = `process ${'a-very-long-name.'.repeat(9)}end`
  const text = waterfall([span('1', undefined, { at: 0, name, service: 'a-service-of-a-long-name' })], {
    columns: Infinity,
    color: false,
  })
  assert.ok(text.includes(`${name}  a-service-of-a-long-name  █`), text)
})

const GOLDEN = `
Trace 4bf92f3577b34da6a3ce929d0e0e4736
2026-11-21T09:30:00.000Z  22.5 ms, 9 spans, 4 services, 1 error

POST /checkout                rest    █████████████████████████████      20.0 ms
└ orders.place                orders   ░████████████████████████░░       18.0 ms
  ├ stock.reserve             stock       ░█████░░                       5.00 ms
  ├ ✗ payments.charge         orders               ███                   2.00 ms
  └ transaction orders        orders                   ██████            4.00 ms
    └ publish order.placed    orders                      ███            2.00 ms
      └ process order.placed  mail                                  ███  1.50 ms

✗ payments.charge: UNAVAILABLE: No answer?[31m
`
