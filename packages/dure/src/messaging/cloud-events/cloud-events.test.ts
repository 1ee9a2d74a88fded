import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Message } from '../../contract/contract.ts'
import { MESSAGE_LIMITS, wrongOf } from '../../contract/internal.ts'
import { decodeMessage, encodeMessage, MESSAGE_BYTES, structuredText, type Binding, type BrokerRecord } from './cloud-events.ts'

const BINDINGS: readonly Binding[] = ['kafka', 'nats', 'amqp', 'redis']

const MESSAGE: Message = {
  ...{ id: '019a', source: 'order', type: 'order.placed', key: 'o1', time: 1_700_000_000_123, schemaVersion: 2 },
  ...{ correlationId: 'c', causationId: undefined, traceparent: undefined, data: '{"n":1}' },
}

/** As it is on the other side: everything in bytes. */
function carried(binding: Binding, message: Message): Message {
  const { headers, contentType, data } = encodeMessage(binding, message)
  const wire = { topic: message.topic ?? message.type, partition: 3, position: '17', time: 5 }
  return decodeMessage(binding, {
    ...wire,
    headers: headers.map(([name, value]) => [name, Buffer.from(value)] as const),
    data: Buffer.from(data),
    ...(binding === 'kafka' ? { key: Buffer.from(message.key) } : {}),
    ...(binding === 'amqp' ? { contentType } : {}),
  })
}

const character = fc.oneof(
  fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  fc.constantFrom(' ', '"', '%', '\\', '\n', '\u007f', '\ufffe', '\u{1fffe}', 'é', '키', '🗝', 'a', '='),
)
const textOf = (most: number) =>
  fc
    .array(character, { minLength: 1, maxLength: most })
    .map((all) => all.join('').replaceAll('\0', '0'))
    .filter((text) => text.length <= 200)
const name = textOf(12)
// Not a backslash alone: in Node 26.10, once JSON.parse('{"x":1,"\\\\":1}') was called, JSON.parse('{"x":1,"\\n":1}') has that name too.
const headerName = name.filter((one) => one !== '\\')
const message: fc.Arbitrary<Message> = fc
  .record(
    {
      ...{ id: name, source: name, type: name, key: fc.oneof(fc.constant(''), textOf(20)) },
      time: fc.oneof(fc.maxSafeInteger(), fc.integer({ min: 0, max: 4_000_000_000_000 })),
      schemaVersion: fc.nat(),
      correlationId: name,
      causationId: fc.option(name, { nil: undefined }),
      traceparent: fc.option(name, { nil: undefined }),
      data: fc.oneof(fc.json(), textOf(20)),
      topic: name,
      headers: fc.dictionary(
        fc.oneof(headerName, fc.constantFrom('tenant', 'ce_id', 'ce-id', 'content-type', '__proto__')),
        fc.oneof(name, fc.constant('')),
        {
          maxKeys: 5,
          noNullPrototype: true,
        },
      ),
      contentType: fc.oneof(name, fc.constantFrom('application/json', 'text/plain')),
      replyTo: name,
      initiator: name,
      sequence: fc.maxSafeInteger(),
      delay: fc.oneof(fc.nat(), fc.double({ min: 0, max: MESSAGE_LIMITS.delay, noNaN: true })),
    },
    {
      requiredKeys: [
        'id',
        'source',
        'type',
        'key',
        'time',
        'schemaVersion',
        'correlationId',
        'causationId',
        'traceparent',
        'data',
      ],
    },
  )
  // A place that is called as the type is needs no word; a zero below zero is none.
  .map((one) => ({
    ...one,
    ...(one.sequence === undefined ? {} : { sequence: one.sequence + 0 }),
    ...(one.delay === undefined ? {} : { delay: one.delay + 0 }),
  }))
  .filter((one) => wrongOf(one) === undefined)

for (const binding of BINDINGS) {
  test(`every message comes through ${binding} as it was`, () => {
    fc.assert(
      fc.property(message, (sent) => assert.deepEqual(carried(binding, sent), sent)),
      { numRuns: 1_000 },
    )
  })
}

