/** Both ways for a field, which may hold several values. */
import { setKey } from 'dure/contract/internal'
import type { ProtoField, ProtoType } from './messages.ts'
import { MalformedMessage, readSized, readUint32, skip, type Reader } from './reader.ts'
import { scalarSlot, type Slot } from './slots.ts'
import { writeSized, writeUint32, type Writer } from './writer.ts'

export type FieldCodec = {
  /** Writes nothing for what is said by absence. */
  readonly write: (writer: Writer, value: unknown) => void
  /** @param before what an earlier part of the same field has left @param wire of the tag that was read */
  readonly read: (reader: Reader, before: unknown, wire: number) => unknown
  /** What it is when nothing was read; undefined: not there. */
  readonly absent: () => unknown
}

export function fieldCodec(field: ProtoField, slotOf: (type: ProtoType) => Slot): FieldCodec {
  const { holds, name } = field
  const slot = slotOf(field.type)
  const expect = (wire: number, ...among: readonly number[]): void => {
    if (!among.includes(wire))
      throw new MalformedMessage(`its field "${name}" has the wire type ${wire} instead of ${among.join(' or ')}`)
  }
  switch (holds) {
    case 'one':
      return oneCodec(field, slot, expect)
    case 'map':
    case 'record':
      return mapCodec(field, slot, expect)
    default:
      return manyCodec(field, slot, expect)
  }
}

type Expect = (wire: number, ...among: readonly number[]) => void

const tagOf = ({ number }: ProtoField, wire: number): number => number * 8 + wire

function oneCodec(field: ProtoField, slot: Slot, expect: Expect): FieldCodec {
  const { absent } = field
  const tag = tagOf(field, slot.wire)
  return {
    write: (writer, value) => {
      if (value === undefined || (value === null && absent === 'null')) return
      if (absent === 'default' && slot.isDefault(value)) return
      writeUint32(writer, tag)
      slot.write(writer, value)
    },
    read: (reader, _, wire) => {
      if (wire !== slot.wire) expect(wire, slot.wire)
      return slot.read(reader)
    },
    absent: () => (absent === 'default' ? slot.initial : absent === 'null' ? null : undefined),
  }
}

function manyCodec(field: ProtoField, slot: Slot, expect: Expect): FieldCodec {
  const { holds, name } = field
  const tag = tagOf(field, slot.packed ? 2 : slot.wire)
  const some = (value: unknown): unknown => {
    if (value === undefined) throw new MalformedMessage(`its field "${name}" has an item that is none`)
    return value
  }
  const writeAll = (writer: Writer, values: unknown): void => {
    for (const value of values as Iterable<unknown>) slot.write(writer, value)
  }
  return {
    write: (writer, values) => {
      if (values === undefined) return
      const size = holds === 'list' ? (values as readonly unknown[]).length : (values as ReadonlySet<unknown>).size
      if (size === 0) return
      if (slot.packed) {
        writeUint32(writer, tag)
        return writeSized(writer, writeAll, values)
      }
      for (const value of values as Iterable<unknown>) {
        writeUint32(writer, tag)
        slot.write(writer, value)
      }
    },
    read: (reader, before, wire) => {
      const into = (before ?? empty(holds)) as unknown[] & Set<unknown> & Map<unknown, unknown>
      const take = (value: unknown): void => {
        if (holds === 'list') into.push(value)
        else if (holds === 'set') into.add(value)
        else {
          const [key, one] = value as readonly [unknown, unknown]
          if (into.has(key)) throw new MalformedMessage(`its field "${name}" has one key twice`)
          into.set(key, one)
        }
      }
      // Both ways of writing numbers are read, whichever is asked for.
      if (slot.packed && wire === 2)
        readSized(reader, () => {
          while (reader.at < reader.end) take(some(slot.read(reader)))
        })
      else {
        if (wire !== slot.wire) expect(wire, slot.wire, 2)
        const value = slot.read(reader)
        // Of `unknown` values undefined is one.
        take(field.type.kind === 'enum' ? some(value) : value)
      }
      return into
    },
    absent: () => empty(holds),
  }
}

function mapCodec(field: ProtoField, slot: Slot, expect: Expect): FieldCodec {
  const { holds, name } = field
  const keySlot = scalarSlot(field.mapKey!)
  const tag = tagOf(field, 2)
  const writeEntry = (writer: Writer, [key, value]: readonly [unknown, unknown]): void => {
    writeUint32(writer, 8 + keySlot.wire)
    keySlot.write(writer, key)
    writeUint32(writer, 16 + slot.wire)
    slot.write(writer, value)
  }
  const readEntry = (reader: Reader): readonly [unknown, unknown] => {
    let key = keySlot.initial
    let value: unknown
    let given = false
    while (reader.at < reader.end) {
      const entry = readUint32(reader)
      if (entry === 8 + keySlot.wire) key = keySlot.read(reader)
      else if (entry === 16 + slot.wire) {
        value = slot.read(reader)
        given = true
      } else skip(reader, entry & 7)
    }
    if (!given) value = slot.empty()
    if (value === undefined && field.type.kind === 'enum')
      throw new MalformedMessage(`its field "${name}" has an entry without a value`)
    return [key, value]
  }
  return {
    write: (writer, values) => {
      if (values === undefined) return
      for (const entry of holds === 'map' ? (values as ReadonlyMap<unknown, unknown>) : Object.entries(values as object)) {
        writeUint32(writer, tag)
        writeSized(writer, writeEntry, entry)
      }
    },
    read: (reader, before, wire) => {
      if (wire !== 2) expect(wire, 2)
      const into = before ?? empty(holds)
      const [key, value] = readSized(reader, readEntry)
      if (holds === 'map') (into as Map<unknown, unknown>).set(key, value)
      else setKey(into as Record<string, unknown>, key as string, value)
      return into
    },
    absent: () => empty(holds),
  }
}

function empty(holds: ProtoField['holds']): unknown {
  return holds === 'list' ? [] : holds === 'set' ? new Set() : holds === 'record' ? {} : new Map()
}
