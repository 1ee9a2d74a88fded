/** Bytes as protobuf writes them. */

/** A buffer that grows, and is used again for the next message. */
export type Writer = {
  bytes: Buffer
  at: number
}

export function createWriter(size: number = 1024): Writer {
  return { bytes: Buffer.allocUnsafeSlow(size), at: 0 }
}

/** What was written, in bytes of its own. */
export const written = ({ bytes, at }: Writer, from: number = 0): Buffer => Buffer.from(bytes.subarray(from, at))

function room(writer: Writer, more: number): void {
  if (writer.at + more <= writer.bytes.length) return
  const grown = Buffer.allocUnsafeSlow(Math.max(writer.bytes.length * 2, writer.at + more))
  writer.bytes.copy(grown, 0, 0, writer.at)
  writer.bytes = grown
}

/** @param value a whole number below 2³² */
export function writeUint32(writer: Writer, value: number): void {
  room(writer, 5)
  const { bytes } = writer
  let { at } = writer
  let rest = value
  while (rest > 127) {
    bytes[at++] = (rest & 127) | 128
    rest >>>= 7
  }
  bytes[at++] = rest
  writer.at = at
}

/** @param value a whole number that a double holds exactly; what is below zero takes ten bytes, as protobuf has it */
export function writeInteger(writer: Writer, value: number): void {
  if (value >= 0 && value < 2 ** 31) return writeUint32(writer, value)
  room(writer, 10)
  const { bytes } = writer
  let { at } = writer
  // Both halves of its two's complement.
  let low = value >>> 0
  let high = Math.floor(value / 2 ** 32) >>> 0
  while (high > 0) {
    bytes[at++] = (low & 127) | 128
    low = ((low >>> 7) | (high << 25)) >>> 0
    high >>>= 7
  }
  while (low > 127) {
    bytes[at++] = (low & 127) | 128
    low >>>= 7
  }
  bytes[at++] = low
  writer.at = at
}

export function writeDouble(writer: Writer, value: number): void {
  room(writer, 8)
  writer.at = writer.bytes.writeDoubleLE(value, writer.at)
}

/** With its length. @throws {TypeError} when it holds half a surrogate pair, which UTF-8 cannot write */
export function writeText(writer: Writer, value: string): void {
  const { length } = value
  if (length < 64) {
    room(writer, length + 1)
    const { bytes, at } = writer
    bytes[at] = length
    let i = 0
    for (; i < length; i++) {
      const code = value.charCodeAt(i)
      if (code > 127) break
      bytes[at + 1 + i] = code
    }
    if (i === length) {
      writer.at = at + 1 + length
      return
    }
  }
  if (!value.isWellFormed())
    throw new TypeError('Cannot write a text in protobuf: it holds half a surrogate pair, which UTF-8 cannot write')
  const size = Buffer.byteLength(value)
  writeUint32(writer, size)
  room(writer, size)
  writer.at += writer.bytes.write(value, writer.at, 'utf8')
}

/** With their length. */
export function writeBytes(writer: Writer, value: Uint8Array): void {
  writeUint32(writer, value.length)
  room(writer, value.length)
  writer.bytes.set(value, writer.at)
  writer.at += value.length
}

/** Writes what `write` does behind its length, which is only known then. */
export function writeSized<T>(writer: Writer, write: (writer: Writer, value: T) => void, value: T): void {
  room(writer, 1)
  const from = ++writer.at
  write(writer, value)
  const size = writer.at - from
  if (size < 128) {
    writer.bytes[from - 1] = size
    return
  }
  const more = size < 2 ** 14 ? 1 : size < 2 ** 21 ? 2 : size < 2 ** 28 ? 3 : 4
  room(writer, more)
  writer.bytes.copyWithin(from + more, from, writer.at)
  writer.at = from - 1
  writeUint32(writer, size)
  writer.at = from + more + size
}
