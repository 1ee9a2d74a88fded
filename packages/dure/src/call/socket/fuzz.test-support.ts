/** Frames as they should be, and all that can be wrong with them. */
import fc from 'fast-check'
import { encode } from './codec.ts'
import { FrameWriter } from './frames.ts'
import * as words from './protocol.ts'

export type Bytes = Uint8Array

/** One frame in parts, so that each can be wrong by itself. */
type Frame = { readonly type: number; readonly id: number; readonly body: Bytes }

export function frame(write: (writer: FrameWriter) => void): Buffer {
  const writer = new FrameWriter()
  write(writer)
  return Buffer.from(writer.take())
}

function bytesOf({ type, id, body }: Frame): Buffer {
  return frame((writer) => {
    writer.begin(type, id)
    for (const byte of body) writer.byte(byte)
    writer.end()
  })
}

const body = (write: (writer: FrameWriter) => void): Bytes =>
  frame((writer) => {
    writer.begin(0, 0)
    write(writer)
    writer.end()
  }).subarray(words.HEADER)

const numbers = fc.oneof(fc.constantFrom(0, 1, 2, 3, 0x7fffffff, 0x80000000, 0xffffffff), fc.nat(300))
/** The callers' numbers: a few, so that frames meet. */
const ids = fc.oneof({ weight: 20, arbitrary: fc.integer({ min: 0, max: 6 }) }, { weight: 1, arbitrary: numbers })

const nested = (head: readonly number[], depth: number, inside: readonly number[]): number[] => [
  ...Array.from({ length: depth }, () => head).flat(),
  ...inside,
]

/** Values that claim more than they are, or are what no value of ours is. */
export const bombs: readonly (readonly number[])[] = [
  nested([0x91], 5_000, [0xc0]), // lists in lists
  nested([0x81, 0xa1, 0x61], 5_000, [0xc0]), // maps in maps
  nested([0xdd, 0, 0x10, 0, 0], 300, [0xc0]), // each claims a million
  nested([0xdc, 0xff, 0xff], 2_000, [0xc0]),
  [0xdd, 0xff, 0xff, 0xff, 0xff],
  [0xdf, 0xff, 0xff, 0xff, 0xff, 0xa1, 0x61, 0xc0],
  [0xdb, 0xff, 0xff, 0xff, 0xff, 0x61],
  [0xc6, 0xff, 0xff, 0xff, 0xff, 0x61],
  [0xc9, 0xff, 0xff, 0xff, 0xff, 0x42, 0x61],
  [0xc7, 0x00, 0x42],
  [0xd4, 0x72, 0x40, 0x92, 0xa1, 0x61, 0xa1, 0x62, 0x01, 0x02], // a record, and its use
  [0xd5, 0x72, 0x00, 0x01, 0x91, 0xa1, 0x61, 0x01],
  [0x92, 0xd6, 0x69, 0, 0, 0, 1, 0x91, 0xd6, 0x70, 0, 0, 0, 1], // a list that holds itself
  [0xd6, 0x70, 0, 0, 0, 1],
  [0xc7, 0, 0x65, 0x93, 0xa5, 0x45, 0x72, 0x72, 0x6f, 0x72, 0xa1, 0x78, 0xc0], // an error
  [0xc7, 5, 0x74, 6, 1, 2, 3, 4], // a typed array
  [0xc7, 3, 0x78, 0x92, 0xa1, 0x28], // an expression
  [0xd6, 0x62, 0, 0, 0, 3, 0xa1, 0x61], // texts in a bundle
  [0xc1],
  [0x81, 0xa9, ...Buffer.from('__proto__'), 0x81, 0xa1, 0x61, 0x01],
  [0x81, 0x91, 0x01, 0x01],
]

