import assert from 'node:assert/strict'
import { test } from 'node:test'
import cases from './cases.json' with { type: 'json' }
import {
  matchMessage,
  matchRequest,
  matchResponse,
  pactText,
  readMessage,
  readPact,
  readRequest,
  readResponse,
  type Mismatch,
} from './pact.ts'

type Json = Readonly<Record<string, unknown>>

function mismatches(kind: string, expected: Json, actual: Json): readonly Mismatch[] {
  if (kind === 'request') return matchRequest(readRequest(expected, 'expected'), readRequest(actual, 'actual'))
  if (kind === 'response') return matchResponse(readResponse(expected, 'expected'), readResponse(actual, 'actual'))
  return matchMessage(readMessage(expected, 'expected'), readMessage(actual, 'actual'))
}

test('the cases of the specification', (context) => {
  const all = Object.entries(cases.cases as unknown as Record<string, { match: boolean; expected: Json; actual: Json }>)
  const wrong = all.filter(([name, { match, expected, actual }]) => {
    const found = mismatches(name.split('/')[0]!, expected, actual)
    return (found.length === 0) !== match
  })
  assert.deepEqual(
    wrong.map(([name]) => name),
    [],
  )
  assert.equal(all.length, 226)
  context.diagnostic(`${all.length - wrong.length} of ${all.length} cases of the Pact specification, version 4`)
})

/** What of JSON misses one rule for all of it. */
function missing(matcher: Json, expected: unknown, actual: unknown): readonly string[] {
  const body = (content: unknown): Json => ({ contentType: 'application/json', encoded: false, content: { it: content } })
  const rules = { body: { '$.it': { combine: 'AND', matchers: [matcher] } } }
  return mismatches('response', { body: body(expected), matchingRules: rules }, { body: body(actual) }).map(
    ({ where, expected: wanted, got }) => `${where}: ${wanted}, got ${got}`,
  )
}

test('each matcher takes what it is for, and says what it misses', () => {
  const both: readonly (readonly [matcher: Json, example: unknown, taken: unknown, refused: unknown])[] = [
    [{ match: 'equality' }, { a: 1 }, { a: 1 }, { a: 1, b: 2 }],
    [{ match: 'regex', regex: 'a+' }, 'a', 'aaa', 'baa'],
    [{ match: 'regex', regex: '(?i)a\\-+' }, 'a-', 'A--', 'a'],
    [{ match: 'type' }, 'x', 'y', 5],
    [{ match: 'type' }, { a: 1 }, { a: 2, more: true }, { b: 1 }],
    [{ match: 'type', min: 2 }, [1], [4, 5], [4]],
    [{ match: 'type', max: 2 }, [1], [], [1, 2, 3]],
    [{ match: 'type', min: 1, max: 2 }, [1], [1, 2], []],
    [{ min: 2 }, [1], [4, 5], [4]],
    [{ match: 'include', value: 'needle' }, 'a needle', 'needles', 'hay'],
    [{ match: 'integer' }, 1, 2, 2.5],
    [{ match: 'integer' }, 1, 2, '2'],
    [{ match: 'decimal' }, 1.5, 2.5, 'text'],
    [{ match: 'number' }, 1, 2.5, null],
    [{ match: 'boolean' }, true, false, 'maybe'],
    [{ match: 'null' }, null, null, 0],
    [{ match: 'date', format: 'yyyy-MM-dd' }, '2024-01-01', '2024-02-29', '2023-02-29'],
    [{ match: 'date' }, '2024-01-01', '2025-12-31', '2025-13-01'],
    [{ match: 'time', format: 'HH:mm' }, '10:00', '23:59', '24:00'],
    [{ match: 'datetime', format: "yyyy-MM-dd'T'HH:mm:ss.SSSXXX" }, 'x', '2025-01-31T10:00:00.000+09:00', '2025-01-31 10:00'],
    [{ match: 'timestamp', timestamp: 'EEE, d MMM yyyy' }, 'x', 'Mon, 3 Nov 2025', 'Monday'],
    [{ match: 'notEmpty' }, 'x', 'y', ''],
    [{ match: 'notEmpty' }, ['x'], ['x'], []],
    [{ match: 'semver' }, '1.0.0', '1.2.3-beta.1+5', '1.2'],
    [{ match: 'values' }, { a: 'x' }, { k: 'x', l: 'x' }, { k: 5 }],
    [{ match: 'eachKey', rules: [{ match: 'regex', regex: '[a-z]+' }] }, { a: 1 }, { b: 1 }, { B1: 1 }],
    [{ match: 'eachValue', rules: [{ match: 'integer' }] }, { a: 1 }, { b: 2 }, { b: 'x' }],
    [{ match: 'eachValue', rules: [{ match: 'regex', regex: '\\d+' }] }, ['1'], ['2', '33'], ['2', 'x']],
    [
      { match: 'arrayContains', variants: [{ index: 0, rules: { '$.id': { combine: 'AND', matchers: [{ match: 'type' }] } } }] },
      [{ id: 1 }],
      [{ id: 'no' }, { id: 7 }],
      [{ id: 'no' }],
    ],
  ]
  for (const [matcher, example, taken, refused] of both) {
    assert.deepEqual(missing(matcher, example, taken), [], JSON.stringify(matcher))
    assert.equal(missing(matcher, example, refused).length, 1, JSON.stringify(matcher))
  }
  assert.deepEqual(missing({ match: 'integer' }, 1, '2'), ['body $.it: a whole number, got "2"'])
  assert.deepEqual(missing({ match: 'type' }, { a: 1 }, {}), ['body $.it.a: a number like 1, got nothing: the field is missing'])
})