test('every message comes through one text as it was, its data to the letter', () => {
  const place = { partition: 0, position: '1', time: 5, headers: [], contentType: 'application/cloudevents+json; charset=UTF-8' }
  const through = (sent: Message): Message =>
    decodeMessage('kafka', { ...place, topic: sent.topic ?? sent.type, data: Buffer.from(structuredText(sent)) })
  fc.assert(
    fc.property(message, (sent) => assert.deepEqual(through(sent), sent)),
    { numRuns: 1_000 },
  )
  const exact = '{"big":12345678901234567890,"one":1.0,"same":1,"same":2,"in":{"data":"}"},"text":"a\\"b"}'
  assert.equal(through({ ...MESSAGE, data: exact }).data, exact)
})

test('what is written is what the bindings of CloudEvents ask for', () => {
  const sent: Message = { ...MESSAGE, key: 'Euro € 😀', headers: { tenant: 'a', 'x-소속': 'b' }, contentType: 'application/xml' }
  assert.deepEqual(encodeMessage('kafka', sent).headers, [
    ['ce_specversion', '1.0'],
    ['ce_id', '019a'],
    ['ce_source', 'order'],
    ['ce_type', 'order.placed'],
    ['ce_correlationid', 'c'],
    ['ce_time', '2023-11-14T22:13:20.123Z'],
    ['ce_dureversion', '2'],
    ['content-type', 'application/xml'],
    ['ce_dure', '{"headers":{"x-소속":"b"}}'],
    ['tenant', 'a'],
  ])
  const nats = new Map(encodeMessage('nats', sent).headers)
  assert.equal(nats.get('ce-partitionkey'), 'Euro%20%E2%82%AC%20%F0%9F%98%80')
  assert.equal(nats.get('ce-datacontenttype'), 'application/xml')
  assert.equal(nats.get('tenant'), 'a')
  for (const value of nats.values()) assert.match(value, /^[!-~]+$/)
  const amqp = encodeMessage('amqp', sent)
  assert.equal(amqp.contentType, 'application/xml')
  assert.ok(amqp.headers.every(([header]) => header === 'tenant' || header.startsWith('cloudEvents_')))
  const event = JSON.parse(structuredText({ ...MESSAGE, data: '{"n":1}' })) as Record<string, unknown>
  assert.deepEqual(event['data'], { n: 1 })
  assert.equal(event['partitionkey'], 'o1')
  for (const attribute of Object.keys(event)) assert.match(attribute, /^[a-z0-9]{1,20}$/)
})

test('no message is larger on a wire than is said', () => {
  const most = (length: number): string => '\u0001'.repeat(length)
  for (const unit of ['\u0001', '\ufffe', '키', '"', '\\']) {
    const text = unit.repeat(MESSAGE_LIMITS.name)
    const bytes = Buffer.byteLength(unit)
    const headers = Object.fromEntries(
      Array.from({ length: 64 }, (_, n) => [`${n} ${unit}`, unit.repeat(Math.floor(90 / bytes))]),
    )
    const large: Message = {
      ...{ ...MESSAGE, id: text, source: text, type: text, correlationId: text, causationId: text, traceparent: text },
      ...{
        topic: most(200),
        contentType: text,
        replyTo: text,
        initiator: unit.repeat(MESSAGE_LIMITS.subject),
        key: unit.repeat(MESSAGE_LIMITS.key),
        headers,
      },
      ...{ time: Number.MIN_SAFE_INTEGER, sequence: Number.MIN_SAFE_INTEGER, delay: MESSAGE_LIMITS.delay },
      data: JSON.stringify('x'.repeat(MESSAGE_LIMITS.data - 2)),
    }
    assert.equal(wrongOf(large), undefined)
    for (const binding of BINDINGS) {
      const { headers: written, data } = encodeMessage(binding, large)
      const size = written.reduce((sum, [a, b]) => sum + Buffer.byteLength(a) + Buffer.byteLength(b) + 8, data.length + 4 * 1024)
      assert.ok(size <= MESSAGE_BYTES, `${binding} ${JSON.stringify(unit)} ${size}`)
    }
  }
})

const RECORD: BrokerRecord = {
  topic: 'orders',
  partition: 2,
  position: '41',
  time: 1_700_000_000_000,
  headers: [],
  data: '{"n":1}',
}