const values: fc.Arbitrary<{ readonly form: number; readonly bytes: Bytes }> = fc.oneof(
  fc.anything({ withDate: true, withMap: true, withSet: true, withBigInt: true, maxDepth: 3 }).map((value) => {
    try {
      const { bytes, start, end, tagged } = encode(value)
      return { form: tagged ? words.TAGGED : 0, bytes: Uint8Array.from(bytes.subarray(start, end)) }
    } catch {
      return { form: 0, bytes: Uint8Array.of() }
    }
  }),
  fc.record({
    form: fc.constantFrom(0, words.TAGGED),
    bytes: fc.constantFrom(...bombs).map((bomb) => Uint8Array.from(bomb)),
  }),
  fc.record({ form: fc.constantFrom(0, words.TAGGED), bytes: fc.uint8Array({ maxLength: 60 }) }),
)

const callFrames = fc
  .record({
    type: fc.constantFrom(words.CALL, words.STREAM, words.CHANNEL),
    id: ids,
    name: fc.oneof({ weight: 30, arbitrary: fc.constantFrom(1, 2) }, { weight: 1, arbitrary: fc.nat(0xffff) }),
    caller: fc.constantFrom(0, 0, 0, 1, 77),
    left: fc.oneof({ weight: 4, arbitrary: fc.constant(60_000) }, { weight: 1, arbitrary: numbers }),
    credit: fc.tuple(fc.oneof(fc.constantFrom(1, 2, 64), numbers), fc.oneof(fc.constant(1_000), numbers)),
    flags: fc.constantFrom(0, 0, 0, 1, 31, 32, 64, 96, 255),
    texts: fc.array(
      fc.oneof(
        fc.string({ maxLength: 10 }),
        fc.constantFrom('{"subject":"a","kind":"user","scopes":[],"roles":[]}', '{"tenant":"a"}', '{"__proto__":"a"}', 'null'),
      ),
      { maxLength: 7 },
    ),
    value: values,
  })
  .map(({ type, id, name, caller, left, credit: [values, bytes], flags, texts, value }) => ({
    type,
    id,
    body: body((writer) => {
      writer.short(name)
      writer.short(caller)
      writer.int(left)
      if (type !== words.CALL) {
        writer.int(values)
        writer.int(bytes)
      }
      writer.byte(flags | value.form)
      for (const text of texts) writer.text(text)
      for (const byte of value.bytes) writer.byte(byte)
    }),
  }))

const principals = fc
  .tuple(
    fc.oneof({ weight: 5, arbitrary: fc.integer({ min: 1, max: 3 }) }, { weight: 1, arbitrary: fc.constantFrom(0, 256, 257) }),
    fc.constantFrom('{"subject":"a","kind":"user","scopes":[],"roles":[]}', '{"subject":"b"}', 'null', '{'),
  )
  .map(([id, text]) => ({ type: words.PRINCIPAL, id, body: body((writer) => writer.text(text)) }))

const answerFrames = fc
  .record({ type: fc.constantFrom(words.ANSWER, words.ITEM, words.FAILURE), id: ids, value: values })
  .map(({ type, id, value }) => ({ type, id, body: Uint8Array.of(value.form, ...value.bytes) }))

const failures = fc
  .record({
    id: ids,
    failure: fc.oneof(
      fc.tuple(
        fc.constantFrom(0, 1, 2),
        fc.constantFrom('UNAVAILABLE', 'NOT_FOUND', 'Odd', ''),
        fc.string(),
        fc.anything({ maxDepth: 2 }),
      ),
      fc.anything({ maxDepth: 2 }),
    ),
  })
  .map(({ id, failure }) => {
    try {
      const { bytes, start, end, tagged } = encode(failure)
      const form = tagged ? words.TAGGED : 0
      return { type: words.FAILURE, id, body: Uint8Array.of(form, ...bytes.subarray(start, end)) }
    } catch {
      return { type: words.FAILURE, id, body: Uint8Array.of(0) }
    }
  })

/** Credits, ends and beats: for calls that are there and for calls that are not. */
const smallFrames = fc.oneof(
  fc.record({ type: fc.constant(words.CANCEL), id: ids, body: fc.uint8Array({ minLength: 1, maxLength: 2 }) }),
  fc.record({
    type: fc.constant(words.CREDIT),
    id: ids,
    body: fc.tuple(numbers, numbers).map(([values, bytes]) =>
      body((writer) => {
        writer.int(values)
        writer.int(bytes)
      }),
    ),
  }),
  fc.record({
    type: fc.constantFrom(words.PING, words.PONG, words.LEAVING, words.END, words.STOP),
    id: ids,
    body: fc.uint8Array({ maxLength: 2 }),
  }),
)

