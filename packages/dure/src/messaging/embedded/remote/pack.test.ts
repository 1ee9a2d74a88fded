import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Message } from '../../../contract/contract.ts'
import { inParts, pack, packPart, BATCH_SIZE, sizeOf, unpack } from './pack.ts'

const words = fc.string({ unit: 'binary' })
const more = fc.record(
  {
    ...{ topic: words, contentType: words, replyTo: words, sequence: fc.maxSafeNat() },
    headers: fc.dictionary(words, words, { noNullPrototype: true }),
  },
  { requiredKeys: [] },
)
const plain = fc.record<Message>({
  id: words,
  source: words,
  type: words,
  key: words,
  time: fc.maxSafeInteger(),
  schemaVersion: fc.nat(),
  correlationId: words,
  causationId: fc.option(words, { nil: undefined }),
  traceparent: fc.option(words, { nil: undefined }),
  data: words,
})
const messages: fc.Arbitrary<Message> = fc.tuple(plain, more).map(([message, attributes]) => ({ ...message, ...attributes }))

test('messages come out of a pack as they went in, with their positions or delays', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(messages, fc.oneof(fc.nat(), words))), (given) => {
      const fields: (string | number | null)[] = []
      for (const [message, extra] of given) pack(fields, message, extra)
      assert.equal(packPart.wrong(fields), undefined)
      assert.deepEqual(
        unpack(fields).map(({ message, extra }) => [message, extra]),
        given.map(([message, extra]) => [{ ...message }, extra]),
      )
    }),
  )
})

test('a pack with anything else in it is refused, with the place', () => {
  const fields: unknown[] = []
  const good: (string | number | null)[] = []
  pack(good, { ...fc.sample(messages, 1)[0]!, causationId: undefined }, 0)
  for (const bad of ['text', {}, undefined, good.slice(1), [...good, 1]]) assert.ok(packPart.wrong(bad) !== undefined)
  for (let i = 0; i < good.length; i++) {
    const changed = [...good, ...good] as unknown[]
    changed[good.length + i] = i === 0 ? null : i < 3 ? 'text' : 5
    assert.deepEqual(packPart.wrong(changed)?.path, [good.length + i])
  }
  assert.equal(packPart.wrong(fields), undefined)
})

test('parts keep the order, leave nothing out, and are no larger than they may be', () => {
  const sized = fc.integer({ min: 0, max: BATCH_SIZE * 1.5 })
  fc.assert(
    fc.property(fc.array(sized, { maxLength: 12 }), (sizes) => {
      const all = sizes.map((size) => ({ data: 'x'.repeat(size), key: '' }) as Message)
      const parts = inParts(all, (message) => message)
      assert.deepEqual(parts.flat(), all)
      for (const part of parts) {
        const size = part.reduce((sum, message) => sum + sizeOf(message), 0)
        assert.ok(part.length === 1 || size <= BATCH_SIZE)
      }
    }),
    { numRuns: 20 },
  )
})
