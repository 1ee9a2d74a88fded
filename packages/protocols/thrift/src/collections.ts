/** Lists, sets and maps as Thrift holds them. */
import { setKey } from 'dure/contract/internal'
import type { Codec } from './scalars.ts'
import { Malformed, Misfit, TYPE, type Reader } from './wire/wire.ts'

type Items = {
  readonly list: (value: unknown) => { readonly size: number; readonly items: Iterable<unknown> } | undefined
  readonly value: (items: unknown[]) => unknown
}

export const LISTS: Items = {
  list: (value) => (Array.isArray(value) ? { size: value.length, items: value } : undefined),
  value: (items) => items,
}
export const SETS: Items = {
  list: (value) => (value instanceof Set ? { size: value.size, items: value } : undefined),
  value: (items) => new Set(items),
}
export const ENTRIES: Items = {
  list: (value) =>
    value instanceof Map ? { size: value.size, items: Array.from(value, ([key, value]) => ({ key, value })) } : undefined,
  value: (items) => uniqueMap(items.map((one) => [(one as Entry).key, (one as Entry).value])),
}
type Entry = { readonly key: unknown; readonly value: unknown }

export function itemsCodec(item: Codec, kind: 'list' | 'set', { list, value }: Items): Codec {
  const type = TYPE[kind]
  const { type: expected, read, write } = item
  return {
    type,
    write: (to, given) => {
      const found = list(given)
      if (found === undefined) throw new Misfit(`${given === null ? 'null' : typeof given} stands where a ${kind} should`)
      to[kind](expected, found.size)
      for (const one of found.items) write(to, one)
    },
    read: (from) => {
      const size = from[kind]()
      if (size > 0 && from.type !== expected)
        throw new Malformed(`items of a ${kind} in it have type ${from.type}, and should have type ${expected}`)
      const items: unknown[] = []
      for (let at = 0; at < size; at++) items.push(read(from))
      from.leave()
      return value(items)
    },
  }
}

export function mapCodec(key: Codec, value: Codec, of: 'map' | 'record'): Codec {
  const readMap = (from: Reader, size: number): Map<unknown, unknown> =>
    uniqueMap(Array.from({ length: size }, () => [key.read(from), value.read(from)]))
  const readRecord = (from: Reader, size: number): Record<string, unknown> => {
    const record: Record<string, unknown> = {}
    for (let at = 0; at < size; at++) {
      const name = key.read(from) as string
      if (Object.hasOwn(record, name)) throw twice()
      setKey(record, name, value.read(from))
    }
    return record
  }
  return {
    type: TYPE.map,
    write: (to, given) => {
      const entries = of === 'map' ? (given instanceof Map ? given : undefined) : entriesOf(given)
      if (entries === undefined) throw new Misfit(`${given === null ? 'null' : typeof given} stands where a ${of} should`)
      to.map(key.type, value.type, 'size' in entries ? entries.size : entries.length)
      for (const [name, own] of entries) {
        key.write(to, name)
        value.write(to, own)
      }
    },
    read: (from) => {
      const size = from.map()
      if (size > 0 && (from.type !== key.type || from.valueType !== value.type))
        throw new Malformed(`a map in it is of types ${from.type} and ${from.valueType}, not ${key.type} and ${value.type}`)
      const read = of === 'map' ? readMap(from, size) : readRecord(from, size)
      from.leave()
      return read
    },
  }
}

function entriesOf(value: unknown): readonly (readonly [string, unknown])[] | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : undefined
}

function uniqueMap(entries: readonly (readonly [unknown, unknown])[]): Map<unknown, unknown> {
  const map = new Map(entries)
  // One of both would be lost.
  if (map.size !== entries.length) throw twice()
  return map
}

const twice = (): Malformed => new Malformed('a map in it has one key twice')