/** Frames that fit no moment but one. */
const oddFrames = fc.oneof(
  fc.record({
    type: fc.constant(words.NAME),
    id: fc.oneof(fc.integer({ min: 1, max: 4 }), numbers),
    body: fc
      .oneof(fc.constantFrom('rig\necho', 'rig\nticks', 'no\nwhere', '\n\n'), fc.string({ maxLength: 40 }))
      .map((text) => body((writer) => writer.text(text))),
  }),
  fc.record({
    type: fc.constantFrom(words.HELLO, words.REFUSE),
    id: ids,
    body: fc.oneof(
      fc.tuple(fc.constantFrom(words.MAGIC, 0), fc.constantFrom(words.VERSION, 0, 9), numbers).map(([magic, version, size]) =>
        body((writer) => {
          writer.int(magic)
          writer.short(version)
          writer.int(size)
        }),
      ),
      fc.string({ maxLength: 30 }).map((text) => body((writer) => writer.text(text))),
    ),
  }),
  fc.record({ type: fc.nat(255), id: ids, body: fc.uint8Array({ maxLength: 60 }) }),
)

/** What happens to a frame's bytes on the way. */
const damage = fc.oneof(
  { weight: 60, arbitrary: fc.constant((bytes: Buffer): Buffer => bytes) },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.nat(), fc.nat(7)).map(([at, bit]) => (bytes: Buffer): Buffer => {
      const changed = Buffer.from(bytes)
      changed[at % changed.length]! ^= 1 << bit
      return changed
    }),
  },
  {
    weight: 1,
    arbitrary: fc.nat().map(
      (at) =>
        (bytes: Buffer): Buffer =>
          bytes.subarray(0, at % bytes.length),
    ),
  },
  {
    weight: 1,
    arbitrary: numbers.map((length) => (bytes: Buffer): Buffer => {
      const changed = Buffer.from(bytes)
      changed.writeUInt32BE(length, 0)
      return changed
    }),
  },
  { weight: 1, arbitrary: fc.constant((bytes: Buffer): Buffer => Buffer.concat([bytes, bytes])) },
)

const damaged = (frames: fc.Arbitrary<Frame>): fc.Arbitrary<Buffer> =>
  fc.tuple(frames, damage).map(([one, harm]) => harm(bytesOf(one)))

const rubbish = fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes))

/** Frames in any order, most of them nearly right; `likely` are those that fit the direction. */
function script(likely: fc.Arbitrary<Frame>, unlikely: fc.Arbitrary<Frame>): fc.Arbitrary<Buffer> {
  const one = fc.oneof(
    { weight: 30, arbitrary: damaged(likely) },
    { weight: 15, arbitrary: damaged(smallFrames) },
    { weight: 1, arbitrary: damaged(oddFrames) },
    { weight: 1, arbitrary: damaged(unlikely) },
    { weight: 1, arbitrary: rubbish },
  )
  return fc.array(one, { minLength: 1, maxLength: 12 }).map((all) => Buffer.concat(all))
}

export const fromClient: fc.Arbitrary<Buffer> = script(
  fc.oneof({ weight: 2, arbitrary: callFrames }, { weight: 1, arbitrary: fc.oneof(answerFrames, failures, principals) }),
  answerFrames,
)
export const fromServer: fc.Arbitrary<Buffer> = script(fc.oneof(answerFrames, failures), fc.oneof(callFrames, principals))

/** Where the bytes are cut on the way. */
export const splits: fc.Arbitrary<readonly number[]> = fc.array(fc.nat(), { maxLength: 5 })

export function pieces(bytes: Buffer, at: readonly number[]): readonly Buffer[] {
  const cuts = [...new Set([0, ...at.map((one) => one % (bytes.length + 1)), bytes.length])].sort((a, b) => a - b)
  return cuts.slice(1).map((end, i) => bytes.subarray(cuts[i]!, end))
}
