/** Codecs of messages, compiled once: a message's fields are known when a door opens. */
import { objectMaker, setKey, unknownFromJson, unknownToJson } from 'dure/contract/internal'
import { fieldCodec, type FieldCodec } from './field-codec.ts'
import { readTimestamp, readValue, writeTimestamp, writeValue } from './known.ts'
import type { ProtoMessage, ProtoType } from './messages.ts'
import { createReader, MalformedMessage, readSized, readUint32, skip, type Reader } from './reader.ts'
import { scalarSlot, type Slot } from './slots.ts'
import { createWriter, writeSized, written, type Writer } from './writer.ts'

export type Codec = {
  /** @param ahead bytes to leave free before it. @throws {TypeError} for what protobuf cannot hold */
  readonly encode: (value: unknown, ahead?: number) => Buffer
  /** @throws {MalformedMessage} when the bytes are no message of this type */
  readonly decode: (bytes: Uint8Array) => unknown
}

type Body = { write: (writer: Writer, value: unknown) => void; read: (reader: Reader) => unknown }

export type Codecs = (message: ProtoMessage) => Codec

/** Compiles codecs as they are asked for; messages that refer to themselves are compiled once. */
export function createCodecs(): Codecs {
  const bodies = new Map<ProtoMessage, Body>()
  const spare = createWriter()

  function bodyOf(message: ProtoMessage): Body {
    let body = bodies.get(message)
    if (body !== undefined) return body
    // Known before its fields are, for they may refer to it.
    body = { write: () => {}, read: () => undefined }
    bodies.set(message, body)
    Object.assign(body, compile(message, slotOf))
    return body
  }

  function slotOf(type: ProtoType): Slot {
    if (type.kind !== 'message') return scalarSlot(type)
    const body = bodyOf(type.message)
    // Looked up when they are used: a message may be its own part.
    const write = (writer: Writer, value: unknown): void => body.write(writer, value)
    const read = (reader: Reader): unknown => body.read(reader)
    return {
      ...{ wire: 2, packed: false, isDefault: () => false, initial: undefined },
      write: (writer, value) => writeSized(writer, write, value),
      read: (reader) => readSized(reader, read),
      empty: () => read(createReader(NO_BYTES)),
    }
  }

  return (message) => {
    const body = bodyOf(message)
    return {
      encode: (value, ahead = 0) => {
        spare.at = ahead
        if (spare.bytes.length < ahead) spare.bytes = Buffer.allocUnsafeSlow(1024)
        try {
          body.write(spare, value)
          return written(spare)
        } finally {
          // One large message is no reason to keep that much for all times.
          if (spare.bytes.length > LARGEST_SPARE) spare.bytes = Buffer.allocUnsafeSlow(1024)
        }
      },
      decode: (bytes) => body.read(createReader(bytes)),
    }
  }
}

const NO_BYTES = new Uint8Array()
const LARGEST_SPARE = 256 * 1024

function compile(message: ProtoMessage, slotOf: (type: ProtoType) => Slot): Body {
  switch (message.form) {
    case 'empty':
      return { write: () => {}, read: (reader) => (passOver(reader), null) }
    case 'timestamp':
      return { write: writeTimestamp as Body['write'], read: readTimestamp }
    case 'value':
      return {
        write: (writer, value) => writeValue(writer, unknownToJson(value)),
        read: (reader) => unknownFromJson(readValue(reader)),
      }
    default:
      return fieldsBody(message, slotOf)
  }
}

const passOver = (reader: Reader): void => {
  while (reader.at < reader.end) skip(reader, readUint32(reader) & 7)
}