test('a record that says nothing of itself is a message when its value is JSON, the same each time it comes', () => {
  const headers = [['tenant', Buffer.from('a')]] as const
  const read = decodeMessage('kafka', { ...RECORD, key: Buffer.from('k'), headers })
  assert.deepEqual(read, {
    ...{ id: 'orders/2/41@1700000000000', source: 'foreign', type: 'orders', key: 'k', time: 1_700_000_000_000 },
    ...{ schemaVersion: 1, correlationId: 'orders/2/41@1700000000000', causationId: undefined, traceparent: undefined },
    ...{ data: '{"n":1}', headers: { tenant: 'a' } },
  })
  assert.equal(decodeMessage('kafka', RECORD).id, read.id)
  assert.notEqual(decodeMessage('kafka', { ...RECORD, time: 1_700_000_000_001 }).id, read.id)
  // A long name leaves no room: the id is a hash, and still the same each time.
  const long = { ...RECORD, topic: 't'.repeat(200) }
  assert.match(decodeMessage('kafka', long).id, /^sha256:/)
  assert.equal(decodeMessage('kafka', long).id, decodeMessage('kafka', long).id)
  assert.equal(decodeMessage('kafka', { ...RECORD, data: null }).data, 'null')
})

test('a key that is no text is one all the same: the same bytes are the same key', () => {
  const keyOf = (key: BrokerRecord['key']): string => decodeMessage('kafka', { ...RECORD, key }).key
  assert.equal(keyOf(Buffer.from([0, 0, 0, 7])), 'base64:AAAABw==')
  assert.equal(keyOf(Buffer.from([0xff])), 'base64:/w==')
  assert.match(keyOf('k'.repeat(MESSAGE_LIMITS.key + 1)), /^base64:|^sha256:/)
  assert.notEqual(keyOf(Buffer.alloc(5_000, 1)), keyOf(Buffer.alloc(5_000, 2)))
  assert.deepEqual([keyOf(null), keyOf(undefined), keyOf('키')], ['', '', '키'])
})

test('events of others are read by what CloudEvents say, and known by source and id together', () => {
  const headers = (more: Readonly<Record<string, string>> = {}) =>
    Object.entries({ 'ce-specversion': '1.0', 'ce-id': '1', 'ce-source': '/shop', 'ce-type': 'com.shop.order', ...more })
  const read = (more?: Readonly<Record<string, string>>): Message => decodeMessage('nats', { ...RECORD, headers: headers(more) })
  const { id, source, type, topic, time, key, correlationId } = read({ 'ce-subject': 's', 'CE-PartitionKey': 'p', Tenant: 'a' })
  assert.deepEqual(
    [id, source, type, topic, key, correlationId],
    ['1@/shop', '/shop', 'com.shop.order', 'orders', 'p', '1@/shop'],
  )
  assert.equal(time, RECORD.time)
  assert.equal(read({ 'ce-time': '2018-04-05T17:31:00.5+02:00' }).time, Date.UTC(2018, 3, 5, 15, 31, 0, 500))
  assert.equal(read({ 'ce-id': '018f0000-0000-7000-8000-000000000000' }).id, '018f0000-0000-7000-8000-000000000000')
  assert.notEqual(read({ 'ce-id': '1@a', 'ce-source': 'b' }).id, read({ 'ce-id': '1', 'ce-source': 'a@b' }).id)
  // Quoted, as an earlier text of the standard had it.
  assert.equal(read({ 'ce-source': '"a \\"b\\" %41"' }).source, 'a "b" A')
  const amqp = [
    ['cloudEvents:id', '1'],
    ['cloudEvents:source', '/s'],
    ['cloudEvents:type', 't'],
    ['cloudEvents:specversion', '1.0'],
    ['cloudEvents:time', new Date(7)],
  ] as const
  assert.equal(decodeMessage('amqp', { ...RECORD, headers: amqp }).time, 7)
})

/** What stands for a record that cannot be read. */
function unreadable(
  binding: Binding,
  record: BrokerRecord,
): { readonly message: Message; readonly reason: string; readonly base64: string; readonly bytes: number } {
  const read = decodeMessage(binding, record)
  assert.equal(read.contentType, 'application/vnd.dure.unreadable+json', read.data.slice(0, 200))
  assert.equal(wrongOf(read), undefined)
  return { message: read, ...(JSON.parse(read.data) as { reason: string; base64: string; bytes: number }) }
}

