import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createFrameReader } from './frame-reader.ts'
import { frame, PREFACE } from './raw.test-support.ts'

/** What is read of parts. */
function readAll(parts: readonly Buffer[]): { readonly frames: readonly Buffer[]; readonly wrong: readonly string[] } {
  const frames: Buffer[] = []
  const wrong: string[] = []
  const reader = createFrameReader(
    (type, flags, id, bytes, from, to) => frames.push(frame(type, flags, id, bytes.subarray(from, to))),
    () => wrong.length > 0,
    (_code, reason) => wrong.push(reason),
  )
  for (const part of parts) reader.read(part)
  return { frames, wrong }
}

const anyFrame = fc
  .tuple(
    fc.nat(255),
    fc.nat(255),
    fc.nat(0x7fff_ffff),
    fc.oneof(fc.uint8Array({ maxLength: 20 }), fc.constant(new Uint8Array(16_384))),
  )
  .map(([type, flags, id, payload]) => frame(type, flags, id, payload))

test('frames are the same wherever what comes is cut', () => {
  fc.assert(
    fc.property(fc.array(anyFrame, { maxLength: 6 }), fc.array(fc.double({ min: 0, max: 1, noNaN: true })), (frames, cuts) => {
      const all = Buffer.concat([PREFACE, ...frames])
      const places = [0, ...cuts.map((cut) => Math.floor(cut * all.length)).sort((a, b) => a - b), all.length]
      const parts = places.slice(1).map((to, i) => all.subarray(places[i], to))
      const read = readAll(parts)
      assert.deepEqual(read.wrong, [])
      assert.equal(read.frames.length, frames.length)
      assert.ok(Buffer.concat(read.frames).equals(Buffer.concat(frames)))
    }),
  )
  const frames = [frame(4, 0, 0, Buffer.alloc(6)), frame(0, 1, 1, Buffer.from('body')), frame(6, 0, 0)]
  const all = Buffer.concat([PREFACE, ...frames])
  for (let cut = 0; cut <= all.length; cut++)
    assert.deepEqual(readAll([all.subarray(0, cut), all.subarray(cut)]).frames, frames, `cut at ${cut}`)
  assert.deepEqual(readAll(Array.from(all, (byte) => Buffer.from([byte]))).frames, frames, 'byte by byte')
})

test('a frame that is too long is refused by its head, and another preface by its first wrong byte', () => {
  const long = frame(0, 0, 1, Buffer.alloc(16_385))
  for (const parts of [
    [PREFACE, long.subarray(0, 9)],
    [PREFACE, long.subarray(0, 4), long.subarray(4, 9)],
  ])
    assert.deepEqual(readAll(parts), { frames: [], wrong: ['A frame has 16385 bytes; 16384 may be'] })
  const old = readAll([Buffer.from('P'), Buffer.from('OST / HTTP/1.1\r\n\r\n')])
  assert.deepEqual(old, { frames: [], wrong: ['What came first is not what a client of HTTP/2 begins with'] })
})
