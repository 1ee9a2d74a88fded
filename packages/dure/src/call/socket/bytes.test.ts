import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { checkBytes, HeavyError } from './bytes.ts'
import { encode, UnsendableError } from './codec.ts'
import { bombs } from './fuzz.test-support.ts'
import { ProtocolError } from './protocol.ts'

const anything = fc.anything({ withDate: true, withMap: true, withSet: true, withBigInt: true, withTypedArray: false })

test('all that is written passes, whole and not otherwise', () => {
  fc.assert(
    fc.property(fc.oneof(anything, fc.bigInt(), fc.double(), fc.date({ noInvalidDate: true })), fc.nat(), (value, cut) => {
      let bytes: Buffer
      try {
        const encoded = encode(value)
        bytes = Buffer.from(encoded.bytes.subarray(encoded.start, encoded.end))
      } catch (error) {
        assert.ok(error instanceof UnsendableError, String(error))
        return
      }
      assert.ok(checkBytes(bytes, 0, bytes.length) >= bytes.length)
      assert.throws(() => checkBytes(bytes, 0, cut % bytes.length), ProtocolError)
      assert.throws(() => checkBytes(Buffer.concat([bytes, bytes]), 0, bytes.length * 2), ProtocolError)
    }),
    { numRuns: 2_000 },
  )
})

test('what no value of ours is does not pass', () => {
  for (const bomb of bombs.filter((one) => !Buffer.from(one).includes('__proto__')))
    assert.throws(() => checkBytes(Buffer.from(bomb), 0, bomb.length), ProtocolError, String(bomb.slice(0, 20)))
})

test('what is small on the wire and large in memory does not pass', () => {
  // A list of two million objects without fields: two megabytes, and a hundred and twenty in memory.
  const list = Buffer.alloc(2_500_005, 0x80)
  list[0] = 0xdd
  list.writeUInt32BE(2_500_000, 1)
  assert.throws(() => checkBytes(list, 0, list.length), HeavyError)
  list.writeUInt32BE(500_000, 1)
  assert.ok(checkBytes(list, 0, 500_005) > 28_000_000)
})
