import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { OUTBOX_COLUMNS, outboxMessage, outboxValues, type OutboxMessage } from './outbox-row.ts'

const maybe = fc.option(fc.string(), { nil: undefined })
const messages: fc.Arbitrary<OutboxMessage> = fc
  .record({
    ...{ id: fc.string(), source: fc.string(), type: fc.string(), key: fc.string(), data: fc.string() },
    ...{ time: fc.maxSafeNat(), schemaVersion: fc.nat(), correlationId: fc.string(), causationId: maybe, traceparent: maybe },
    destination: fc.constantFrom('topic', 'queue'),
    more: fc.record(
      {
        ...{ delay: fc.maxSafeNat(), topic: fc.string(), contentType: fc.string(), replyTo: fc.string() },
        ...{ sequence: fc.maxSafeNat(), headers: fc.dictionary(fc.string(), fc.string(), { noNullPrototype: true }) },
      },
      { requiredKeys: [] },
    ),
  })
  .map(({ more, ...message }) => ({ ...message, ...more }))

test('a message comes out of its columns as it went in, whatever stands before it and whether numbers come as texts', () => {
  fc.assert(
    fc.property(messages, fc.array(fc.nat(), { maxLength: 2 }), fc.boolean(), (message, before, texts) => {
      const values = outboxValues(message)
      assert.equal(values.length, OUTBOX_COLUMNS.split(', ').length)
      const read = values.map((value) => (texts && typeof value === 'number' ? String(value) : value))
      assert.deepEqual(outboxMessage([...before, ...read], before.length), message)
    }),
  )
})