function fieldsBody(message: ProtoMessage, slotOf: (type: ProtoType) => Slot): Body {
  // Compiled at the first use, when all messages are known.
  let compiled: readonly FieldCodec[] | undefined
  const numbers = message.fields.map(({ number }) => number)
  const places = new Map(numbers.map((number, at) => [number, at]))
  const codecs = (): readonly FieldCodec[] => (compiled ??= message.fields.map((field) => fieldCodec(field, slotOf)))
  const { write, whole } = FORMS[message.form as keyof typeof FORMS](message)
  return {
    write: (writer, value) => write(writer, value, codecs()),
    read: (reader) => {
      const all = codecs()
      const values: unknown[] = []
      while (values.length < all.length) values.push(undefined)
      let last = -1
      while (reader.at < reader.end) {
        const tag = readUint32(reader)
        const number = tag >>> 3
        // Nearly always the next one, or one more of a list.
        const at = numbers[last + 1] === number ? last + 1 : numbers[last] === number ? last : places.get(number)
        if (at === undefined) {
          if (number === 0) throw new MalformedMessage('a field in it has the number 0')
          skip(reader, tag & 7)
          continue
        }
        values[at] = all[at]!.read(reader, values[at], tag & 7)
        last = at
      }
      return whole(values, all, last)
    },
  }
}

type Form = {
  readonly write: (writer: Writer, value: unknown, fields: readonly FieldCodec[]) => void
  /** The value of what was read, which it may change; `last` is the field that came last. */
  readonly whole: (values: unknown[], fields: readonly FieldCodec[], last: number) => unknown
}

const valueOf = (values: readonly unknown[], fields: readonly FieldCodec[], at: number): unknown =>
  values[at] === undefined ? fields[at]!.absent() : values[at]

const FORMS: Readonly<Record<'object' | 'tuple' | 'union' | 'box' | 'pair', (message: ProtoMessage) => Form>> = {
  object: ({ fields }) => {
    const keys = fields.map(({ key }) => key)
    const made = objectMaker(keys)
    return {
      write: (writer, value, all) => {
        for (let at = 0; at < all.length; at++) all[at]!.write(writer, (value as Readonly<Record<string, unknown>>)[keys[at]!])
      },
      whole: (values, all) => {
        let isWhole = true
        for (let at = 0; at < all.length; at++) if ((values[at] = valueOf(values, all, at)) === undefined) isWhole = false
        if (isWhole) return made(values)
        const object: Record<string, unknown> = {}
        for (let at = 0; at < all.length; at++) if (values[at] !== undefined) setKey(object, keys[at]!, values[at])
        return object
      },
    }
  },
  tuple: ({ fields }) => {
    const rest = fields.at(-1)?.key === 'rest'
    const places = rest ? fields.length - 1 : fields.length
    return {
      write: (writer, value, all) => {
        const list = value as readonly unknown[]
        for (let at = 0; at < all.length; at++) all[at]!.write(writer, at === places ? list.slice(at) : list[at])
      },
      whole: (values, all) => {
        const list = Array.from({ length: places }, (_, at) => valueOf(values, all, at))
        const more = rest ? (valueOf(values, all, places) as readonly unknown[]) : []
        if (more.length === 0) while (list.length > 0 && list.at(-1) === undefined) list.pop()
        return [...list, ...more]
      },
    }
  },
  union: ({ fields, memberOf, name }) => {
    const places = new Map(fields.map(({ key }, at) => [key, at]))
    return {
      write: (writer, value, all) => {
        const place = places.get(memberOf!(value)!)
        if (place === undefined)
          throw new TypeError(`Cannot write a value as "${name}" in protobuf: it is none of what that can be`)
        all[place]!.write(writer, value)
      },
      whole: (values, all, last) => (last === -1 ? undefined : valueOf(values, all, last)),
    }
  },
  box: () => ({
    write: (writer, value, all) => all[0]!.write(writer, value),
    whole: (values, all) => valueOf(values, all, 0),
  }),
  pair: () => ({
    write: (writer, value, all) => {
      const [key, one] = value as readonly [unknown, unknown]
      all[0]!.write(writer, key)
      all[1]!.write(writer, one)
    },
    whole: (values, all) => [valueOf(values, all, 0), valueOf(values, all, 1)],
  }),
}
