import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import rhea from 'rhea'
import { readAmqpMessage, writeAmqpMessage } from 'dure/messaging/adapter'

const text = fc.oneof(fc.string({ unit: 'grapheme' }), fc.string({ minLength: 250, maxLength: 300 }))
const names = fc.uniqueArray(
  text.filter((name) => name !== '__proto__'),
  { maxLength: 12 },
)
const headers = names.chain((all) => fc.tuple(...all.map((name) => fc.tuple(fc.constant(name), text))))

test('what is written is read, here and by another implementation', () => {
  fc.assert(
    fc.property(headers, text, (given, data) => {
      const bytes = writeAmqpMessage(given, 'application/json', data)
      const own = readAmqpMessage(bytes)
      assert.deepEqual([own.headers, own.contentType, String(own.data)], [given, 'application/json', data])
      const other = rhea.message.decode(bytes)
      assert.equal(other['content_type'], 'application/json')
      assert.deepEqual(other['application_properties'], Object.fromEntries(given))
      assert.equal(String(other['body'].content), data)
    }),
  )
})

const scalar = fc.oneof(
  fc.string(),
  fc.boolean(),
  fc.integer(),
  fc.double({ min: -1e9, max: 1e9, noNaN: true }).map((value) => value + 0),
  fc.constant(null),
)

test('what another implementation writes is read: values of every kind, data in parts, lists', () => {
  fc.assert(
    fc.property(
      fc.dictionary(
        fc.string().filter((name) => name !== '__proto__'),
        scalar,
      ),
      scalar,
      fc.array(fc.uint8Array()),
      (properties, value, parts) => {
        const { message } = rhea
        const given = { message_id: 'one', application_properties: properties, durable: true }
        const valued = readAmqpMessage(message.encode({ ...given, body: value }))
        assert.deepEqual(Object.fromEntries(valued.headers), { ...properties })
        assert.equal(valued.data, typeof value === 'string' ? value : JSON.stringify(value))
        const sections = message.data_sections(parts.map((part) => Buffer.from(part)))
        const { data } = readAmqpMessage(message.encode({ ...given, body: sections }))
        assert.deepEqual(data, parts.length === 0 ? null : Buffer.concat(parts))
      },
    ),
  )
})

test('bytes of any kind are read or refused at once, without more memory than they have', () => {
  const begun = fc.constantFrom<readonly number[]>([], [0, 0x53, 0x74], [0, 0x53, 0x75], [0, 0x53, 0x77], [0, 0x53, 0x77, 0xf0])
  fc.assert(
    fc.property(begun, fc.uint8Array({ maxLength: 200 }), (start, rest) => {
      try {
        readAmqpMessage(Buffer.from([...start, ...rest]))
      } catch (error) {
        assert.ok(error instanceof Error)
      }
    }),
    { numRuns: 3_000 },
  )
  const nasty =
    (...bytes: number[]) =>
    () =>
      readAmqpMessage(Buffer.from([0, 0x53, 0x77, ...bytes]))
  assert.throws(nasty(0xf0, 0, 0, 0, 5, 0xff, 0xff, 0xff, 0xff, 0x41), /claims 4294967295 values/)
  assert.throws(nasty(...Array.from({ length: 9_000 }, (_, n) => [0xc0, 0xff, 0x01][n % 3]!)), /more than 16 deep/)
  // Arrays of arrays of what has no bytes: each claims no more than there are bytes, and together they claim their square.
  const inner = [0, 0, 0, 5, 0, 0, 0x27, 0x10, 0x40]
  const many = [0xf0, 0, 0, 0, 0, 0, 0, 3, 0xe8, 0xf0, ...Array.from({ length: 1_000 }, () => inner).flat()]
  assert.throws(nasty(...many), /claims 10000 values/)
  assert.throws(nasty(0xb0, 0xff, 0xff, 0xff, 0xff, 1), /ends within a value/)
  assert.throws(() => readAmqpMessage(Buffer.from([0, 0x53, 0x20, 0x40])), /has a section 32, which there is none/)
})