test('a status by its class, a header, a query and bytes by their beginning', () => {
  const status = { status: { combine: 'AND', matchers: [{ match: 'statusCode', status: 'clientError' }] } }
  assert.deepEqual(mismatches('response', { status: 404, matchingRules: status }, { status: 409 }), [])
  assert.deepEqual(mismatches('response', { status: 404, matchingRules: status }, { status: 500 }), [
    { where: 'status', expected: 'a status of clientError', got: '500' },
  ])
  const either = { header: { 'X-Id': { combine: 'OR', matchers: [{ match: 'integer' }, { match: 'regex', regex: 'n-.*' }] } } }
  const header = (value: string): Json => ({ headers: { 'x-id': value } })
  assert.deepEqual(mismatches('response', { ...header('5'), matchingRules: either }, header('n-7')), [])
  assert.equal(mismatches('response', { ...header('5'), matchingRules: either }, header('seven')).length, 1)
  const rules = { body: { $: { combine: 'AND', matchers: [{ match: 'contentType', value: 'image/png' }] } } }
  const image = (bytes: string): Json => ({
    body: { contentType: 'image/png', encoded: 'base64', content: Buffer.from(bytes, 'latin1').toString('base64') },
  })
  const png = '\u0089PNG\r\n\u001a\n'
  assert.deepEqual(mismatches('response', { ...image(png), matchingRules: rules }, image(`${png}more`)), [])
  assert.equal(mismatches('response', { ...image(png), matchingRules: rules }, image('GIF89a')).length, 1)
  const form = (content: string): Json => ({
    body: { contentType: 'application/x-www-form-urlencoded', encoded: false, content },
  })
  assert.deepEqual(mismatches('request', form('a=1&b=2'), form('b=2&a=1')), [])
  assert.equal(mismatches('request', form('a=1&b=2'), form('a=1')).length, 1)
})

const one = { description: 'one', type: 'Synchronous/HTTP', request: { method: 'GET', path: '/' }, response: { status: 200 } }

function pactOf(interaction: unknown, version = '4.0'): string {
  return JSON.stringify({
    consumer: { name: 'web' },
    provider: { name: 'orders' },
    interactions: [interaction],
    metadata: { pactSpecification: { version } },
  })
}

test('what is no pact of version 4 is refused, with what is wrong', () => {
  const refused = (text: string | Uint8Array, why: RegExp): void => assert.throws(() => readPact(text, 'web.json'), why)
  refused('{', /Cannot read the pact "web.json": it is no JSON/)
  refused(Buffer.from([0xff]), /it is not UTF-8/)
  refused('[]', /it is no JSON object/)
  refused('{}', /it does not say its version/)
  refused(pactOf(one, '3.0.0'), /it is of version 3\.0\.0, and 4 is read; have the consumer write Pact V4/)
  refused(pactOf({ ...one, type: 'Synchronous/Messages' }), /interaction "one" is of type "Synchronous\/Messages"/)
  refused(new Uint8Array(100 * 1024 * 1024), /it has 100 MiB, and 16 are read at most/)
  const ruled = (...matchers: readonly Json[]): string =>
    pactOf({ ...one, response: { status: 200, matchingRules: { body: { '$.a': { matchers } } } } })
  refused(
    ruled({ match: 'protobuf' }),
    /the response of interaction "one": the rules of "body" at "\$\.a" has a matcher "protobuf"/,
  )
  refused(ruled({ match: 'type', min: 3, max: 1 }), /contradicts itself: at least 3 and at most 1/)
  refused(ruled({ match: 'integer' }, { match: 'boolean' }), /contradicts itself: one value is to match integer and boolean/)
  refused(ruled({ match: 'regex', regex: '(' }), /the regular expression "\(", which cannot be read here/)
  refused(ruled({ match: 'date', format: 'QQQ' }), /the format "QQQ"/)
  assert.equal(readPact(pactOf(one), 'web.json').interactions.length, 1)
})

test('what is written is read again as it was meant', () => {
  const text = pactText({ consumer: 'web', provider: 'orders' }, [
    {
      kind: 'http',
      description: 'an order is found',
      states: [{ name: 'order 7 is there', params: { id: '7' } }],
      test: 'finds orders',
      request: { method: 'GET', path: '/orders/7', query: { full: ['true'] }, body: undefined },
      response: { status: 200, type: 'application/json', body: { id: '7' }, rules: { '$.id': { match: 'type' } } },
    },
    {
      kind: 'message',
      description: 'placed',
      states: [],
      test: undefined,
      metadata: { type: 'placed' },
      contents: { id: '7' },
      rules: {},
    },
  ])
  const { consumer, provider, interactions } = readPact(text, 'web')
  assert.deepEqual([consumer, provider, interactions.length], ['web', 'orders', 2])
  const [http, message] = interactions
  assert(http?.kind === 'http' && message?.kind === 'message')
  assert.deepEqual(http.states, [{ name: 'order 7 is there', params: { id: '7' } }])
  const answer = (value: unknown): Parameters<typeof matchResponse>[1] => ({
    status: 200,
    headers: { 'content-type': ['application/json; charset=utf-8'] },
    body: { kind: 'json', type: 'application/json; charset=utf-8', value },
  })
  assert.deepEqual(matchResponse(http.response, answer({ id: 'other', more: 1 })), [])
  assert.equal(matchResponse(http.response, answer({ id: 5 })).length, 1)
  assert.deepEqual(
    matchMessage(message.message, {
      metadata: { type: 'placed' },
      contents: { kind: 'json', type: 'application/json', value: { id: '7' } },
    }),
    [],
  )
})
