import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decode } from './codec.ts'
import { BodyReader, FrameReader, FrameWriter } from './frames.ts'
import { TAGGED, ProtocolError } from './protocol.ts'

type Frame = { readonly id: number; readonly text: string; readonly value: unknown }

function written(frames: readonly Frame[]): Buffer {
  const writer = new FrameWriter()
  for (const { id, text, value } of frames) {
    writer.begin(7, id)
    const flagsAt = writer.mark()
    writer.text(text)
    writer.value(value, 1, flagsAt)
    writer.end()
  }
  return writer.take()
}

function reading(limit: number): { reader: FrameReader; frames: Frame[] } {
  const frames: Frame[] = []
  const reader = new FrameReader({
    limit,
    onFrame: (type, id, bytes, start, end) => {
      assert.equal(type, 7)
      const body = new BodyReader(bytes, start, end)
      const flags = body.byte()
      assert.equal(flags & 1, 1)
      const text = body.text()
      frames.push({ id, text, value: decode(bytes, body.at, end, (flags & TAGGED) !== 0) })
    },
  })
  return { reader, frames }
}

const frame = fc.record(
  {
    id: fc.integer({ min: 0, max: 0xffffffff }),
    text: fc.string({ unit: 'grapheme' }),
    value: fc.oneof(fc.jsonValue(), fc.string({ maxLength: 3_000 }), fc.uint8Array()),
  },
  { noNullPrototype: true },
)

test('frames come out as they went in, however the bytes are cut', () => {
  fc.assert(
    fc.property(
      fc.array(frame, { maxLength: 12 }),
      fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1 }),
      (sent, cuts) => {
        const bytes = written(sent)
        const { reader, frames } = reading(1_000_000)
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const size = cuts[i % cuts.length]!
          // What a chunk held may be gone when the next one comes.
          const chunk = Buffer.from(bytes.subarray(at, at + size))
          reader.push(chunk)
          chunk.fill(0xee)
          at += size
        }
        assert.deepStrictEqual(frames, sent)
        assert.equal(reader.partial, false)
        assert.equal(reader.count, sent.length)
      },
    ),
    { numRuns: 300 },
  )
})

test('lengths out of bounds end it before anything is kept for them', () => {
  const { reader } = reading(1_000)
  assert.throws(() => reader.push(Buffer.from([0x7f, 0xff, 0xff, 0xff, 1, 2])), ProtocolError)
  assert.throws(() => reading(1_000).reader.push(Buffer.from([0, 0, 0, 4, 1, 0, 0, 0])), ProtocolError)
  const { reader: cut } = reading(1_000)
  cut.push(Buffer.from([0x7f]))
  assert.throws(() => cut.push(Buffer.from([0xff, 0xff, 0xff])), ProtocolError)
})

test('a frame that is taken back leaves no trace', () => {
  const writer = new FrameWriter()
  writer.begin(7, 1)
  const flagsAt = writer.mark()
  writer.text('first')
  writer.value([1], 1, flagsAt)
  writer.end()
  const { length } = writer
  writer.begin(7, 2)
  writer.text('x'.repeat(50_000))
  writer.undo()
  assert.equal(writer.length, length)
  assert.throws(() => writer.text('é'.repeat(40_000)), /longer than 65,535 bytes/)
  const { reader, frames } = reading(1_000)
  reader.push(writer.take())
  assert.deepEqual(frames, [{ id: 1, text: 'first', value: [1] }])
})

test('a body that ends before what it says is refused', () => {
  const body = new BodyReader(Buffer.from([0, 9, 65, 66]), 0, 4)
  assert.throws(() => body.text(), ProtocolError)
})
