/** Protobuf by tables: a message is its fields, by number; what no table knows is passed over. */
import { PbfReader } from 'pbf'

/** How a field is read. Ids are hexadecimal text, and 64-bit numbers plain ones, as OTLP's JSON form has them, nearly. */
export type Kind =
  | 'text'
  | 'hex'
  | 'base64'
  | 'varint'
  | 'bool'
  | 'fixed32'
  | 'fixed64'
  | 'sfixed64'
  | 'double'
  | 'fixed64s'
  | 'doubles'
export type Field =
  | { readonly name: string; readonly kind: Kind }
  | { readonly name: string; readonly many: boolean; readonly of: () => Fields }
export type Fields = ReadonlyMap<number, Field>

/** Wire types of protobuf. */
const [VARINT, FIXED64, BYTES, FIXED32] = [0, 1, 2, 5]
const WIRE: Readonly<Record<Kind, number>> = {
  ...{
    text: BYTES,
    hex: BYTES,
    base64: BYTES,
    varint: VARINT,
    bool: VARINT,
    fixed32: FIXED32,
    fixed64: FIXED64,
    sfixed64: FIXED64,
  },
  ...{ double: FIXED64, fixed64s: BYTES, doubles: BYTES },
}
/** Messages inside messages. */
const DEEPEST = 32

/** @throws {RangeError} when it ends in the middle, or is no protobuf */
export function readProtobuf(bytes: Uint8Array, fields: Fields): Readonly<Record<string, unknown>> {
  try {
    return readMessage(new PbfReader(bytes), fields, bytes.length, 0)
  } catch (error) {
    throw error instanceof RangeError ? error : new RangeError((error as Error).message, { cause: error })
  }
}

function readMessage(reader: PbfReader, fields: Fields, end: number, depth: number): Record<string, unknown> {
  if (depth > DEEPEST) throw new RangeError(`messages are inside each other more than ${DEEPEST} deep`)
  const message: Record<string, unknown> = {}
  while (reader.pos < end) {
    const tag = varint(reader, end)
    const [number, wire] = [Math.floor(tag / 8), tag % 8]
    const field = fields.get(number)
    const isKnown = field !== undefined && wire === ('kind' in field ? WIRE[field.kind] : BYTES)
    if (!isKnown) {
      // A list of numbers may come one by one as well.
      if (field !== undefined && 'kind' in field && field.kind.endsWith('s') && wire === FIXED64) {
        const list = (message[field.name] ??= []) as number[]
        need(reader, 8, end)
        list.push(field.kind === 'doubles' ? reader.readDouble() : reader.readFixed64())
      } else skip(reader, wire, end)
    } else if ('kind' in field) message[field.name] = readValue(reader, field.kind, end)
    else {
      const to = length(reader, end)
      const value = readMessage(reader, field.of(), to, depth + 1)
      if (field.many) ((message[field.name] ??= []) as unknown[]).push(value)
      else message[field.name] = value
    }
  }
  if (reader.pos !== end) throw new RangeError('it ends in the middle of a field')
  return message
}

function readValue(reader: PbfReader, kind: Kind, end: number): unknown {
  switch (kind) {
    case 'text':
      return bytesOf(reader, end).toString('utf8')
    case 'hex':
      return bytesOf(reader, end).toString('hex')
    case 'base64':
      return bytesOf(reader, end).toString('base64')
    case 'varint':
      return varint(reader, end)
    case 'bool':
      return varint(reader, end) !== 0
    case 'fixed32':
      need(reader, 4, end)
      return reader.readFixed32()
    case 'fixed64':
      need(reader, 8, end)
      return reader.readFixed64()
    case 'sfixed64':
      need(reader, 8, end)
      return reader.readSFixed64()
    case 'double':
      need(reader, 8, end)
      return reader.readDouble()
    case 'fixed64s':
    case 'doubles': {
      const to = length(reader, end)
      const list: number[] = []
      while (reader.pos < to) {
        need(reader, 8, to)
        list.push(kind === 'doubles' ? reader.readDouble() : reader.readFixed64())
      }
      return list
    }
  }
}

function bytesOf(reader: PbfReader, end: number): Buffer {
  const to = length(reader, end)
  const bytes = Buffer.from(reader.buf.buffer, reader.buf.byteOffset + reader.pos, to - reader.pos)
  reader.pos = to
  return bytes
}

/** Signed, as all of OTLP's are that may be negative. */
function varint(reader: PbfReader, end: number): number {
  const value = reader.readVarint(true)
  if (reader.pos > end || Number.isNaN(value)) throw new RangeError('it ends in the middle of a number')
  return value
}

/** Where what follows ends. */
function length(reader: PbfReader, end: number): number {
  const to = varint(reader, end) + reader.pos
  if (to > end || to < reader.pos) throw new RangeError('a field is longer than what it is in')
  return to
}

function need(reader: PbfReader, bytes: number, end: number): void {
  if (reader.pos + bytes > end) throw new RangeError('it ends in the middle of a number')
}

function skip(reader: PbfReader, wire: number, end: number): void {
  if (wire === VARINT) varint(reader, end)
  else if (wire === FIXED64 || wire === FIXED32) {
    need(reader, wire === FIXED64 ? 8 : 4, end)
    reader.pos += wire === FIXED64 ? 8 : 4
  } else if (wire === BYTES) reader.pos = length(reader, end)
  else throw new RangeError(`it has a field of an unknown kind (${wire})`)
}
