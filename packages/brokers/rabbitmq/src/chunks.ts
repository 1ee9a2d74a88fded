import { gunzipSync } from 'node:zlib'
import type { Reader } from './frames.ts'

/** Messages that a stream keeps together, as its server brings them. */
export type Chunk = {
  /** Offset of its first message. */
  readonly first: number
  /** Offset behind its last one. */
  readonly end: number
  /** When the server took them, in milliseconds since the epoch. */
  readonly time: number
  readonly size: number
  /** Each as AMQP 1.0 writes it; a reason, where it cannot be had. */
  readonly messages: readonly (Buffer | string)[]
}

/** Bytes that compressed messages may have, taken apart. */
const MOST_UNPACKED = 64 * 1024 * 1024

export function readChunk(reader: Reader): Chunk {
  reader.bytes(2) // Magic number and kind: the server sends no other than messages.
  const [entries, records, time] = [reader.u16(), reader.u32(), reader.i64()]
  reader.i64()
  const first = reader.i64()
  reader.bytes(16)
  const size = reader.left()
  const messages: (Buffer | string)[] = []
  for (let entry = 0; entry < entries; entry++) {
    const head = reader.u8()
    if (head < 0x80) {
      const length = ((head << 24) | (reader.u8() << 16) | reader.u16()) >>> 0
      messages.push(reader.bytes(length))
    } else readPacked((head >> 4) & 7, reader, messages)
  }
  return { first, end: first + records, time, size, messages }
}

/** Several messages that their publisher packed together. */
function readPacked(kind: number, reader: Reader, messages: (Buffer | string)[]): void {
  const [count, unpacked, packed] = [reader.u16(), reader.u32(), reader.u32()]
  const bytes = reader.bytes(packed)
  const give = (what: string): void => messages.push(...Array.from({ length: count }, () => what)) as unknown as void
  if (kind > 1) return give(`it is compressed in a way (${kind}) that is not known here; have its publisher use gzip, or none`)
  if (unpacked > MOST_UNPACKED) return give(`with those it is compressed with it has ${unpacked} bytes`)
  try {
    const all = kind === 0 ? bytes : gunzipSync(bytes, { maxOutputLength: MOST_UNPACKED })
    const found: Buffer[] = []
    for (let at = 0; found.length < count;) {
      const length = all.readUInt32BE(at)
      found.push(all.subarray(at + 4, at + 4 + length))
      at += 4 + length
    }
    messages.push(...found)
  } catch (error) {
    give(`it cannot be unpacked: ${(error as Error).message}`)
  }
}
