/**
 * Values that MessagePack would change on the way (maps among objects, bytes, `-0`, texts that are no Unicode, dates
 * long ago, a key `__proto__`) in a form that it keeps: every container is a list that begins with what it is.
 */
import { ProtocolError } from './protocol.ts'

const ARRAY = 0
const OBJECT = 1
const BARE_OBJECT = 2
const MAP = 3
const SET = 4
const DATE = 5
const BYTES = 6
const BUFFER = 7
const TEXT = 8
const MINUS_ZERO = 9

/** As deep as values of the wire type system go, and one more for the innermost. */
const DEEPEST = 202

/** Whether MessagePack brings the text back as it is: broken surrogates become other characters, a leading mark is dropped. */
export function isPlainText(text: string): boolean {
  return text.isWellFormed() && text.charCodeAt(0) !== 0xfeff
}

/** @param value of the wire type system: whoever calls has checked that */
export function toTagged(value: unknown): unknown {
  if (typeof value === 'string') return isPlainText(value) ? value : [TEXT, JSON.stringify(value)]
  if (typeof value === 'number') return Object.is(value, -0) ? [MINUS_ZERO] : value
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) {
    const list: unknown[] = [ARRAY]
    for (let i = 0; i < value.length; i++) list.push(toTagged(value[i]))
    return list
  }
  if (value instanceof Date) return [DATE, value.getTime()]
  if (value instanceof Uint8Array) return [Buffer.isBuffer(value) ? BUFFER : BYTES, value]
  if (value instanceof Map) {
    const list: unknown[] = [MAP]
    for (const [key, part] of value) list.push(toTagged(key), toTagged(part))
    return list
  }
  if (value instanceof Set) {
    const list: unknown[] = [SET]
    for (const part of value) list.push(toTagged(part))
    return list
  }
  const list: unknown[] = [Object.getPrototypeOf(value) === null ? BARE_OBJECT : OBJECT]
  for (const key of Object.keys(value)) list.push(toTagged(key), toTagged((value as Record<string, unknown>)[key]))
  return list
}

/** @throws {ProtocolError} for what `toTagged` never makes */
export function fromTagged(value: unknown, depth: number = 0): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (!Array.isArray(value) || depth > DEEPEST) throw nonsense()
  const inside = depth + 1
  switch (value[0]) {
    case ARRAY: {
      const list: unknown[] = []
      for (let i = 1; i < value.length; i++) list.push(fromTagged(value[i], inside))
      return list
    }
    case OBJECT:
      return objectFrom(value, {}, inside)
    case BARE_OBJECT:
      return objectFrom(value, Object.create(null) as Record<string, unknown>, inside)
    case MAP: {
      const map = new Map<unknown, unknown>()
      for (let i = 1; i < value.length; i += 2) map.set(fromTagged(value[i], inside), fromTagged(value[i + 1], inside))
      return map
    }
    case SET: {
      const set = new Set<unknown>()
      for (let i = 1; i < value.length; i++) set.add(fromTagged(value[i], inside))
      return set
    }
    case DATE:
      if (typeof value[1] !== 'number') throw nonsense()
      return new Date(value[1])
    case BYTES:
      return new Uint8Array(bytesOf(value[1]))
    case BUFFER:
      return Buffer.from(bytesOf(value[1]))
    case TEXT:
      return textFrom(value[1])
    case MINUS_ZERO:
      return -0
    default:
      throw nonsense()
  }
}

function objectFrom(list: readonly unknown[], made: Record<string, unknown>, depth: number): unknown {
  for (let i = 1; i < list.length; i += 2) {
    const key = fromTagged(list[i], depth)
    if (typeof key !== 'string') throw nonsense()
    const value = fromTagged(list[i + 1], depth)
    if (key === '__proto__') Object.defineProperty(made, key, { value, enumerable: true, configurable: true, writable: true })
    else made[key] = value
  }
  return made
}

function bytesOf(value: unknown): Uint8Array {
  if (!(value instanceof Uint8Array)) throw nonsense()
  return value
}

function textFrom(json: unknown): string {
  if (typeof json !== 'string' || !json.startsWith('"')) throw nonsense()
  try {
    return JSON.parse(json) as string
  } catch {
    throw nonsense()
  }
}

function nonsense(): ProtocolError {
  return new ProtocolError('A value is not in the form that it claims')
}
