/**
 * A look at MessagePack bytes before anything is made of them: they hold what `encode` writes and nothing else. The
 * library that reads them also knows records, references, errors and other extensions, and makes room for lists as
 * long as they say they are; a stranger's bytes reach none of that.
 */
import { ProtocolError } from './protocol.ts'

/** Containers inside containers: as deep as values of the wire type system go in either form. */
const DEEPEST = 210

const UNDEFINED = 0
const BIGINT = 0x42
const DATE = 0xff

/** Bytes of memory that one value may take up: an empty object is one byte on the wire and sixty in memory. */
const HEAVIEST = 128 * 1024 * 1024
const CONTAINER = 56
const FIELD = 24
const ELEMENT = 8

/** A value that is well written and would take up too much memory. */
export class HeavyError extends ProtocolError {}

let weight = 0

/**
 * @returns bytes of memory that the value will take up, about
 * @throws {ProtocolError} for bytes that are not exactly one value
 */
export function checkBytes(bytes: Buffer, start: number, end: number): number {
  weight = end - start
  if (skip(bytes, start, end, 0) !== end) throw new ProtocolError('A value has more bytes than it says')
  return weight
}

function weigh(more: number): void {
  weight += more
  if (weight > HEAVIEST) throw new HeavyError(`A value takes up more than ${HEAVIEST} bytes of memory`)
}

/** Bytes of values whose first byte says how long they are: null, booleans, numbers. */
const FIXED = new Uint8Array(256)
/** Bytes of the length that follows the first byte: of bytes and texts, lists, maps, extensions. */
const WIDTH = new Uint8Array(256)
for (const [size, tokens] of [
  [1, [0xc0, 0xc2, 0xc3]],
  [2, [0xcc, 0xd0]],
  [3, [0xcd, 0xd1]],
  [5, [0xca, 0xce, 0xd2]],
  [9, [0xcb, 0xcf, 0xd3]],
] as const)
  for (const token of tokens) FIXED[token] = size
for (const [width, tokens] of [
  [1, [0xc4, 0xd9, 0xc7]],
  [2, [0xc5, 0xda, 0xdc, 0xde, 0xc8]],
  [4, [0xc6, 0xdb, 0xdd, 0xdf, 0xc9]],
] as const)
  for (const token of tokens) WIDTH[token] = width

/** Where the value that begins at `at` ends. */
function skip(bytes: Buffer, at: number, end: number, depth: number): number {
  if (at >= end) throw cut()
  const token = bytes[at]!
  if (token < 0x80 || token >= 0xe0) return at + 1
  if (token < 0x90) return skipMap(bytes, at + 1, end, token & 15, depth)
  if (token < 0xa0) return skipList(bytes, at + 1, end, token & 15, depth)
  if (token < 0xc0) return past(at + 1 + (token & 31), end)
  const fixed = FIXED[token]!
  if (fixed > 0) return past(at + fixed, end)
  if (token >= 0xd4 && token <= 0xd8) return skipExtension(bytes, at + 1, end, 1 << (token - 0xd4))
  const width = WIDTH[token]!
  if (width === 0) throw new ProtocolError(`A value begins with the byte ${token}, which none does`)
  const length = size(bytes, at + 1, end, width)
  const from = at + 1 + width
  if (token >= 0xde) return skipMap(bytes, from, end, length, depth)
  if (token >= 0xdc) return skipList(bytes, from, end, length, depth)
  if (token >= 0xc7 && token <= 0xc9) return skipExtension(bytes, from, end, length)
  return past(from + length, end)
}

function skipList(bytes: Buffer, from: number, end: number, length: number, depth: number): number {
  // Every value takes a byte at least.
  if (length > end - from) throw cut()
  if (depth >= DEEPEST) throw new ProtocolError(`A value is more than ${DEEPEST} deep`)
  weigh(CONTAINER + ELEMENT * length)
  let at = from
  for (let i = 0; i < length; i++) at = skip(bytes, at, end, depth + 1)
  return at
}

function skipMap(bytes: Buffer, from: number, end: number, length: number, depth: number): number {
  if (length * 2 > end - from) throw cut()
  if (depth >= DEEPEST) throw new ProtocolError(`A value is more than ${DEEPEST} deep`)
  weigh(CONTAINER + FIELD * length)
  let at = from
  for (let i = 0; i < length; i++) {
    const token = bytes[at]!
    if ((token < 0xa0 || token >= 0xc0) && (token < 0xd9 || token > 0xdb)) throw new ProtocolError('A key is no text')
    at = skip(bytes, skip(bytes, at, end, depth), end, depth + 1)
  }
  return at
}

function skipExtension(bytes: Buffer, at: number, end: number, length: number): number {
  const after = past(at + 1 + length, end)
  weigh(CONTAINER)
  const type = bytes[at]
  const known =
    (type === UNDEFINED && length === 1) ||
    (type === BIGINT && length > 0) ||
    (type === DATE && (length === 4 || length === 8 || length === 12))
  if (!known) throw new ProtocolError(`A value has an extension of type ${type} and ${length} bytes, which none has`)
  return after
}

function size(bytes: Buffer, at: number, end: number, width: number): number {
  if (at + width > end) throw cut()
  return bytes.readUIntBE(at, width)
}

function past(at: number, end: number): number {
  if (at > end) throw cut()
  return at
}

function cut(): ProtocolError {
  return new ProtocolError('A value ends before what it says')
}
