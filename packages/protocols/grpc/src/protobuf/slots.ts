/** Both ways for single values: scalars and enumerations. */
import { bigintFromText } from 'dure/contract/internal'
import type { ProtoEnum, ProtoScalar, ProtoType } from './messages.ts'
import { MalformedMessage, readBytes, readDouble, readInteger, readText, readUint32, type Reader } from './reader.ts'
import { writeBytes, writeDouble, writeInteger, writeText, type Writer } from './writer.ts'

/** Both ways for one value that has a place of its own. */
export type Slot = {
  readonly wire: 0 | 1 | 2
  /** Whether several may stand behind one tag. */
  readonly packed: boolean
  readonly write: (writer: Writer, value: unknown) => void
  readonly read: (reader: Reader) => unknown
  /** Whether a value is what an absent field is. */
  readonly isDefault: (value: unknown) => boolean
  /** What an absent field is; undefined: it is missing. */
  readonly initial: unknown
  /** What a value without a byte is. */
  readonly empty: () => unknown
}

export function scalarSlot(type: Exclude<ProtoType, { readonly kind: 'message' }>): Slot {
  if (type.kind === 'enum') return enumSlot(type.enum)
  return type.bigint ? BIGINT : SCALARS[type.scalar]
}

type Both = Pick<Slot, 'write' | 'read'>
const slot = (wire: Slot['wire'], initial: unknown, { write, read }: Both): Slot => ({
  ...{ wire, packed: wire !== 2, initial, write, read },
  isDefault: (value) => value === initial,
  empty: () => initial,
})

const SCALARS: Readonly<Record<ProtoScalar, Slot>> = {
  string: slot(2, '', { write: writeText as Slot['write'], read: readText }),
  bool: slot(0, false, {
    write: (writer, value) => writeInteger(writer, value === true ? 1 : 0),
    read: (reader) => readUint32(reader) !== 0,
  }),
  int32: slot(0, 0, { write: writeInteger as Slot['write'], read: (reader) => readUint32(reader) | 0 }),
  int64: slot(0, 0, { write: writeInteger as Slot['write'], read: readInteger }),
  double: {
    ...slot(1, 0, { write: writeDouble as Slot['write'], read: readDouble }),
    // Zero below zero is another number.
    isDefault: (value) => Object.is(value, 0),
  },
  bytes: {
    ...slot(2, undefined, { write: writeBytes as Slot['write'], read: readBytes }),
    isDefault: (value) => (value as Uint8Array).length === 0,
    get initial() {
      return new Uint8Array()
    },
    empty: () => new Uint8Array(),
  },
}

const BIGINT: Slot = {
  ...slot(2, undefined, {
    write: (writer, value) => writeText(writer, String(value as bigint)),
    read: (reader) => {
      const text = readText(reader)
      const value = bigintFromText(text)
      if (value !== undefined) return value
      throw new MalformedMessage(`"${text.slice(0, 40)}" is no integer in decimal`)
    },
  }),
  isDefault: () => false,
}

function enumSlot({ name, values }: ProtoEnum): Slot {
  const numbers = new Map(values.map(({ value, number }) => [value, number]))
  const texts = new Map(values.map(({ value, number }) => [number, value]))
  return {
    ...slot(0, undefined, {
      write: (writer, value) => {
        const number = numbers.get(value as string)
        if (number === undefined)
          throw new TypeError(`Cannot write ${JSON.stringify(value)} as "${name}" in protobuf: it is none of its values`)
        writeInteger(writer, number)
      },
      read: (reader) => {
        const number = readUint32(reader)
        if (number === 0) return undefined
        const text = texts.get(number)
        if (text === undefined) throw new MalformedMessage(`"${name}" has no value ${number | 0}`)
        return text
      },
    }),
    isDefault: () => false,
  }
}