test('what cannot be read is a message that says why, under its key, with its bytes', () => {
  const data = Buffer.from([0, 0, 0, 0, 7, 0xff])
  const event = { ce_specversion: '1.0', ce_id: '1', ce_source: '/s', ce_type: 't' }
  const cases: readonly (readonly [RegExp, Partial<BrokerRecord>])[] = [
    [/no text in UTF-8/, { data }],
    [/no JSON, and nothing says what they are/, { data: 'hello' }],
    [/of version "0.3"/, { headers: Object.entries({ ...event, ce_specversion: '0.3' }) }],
    [/without "source"/, { headers: Object.entries({ ...event, ce_source: '' }) }],
    [/"application\/avro" and no text/, { data, headers: [['content-type', 'application/avro']] }],
    [/are 10485762 bytes/, { data: JSON.stringify('x'.repeat(10 * 1024 * 1024)) }],
    [/half a surrogate/, { data: '"\ud800"' }],
    [/header "tenant" is no text/, { headers: [['tenant', Buffer.from([0xff])]] }],
    [/time "yesterday" is no timestamp/, { headers: Object.entries({ ...event, ce_time: 'yesterday' }) }],
    [/schema version is NaN/, { headers: Object.entries({ ...event, ce_dureversion: 'two' }) }],
    [/"dure" is no JSON/, { headers: Object.entries({ ...event, ce_dure: '{' }) }],
    [/headers are no record|of type|characters/, { headers: Object.entries({ ...event, ce_dure: '{"headers":7}' }) }],
    [/has 65 headers/, { headers: Array.from({ length: 65 }, (_, n) => [`h${n}`, 'x'] as const) }],
    [/it is no JSON/, { data: '{', headers: [['content-type', 'application/cloudevents+json']] }],
    [/is no object/, { data: '[]', headers: [['content-type', 'application/cloudevents+json']] }],
    [/"application\/cloudevents-batch\+json"/, { data: '[]', headers: [['Content-Type', 'application/cloudevents-batch+json']] }],
    [/its time is NaN/, { time: Number.NaN }],
  ]
  for (const [why, part] of cases) {
    const record = { ...RECORD, key: 'k', ...part }
    const { message: read, reason, base64, bytes } = unreadable('kafka', record)
    assert.match(reason, why)
    assert.deepEqual([read.key, read.type, read.source], ['k', 'orders', 'foreign'])
    const raw = Buffer.from(record.data as string)
    assert.equal(bytes, raw.length)
    assert.equal(base64, raw.subarray(0, 512 * 1024).toString('base64'))
  }
})

test('what cannot be read of ours keeps its id, and of an event its key', () => {
  const { message: read } = unreadable('nats', {
    ...{ ...RECORD, data: Buffer.from([0xff]) },
    headers: encodeMessage('nats', { ...MESSAGE, type: 'orders' }).headers,
  })
  assert.deepEqual([read.id, read.key], ['019a', 'o1'])
  const overlong = [...encodeMessage('nats', MESSAGE).headers, ['ce-subject', '%C0%A0']] as const
  assert.match(unreadable('nats', { ...RECORD, headers: overlong }).reason, /header "ce-subject"/)
})

test('whatever arrives becomes a message that may be kept', () => {
  const part = fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.string({ unit: 'binary' }), fc.constantFrom(null, undefined))
  const attribute = fc.constantFrom(
    'id',
    'source',
    'type',
    'specversion',
    'time',
    'dure',
    'dureversion',
    'datacontenttype',
    'duredelay',
    'partitionkey',
  )
  const header = fc.tuple(
    fc.oneof(
      fc.string(),
      fc.tuple(fc.constantFrom('ce_', 'ce-', 'cloudEvents:'), attribute).map((both) => both.join('')),
      fc.constant('content-type'),
    ),
    fc.oneof(
      part,
      fc.constantFrom('1.0', 'application/cloudevents+json', '{"headers":{"a":1}}', '{"id":7}', 'null'),
      fc.anything(),
    ),
  )
  const record = fc.record({
    ...{
      topic: fc.string({ minLength: 1, maxLength: 20 }).map((text) => text.toWellFormed().replaceAll('\0', '0')),
      partition: fc.nat(),
      position: fc.string(),
    },
    ...{
      time: fc.oneof(fc.nat(), fc.double()),
      key: part,
      headers: fc.array(header, { maxLength: 8 }),
      data: fc.oneof(part, fc.json()),
    },
    contentType: fc.option(fc.oneof(fc.string(), fc.constant('application/cloudevents+json')), { nil: undefined }),
  })
  fc.assert(
    fc.property(fc.constantFrom(...BINDINGS), record, (binding, one) => {
      const read = decodeMessage(binding, one)
      assert.equal(wrongOf(read), undefined)
      assert.deepEqual(decodeMessage(binding, one), read)
    }),
    { numRuns: 3_000 },
  )
})
