import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createRecords, type Details, type Recorded } from './records.ts'
import { hexOf, placeOf, traceparentOf, TraceWords } from './trace-words.ts'

const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const number = fc.double({ noNaN: true })
const trace = fc.tuple(word, word, word, word, fc.boolean()).map((given) => new TraceWords(...given))
const place = fc.record({ trace, high: word.filter((one) => one !== 0), low: word })
const details: fc.Arbitrary<Details> = fc.record({
  numbers: fc.array(number, { maxLength: 4 }),
  messageId: fc.option(fc.uuid(), { nil: undefined }),
  conversationId: fc.option(fc.uuid(), { nil: undefined }),
})
const record = fc.record({
  place,
  parent: fc.option(place, { nil: undefined }),
  said: fc.record({
    shape: fc.integer({ min: 1, max: 4_096 }),
    at: number,
    ms: number,
    details: fc.option(details, { nil: undefined }),
  }),
})
type Written = typeof record extends fc.Arbitrary<infer R> ? R : never

/** Records of a ring that one takes. */
const slotsOf = ({ said: { details } }: Written): number =>
  details !== undefined && (details.messageId !== undefined || details.conversationId !== undefined || details.numbers.length > 1)
    ? 2
    : 1

function assertSame(found: Recorded, { place, parent, said }: Written): void {
  const { trace, high, low } = place
  const [numbers, told] = [said.details?.numbers ?? [], found.numbers.filter((one) => !Number.isNaN(one))]
  assert.deepEqual([found.shape, found.at, found.ms, told], [said.shape, said.at, said.ms, numbers])
  assert.deepEqual(
    [found.traceId, found.spanId, found.parentId, found.random],
    [
      hexOf(trace.a, trace.b, trace.c, trace.d),
      hexOf(high, low),
      parent === undefined ? undefined : hexOf(parent.high, parent.low),
      trace.random,
    ],
  )
  assert.deepEqual([found.messageId, found.conversationId], [said.details?.messageId, said.details?.conversationId])
}

test('the ring holds the latest as they were written, and each is taken out once', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 20 }), fc.array(record, { maxLength: 50 }), (size, written) => {
      const records = createRecords(size)
      for (const { said, place, parent } of written) records.write(said.shape, place, parent, said.at, said.ms, said.details)
      const found = records.take(() => true)
      let room = size
      const held = written.toReversed().filter((one) => (room -= slotsOf(one)) >= 0 || (room = Number.NEGATIVE_INFINITY) > 0)
      assert.equal(found.length, held.length)
      found.forEach((one, i) => assertSame(one, held.toReversed()[i]!))
      assert.deepEqual(
        records.take(() => true),
        [],
      )
    }),
  )
})

test('those of one trace are taken, the others stay', () => {
  const records = createRecords(8)
  const [one, other] = [new TraceWords(1, 2, 3, 4, true), new TraceWords(1, 2, 3, 5, false)]
  for (let i = 1; i <= 6; i++) records.write(i, { trace: i % 2 === 0 ? one : other, high: 7, low: i }, undefined, i, 0, undefined)
  const shapesOf = (wanted: TraceWords): readonly number[] =>
    records.take((a, b, c, d) => a === wanted.a && b === wanted.b && c === wanted.c && d === wanted.d).map(({ shape }) => shape)
  assert.deepEqual([shapesOf(one), shapesOf(other), shapesOf(one)], [[2, 4, 6], [1, 3, 5], []])
})

test('a place in words is the same as in text', () => {
  fc.assert(
    fc.property(place, fc.boolean(), (one, sampled) => {
      const text = traceparentOf(one, sampled)
      assert.equal(text.slice(53), `0${(sampled ? 1 : 0) + (one.trace.random ? 2 : 0)}`)
      const read = placeOf(text)
      if (one.trace.a === 0 && one.trace.b === 0 && one.trace.c === 0 && one.trace.d === 0) assert.equal(read, undefined)
      else assert.equal(traceparentOf(read!, sampled), text)
    }),
  )
})
