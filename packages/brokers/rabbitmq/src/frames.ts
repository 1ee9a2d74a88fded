/** The frames of RabbitMQ's stream protocol, and the chunks in which a stream's messages come. Numbers are big-endian. */

export const COMMAND = {
  declarePublisher: 1,
  publish: 2,
  confirm: 3,
  refuse: 4,
  deletePublisher: 6,
  subscribe: 7,
  deliver: 8,
  credit: 9,
  storeOffset: 10,
  queryOffset: 11,
  unsubscribe: 12,
  create: 13,
  delete: 14,
  gone: 16,
  properties: 17,
  handshake: 18,
  authenticate: 19,
  tune: 20,
  open: 21,
  close: 22,
  heartbeat: 23,
  partitions: 25,
  statistics: 28,
  createTopic: 29,
} as const

/** What a response says when all went well; and what it refuses with. */
export const CODE = {
  ok: 1,
  noStream: 2,
  exists: 5,
  notAvailable: 6,
  wrongPassword: 8,
  noVhost: 12,
  forbidden: 16,
  otherwise: 17,
  noOffset: 19,
}

/** A response has the key of its command with this bit. */
export const RESPONSE = 0x8000

const VERSION = 1

export type Field = Buffer

export const u8 = (value: number): Field => Buffer.from([value])
export const u16 = (value: number): Field => Buffer.from([value >> 8, value & 0xff])
export function u32(value: number): Field {
  const field = Buffer.allocUnsafe(4)
  field.writeUInt32BE(value)
  return field
}
export function u64(value: number | bigint): Field {
  const field = Buffer.allocUnsafe(8)
  field.writeBigUInt64BE(BigInt(value))
  return field
}
export function text(value: string): Field {
  const bytes = Buffer.from(value)
  return Buffer.concat([u16(bytes.length), bytes])
}
export const list = (fields: readonly Field[]): Field => Buffer.concat([u32(fields.length), ...fields])
export const pairs = (given: Readonly<Record<string, string>>): Field =>
  list(Object.entries(given).map(([name, value]) => Buffer.concat([text(name), text(value)])))

/** A frame with its length before it. `correlation`: where the command is answered. */
export function frame(key: number, fields: readonly Field[], correlation?: number): Buffer {
  const head = correlation === undefined ? [u16(key), u16(VERSION)] : [u16(key), u16(VERSION), u32(correlation)]
  const size = fields.reduce((sum, { length }) => sum + length, 0) + (correlation === undefined ? 4 : 8)
  return Buffer.concat([u32(size), ...head, ...fields], size + 4)
}

/** Reads the fields of a frame one after the other. */
export type Reader = {
  readonly u8: () => number
  readonly u16: () => number
  readonly u32: () => number
  /** Offsets and times: below what a number holds exactly for as long as anybody will live. */
  readonly i64: () => number
  readonly text: () => string
  readonly bytes: (size: number) => Buffer
  readonly left: () => number
  readonly list: <T>(each: () => T) => T[]
  readonly pairs: () => Map<string, string>
}

export function readerOf(bytes: Buffer): Reader {
  let at = 0
  const take = (size: number): number => {
    at += size
    return at - size
  }
  const reader: Reader = {
    u8: () => bytes.readUInt8(take(1)),
    u16: () => bytes.readUInt16BE(take(2)),
    u32: () => bytes.readUInt32BE(take(4)),
    i64: () => Number(bytes.readBigInt64BE(take(8))),
    text: () => {
      const size = bytes.readInt16BE(take(2))
      return size < 0 ? '' : bytes.toString('utf8', at, take(size) + size)
    },
    bytes: (size: number) => {
      if (at + size > bytes.length) throw new RangeError(`it ends within a part of ${size} bytes`)
      return bytes.subarray(take(size), at)
    },
    left: () => bytes.length - at,
    list: <T>(each: () => T): T[] => Array.from({ length: reader.u32() }, each),
    pairs: () => new Map(reader.list(() => [reader.text(), reader.text()] as const)),
  }
  return reader
}

/** Cuts what a socket brings into frames, without their length; a frame that would be larger than `most` bytes is an error. */
export function frameCutter(most: number, came: (frame: Buffer) => void): (bytes: Buffer) => void {
  let parts: Buffer[] = []
  let held = 0
  let wanted = 4
  return (bytes) => {
    parts.push(bytes)
    held += bytes.length
    // Large frames come in many pieces: they are put together once.
    while (held >= wanted) {
      const all = parts.length === 1 ? parts[0]! : Buffer.concat(parts)
      const size = all.readUInt32BE()
      if (size > most) throw new RangeError(`a frame of ${size} bytes, and ${most} were agreed on`)
      parts = [all]
      wanted = size + 4
      if (held < wanted) return
      came(all.subarray(4, wanted))
      const rest = all.subarray(wanted)
      parts = rest.length === 0 ? [] : [rest]
      held = rest.length
      wanted = 4
    }
  }
}
