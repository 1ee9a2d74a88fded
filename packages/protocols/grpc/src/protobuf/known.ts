/** Messages that protobuf brings along: Timestamp, and Value for what has no type. */
import { MalformedMessage, readDouble, readInteger, readSized, readText, readUint32, skip, type Reader } from './reader.ts'
import { writeDouble, writeInteger, writeSized, writeText, writeUint32, type Writer } from './writer.ts'

// From the year 1 to the end of 9999: all that a Timestamp may be.
const FIRST = -62_135_596_800_000
const LAST = 253_402_300_799_999

/** @throws {TypeError} for what no Timestamp can be */
export function writeTimestamp(writer: Writer, date: Date): void {
  const time = date.getTime()
  if (!(time >= FIRST && time <= LAST))
    throw new TypeError('Cannot write a date in protobuf: a Timestamp is of the years 1 to 9999')
  const seconds = Math.floor(time / 1000)
  const nanos = (time - seconds * 1000) * 1_000_000
  if (seconds !== 0) {
    writeUint32(writer, 8)
    writeInteger(writer, seconds)
  }
  if (nanos !== 0) {
    writeUint32(writer, 16)
    writeUint32(writer, nanos)
  }
}

/** Milliseconds are what a Date holds: what is finer is cut off, as everywhere in JavaScript. */
export function readTimestamp(reader: Reader): Date {
  let seconds = 0
  let nanos = 0
  while (reader.at < reader.end) {
    const tag = readUint32(reader)
    if (tag === 8) seconds = readInteger(reader)
    else if (tag === 16) nanos = readUint32(reader) | 0
    else skip(reader, tag & 7)
  }
  const time = seconds * 1000 + Math.floor(nanos / 1_000_000)
  if (nanos < 0 || nanos > 999_999_999 || time < FIRST || time > LAST)
    throw new MalformedMessage(`a Timestamp in it is none: ${seconds} seconds and ${nanos} nanoseconds`)
  return new Date(time)
}

/** @param json what JSON can hold */
export function writeValue(writer: Writer, json: unknown): void {
  switch (typeof json) {
    case 'number':
      writeUint32(writer, 17)
      return writeDouble(writer, json)
    case 'string':
      writeUint32(writer, 26)
      return writeText(writer, json)
    case 'boolean':
      writeUint32(writer, 32)
      return writeUint32(writer, json ? 1 : 0)
  }
  if (json === null) {
    writeUint32(writer, 8)
    return writeUint32(writer, 0)
  }
  const list = Array.isArray(json)
  writeUint32(writer, list ? 50 : 42)
  if (list) writeSized(writer, writeList, json as readonly unknown[])
  else writeSized(writer, writeStruct, json as object)
}

function writeList(writer: Writer, list: readonly unknown[]): void {
  for (const value of list) {
    writeUint32(writer, 10)
    writeSized(writer, writeValue, value)
  }
}

function writeStruct(writer: Writer, struct: object): void {
  for (const entry of Object.entries(struct)) {
    writeUint32(writer, 10)
    writeSized(writer, writeEntry, entry)
  }
}

function writeEntry(writer: Writer, [key, value]: readonly [string, unknown]): void {
  writeUint32(writer, 10)
  writeText(writer, key)
  writeUint32(writer, 18)
  writeSized(writer, writeValue, value)
}

/** What JSON can hold. */
export function readValue(reader: Reader): unknown {
  let value: unknown
  while (reader.at < reader.end) {
    const tag = readUint32(reader)
    switch (tag) {
      case 8:
        readUint32(reader)
        value = null
        break
      case 17:
        value = readDouble(reader)
        if (!Number.isFinite(value)) throw new MalformedMessage('a number in a Value is not finite')
        break
      case 26:
        value = readText(reader)
        break
      case 32:
        value = readUint32(reader) !== 0
        break
      case 42:
        value = readSized(reader, readStruct)
        break
      case 50:
        value = readSized(reader, readList)
        break
      default:
        skip(reader, tag & 7)
    }
  }
  if (value === undefined) throw new MalformedMessage('a Value in it is none')
  return value
}

function readList(reader: Reader): unknown[] {
  const list: unknown[] = []
  while (reader.at < reader.end) {
    const tag = readUint32(reader)
    if (tag === 10) list.push(readSized(reader, readValue))
    else skip(reader, tag & 7)
  }
  return list
}

function readStruct(reader: Reader): object {
  const struct: Record<string, unknown> = {}
  while (reader.at < reader.end) {
    const tag = readUint32(reader)
    if (tag !== 10) {
      skip(reader, tag & 7)
      continue
    }
    const [key, value] = readSized(reader, readEntry)
    if (key === '__proto__') Object.defineProperty(struct, key, { value, enumerable: true, configurable: true, writable: true })
    else struct[key] = value
  }
  return struct
}

function readEntry(reader: Reader): readonly [string, unknown] {
  let key = ''
  let value: unknown = null
  while (reader.at < reader.end) {
    const tag = readUint32(reader)
    if (tag === 10) key = readText(reader)
    else if (tag === 18) value = readSized(reader, readValue)
    else skip(reader, tag & 7)
  }
  return [key, value]
}
