import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decode, encode, UnsendableError } from './codec.ts'
import { ProtocolError } from './protocol.ts'

const key = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('__proto__', 'constructor', 'toJSON', '\ud800', '\ufeffx'))
const wire = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.string({ unit: 'binary' }),
    fc.string({ unit: 'binary', minLength: 60, maxLength: 300 }),
    fc.double(),
    fc.integer(),
    fc.boolean(),
    fc.constantFrom(null, undefined, -0, '\udfff', '\ufeff'),
    fc.bigInt(),
    fc.bigInt({ min: -(2n ** 200n), max: 2n ** 200n }),
    fc.date({ noInvalidDate: true }),
    fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(5_000_000_000_000) }),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie('value'), { maxLength: 6 }),
    fc.array(fc.tuple(key, tie('value')), { maxLength: 6 }).map((entries) => Object.fromEntries(entries)),
    fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 4 }).map((entries) => new Map(entries)),
    fc.array(tie('value'), { maxLength: 4 }).map((values) => new Set(values)),
  ),
})).value

function there(value: unknown): { bytes: Buffer; tagged: boolean } {
  const { bytes, start, end, tagged } = encode(value)
  return { bytes: Buffer.from(bytes.subarray(start, end)), tagged }
}

test('every value of the wire type system comes back as it was, wherever it stands in a chunk', () => {
  fc.assert(
    fc.property(wire, fc.nat(200), (value, before) => {
      const { bytes, tagged } = there(value)
      const chunk = Buffer.concat([Buffer.alloc(before, 0xff), bytes, Buffer.alloc(before, 0xff)])
      assert.deepStrictEqual(decode(chunk, before, before + bytes.length, tagged), value)
    }),
    { numRuns: 2_000 },
  )
})

test('what comes back shares no memory with what came in', () => {
  const { bytes, tagged } = there({ list: [new Uint8Array([1, 2, 3])], text: 'a text of some length, more than a few letters' })
  const value = decode(bytes, 0, bytes.length, tagged)
  bytes.fill(0)
  assert.deepStrictEqual(value, { list: [new Uint8Array([1, 2, 3])], text: 'a text of some length, more than a few letters' })
})

test('what cannot travel is refused, and the next value is none the worse for it', () => {
  for (const bad of [() => 1, Symbol('s'), new Date(Number.NaN), [new Map([[{}, new URL('http://a')]])]])
    assert.throws(() => encode(bad), UnsendableError)
  const { bytes, tagged } = there({ a: 1 })
  assert.deepStrictEqual(decode(bytes, 0, bytes.length, tagged), { a: 1 })
})

test('bytes that nobody wrote are refused or read as some value, and never anything worse', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 400 }), fc.boolean(), (bytes, tagged) => {
      try {
        decode(Buffer.from(bytes), 0, bytes.length, tagged)
      } catch (error) {
        assert.ok(error instanceof ProtocolError, String(error))
      }
    }),
    { numRuns: 5_000 },
  )
})

test('values cut short or changed on the way are refused or read as some value', () => {
  fc.assert(
    fc.property(wire, fc.nat(), fc.nat(), fc.nat(255), (value, cut, at, byte) => {
      const { bytes, tagged } = there(value)
      bytes[at % bytes.length] = byte
      try {
        decode(bytes, 0, cut % (bytes.length + 1), tagged)
      } catch (error) {
        assert.ok(error instanceof ProtocolError, String(error))
      }
    }),
    { numRuns: 2_000 },
  )
})

test('claims of endless lists, texts and depth cost nothing', () => {
  const hostile = [
    [0xdd, 0xff, 0xff, 0xff, 0xff],
    [0xdf, 0xff, 0xff, 0xff, 0xff],
    [0xdb, 0xff, 0xff, 0xff, 0xff],
    [0xc6, 0xff, 0xff, 0xff, 0xff],
    Array.from({ length: 100_000 }, () => 0x91),
    // References (cycles) and records are not spoken here.
    [0xd6, 0x70, 0, 0, 0, 1],
  ]
  for (const bytes of hostile)
    for (const tagged of [false, true]) assert.throws(() => decode(Buffer.from(bytes), 0, bytes.length, tagged), ProtocolError)
})
