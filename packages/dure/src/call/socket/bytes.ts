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

/** Where the value that begins at `at` ends. */
function skip(bytes: Buffer, at: number, end: number, depth: number): number {
  if (at >= end) throw cut()
  const token = bytes[at]!
  if (token < 0x80 || token >= 0xe0) return at + 1
  if (token < 0x90) return skipMap(bytes, at + 1, end, token & 15, depth)
  if (token < 0xa0) return skipList(bytes, at + 1, end, token & 15, depth)
  if (token < 0xc0) return past(at + 1 + (token & 31), end)
  switch (token) {
    case 0xc0: // null
    case 0xc2: // false
    case 0xc3: // true
      return at + 1
    case 0xcc: // whole numbers and fractions of 1, 2, 4 and 8 bytes
    case 0xd0:
      return past(at + 2, end)
    case 0xcd:
    case 0xd1:
      return past(at + 3, end)
    case 0xca:
    case 0xce:
    case 0xd2:
      return past(at + 5, end)
    case 0xcb:
    case 0xcf:
    case 0xd3:
      return past(at + 9, end)
    case 0xc4: // bytes and texts
    case 0xd9:
      return past(at + 2 + size(bytes, at + 1, end, 1), end)
    case 0xc5:
    case 0xda:
      return past(at + 3 + size(bytes, at + 1, end, 2), end)
    case 0xc6:
    case 0xdb:
      return past(at + 5 + size(bytes, at + 1, end, 4), end)
    case 0xdc:
      return skipList(bytes, at + 3, end, size(bytes, at + 1, end, 2), depth)
    case 0xdd:
      return skipList(bytes, at + 5, end, size(bytes, at + 1, end, 4), depth)
    case 0xde:
      return skipMap(bytes, at + 3, end, size(bytes, at + 1, end, 2), depth)
    case 0xdf:
      return skipMap(bytes, at + 5, end, size(bytes, at + 1, end, 4), depth)
    case 0xd4: // extensions
    case 0xd5:
    case 0xd6:
    case 0xd7:
    case 0xd8:
      return skipExtension(bytes, at + 1, end, 1 << (token - 0xd4))
    case 0xc7:
      return skipExtension(bytes, at + 2, end, size(bytes, at + 1, end, 1))
    case 0xc8:
      return skipExtension(bytes, at + 3, end, size(bytes, at + 1, end, 2))
    case 0xc9:
      return skipExtension(bytes, at + 5, end, size(bytes, at + 1, end, 4))
    default:
      throw new ProtocolError(`A value begins with the byte ${token}, which none does`)
  }
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

function size(bytes: Buffer, at: number, end: number, width: 1 | 2 | 4): number {
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
