/** Bytes of protobuf, read and distrusted. */
import { isAscii, isUtf8 } from 'node:buffer'
import { shortText } from 'dure/contract/internal'

/** A message that is none, or not one of its type. */
export class MalformedMessage extends Error {
  override readonly name = 'MalformedMessage'
}

export type Reader = {
  readonly bytes: Buffer
  at: number
  /** Where the message at hand ends. */
  end: number
  /** Messages around it. */
  depth: number
}

/** Messages within messages, as other implementations allow them. */
const DEEPEST = 100

export function createReader(bytes: Uint8Array): Reader {
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return { bytes: buffer, at: 0, end: buffer.length, depth: 0 }
}

const truncated = (): never => {
  throw new MalformedMessage('it ends in the middle of a field')
}

/** The low half of a number; what is above is dropped, as protobuf has it for 32 bits. */
export function readUint32(reader: Reader): number {
  const { bytes, end } = reader
  let value = 0
  for (let shift = 0; shift < 70; shift += 7) {
    if (reader.at >= end) return truncated()
    const byte = bytes[reader.at++]!
    if (shift < 32) value |= (byte & 127) << shift
    if (byte < 128) return value >>> 0
  }
  throw new MalformedMessage('a number in it is longer than ten bytes')
}

/** @throws {MalformedMessage} also when the number is larger than a double holds exactly */
export function readInteger(reader: Reader): number {
  const { bytes, end } = reader
  let low = 0
  let high = 0
  for (let shift = 0; shift < 70; shift += 7) {
    if (reader.at >= end) return truncated()
    const byte = bytes[reader.at++]!
    const bits = byte & 127
    if (shift < 28) low |= bits << shift
    else if (shift === 28) {
      low |= bits << 28
      high = bits >>> 4
    } else if (shift < 63) high |= bits << (shift - 32)
    else high |= (bits & 1) << 31
    if (byte >= 128) continue
    const value = (high | 0) * 2 ** 32 + (low >>> 0)
    if (Number.isSafeInteger(value)) return value
    throw new MalformedMessage(`a number in it is beyond ±${Number.MAX_SAFE_INTEGER}`)
  }
  throw new MalformedMessage('a number in it is longer than ten bytes')
}

export function readDouble(reader: Reader): number {
  if (reader.at + 8 > reader.end) return truncated()
  const value = reader.bytes.readDoubleLE(reader.at)
  reader.at += 8
  return value
}

/** Where what has a length begins; the reader stands behind it. */
function sized(reader: Reader): number {
  const size = readUint32(reader)
  const from = reader.at
  if (size > reader.end - from) return truncated()
  reader.at = from + size
  return from
}

export function readText(reader: Reader): string {
  const from = sized(reader)
  const { bytes, at } = reader
  const short = shortText(bytes, from, at)
  if (short !== undefined) return short
  const part = bytes.subarray(from, at)
  return isAscii(part) ? part.toString('latin1') : unicode(part)
}

function unicode(part: Buffer): string {
  if (!isUtf8(part)) throw new MalformedMessage('a text in it is no UTF-8')
  return part.toString('utf8')
}

/** In memory of their own, for the message may be thrown away. */
export function readBytes(reader: Reader): Uint8Array {
  const from = sized(reader)
  return new Uint8Array(reader.bytes.subarray(from, reader.at))
}

/** Reads a message inside this one. */
export function readSized<T>(reader: Reader, read: (reader: Reader) => T): T {
  const from = sized(reader)
  const { end, at } = reader
  if (++reader.depth > DEEPEST) throw new MalformedMessage(`it is nested more than ${DEEPEST} levels deep`)
  reader.at = from
  reader.end = at
  const value = read(reader)
  reader.end = end
  reader.depth--
  return value
}

/** Passes over a field that is not known. */
export function skip(reader: Reader, wire: number): void {
  switch (wire) {
    case 0:
      return skipVarint(reader)
    case 1:
      return void ((reader.at += 8) > reader.end && truncated())
    case 2:
      return void sized(reader)
    case 5:
      return void ((reader.at += 4) > reader.end && truncated())
    default:
      // Groups are older than all that is called gRPC.
      throw new MalformedMessage(`a field in it has the wire type ${wire}, which no version 3 of protobuf writes`)
  }
}

function skipVarint(reader: Reader): void {
  for (let read = 0; read < 10; read++) {
    if (reader.at >= reader.end) return truncated()
    if (reader.bytes[reader.at++]! < 128) return
  }
  throw new MalformedMessage('a number in it is longer than ten bytes')
}
