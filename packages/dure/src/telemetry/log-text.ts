/**
 * JSON text of anything at all: values that refer to themselves, throw when they are read, have no JSON form, or are far
 * too large. It never throws and never gets longer than a line may be.
 */
import { isInstance } from '../contract/internal.ts'

/** Characters of a line's fields, about. What comes after them is left out, and the line says so. */
const LONGEST_LINE = 64_000
/** Characters of one text. */
const LONGEST_TEXT = 16_000
/** Containers inside containers. */
const DEEPEST = 12
/** Characters of a field's name. */
const LONGEST_NAME = 200

type Line = {
  /** Characters that are left. */
  room: number
  /** What is being written, from the outside in: whatever is met again inside itself is a circle. */
  readonly inside: object[]
  /** Keys that are left out, wherever they are. */
  readonly without: readonly string[]
}

/** The fields as one JSON object. Later fields take the place of earlier ones of the same name. */
export function fieldsText(...fields: readonly unknown[]): string {
  const holders = new Map<Key, object>()
  for (const holder of fields) {
    if (typeof holder !== 'object' || holder === null) continue
    try {
      for (const key of Object.keys(holder)) holders.set(key, holder)
    } catch {
      holders.set('fields', { fields: '(cannot be read)' })
    }
  }
  return `{${partsText(holders.keys(), (key) => holders.get(key)!, lineOf([]), true)}}`
}

/** JSON of one value; null for what JSON leaves out (functions, symbols, `undefined`). */
export function logText(value: unknown, without: readonly string[] = []): string {
  return partText({ value }, 'value', lineOf(without)) ?? 'null'
}

type Key = string | number

function lineOf(without: readonly string[]): Line {
  return { room: LONGEST_LINE, inside: [], without }
}

/** The one place where anything of a value is read, and so the one place where it may throw. */
function partText(holder: object, key: Key, line: Line): string | undefined {
  const depth = line.inside.length
  let text: string | undefined
  let leaf = true
  try {
    const value = (holder as Readonly<Record<Key, unknown>>)[key]
    leaf = typeof value !== 'object'
    text = textOf(value, key, line)
  } catch {
    line.inside.length = depth
    text = '"(cannot be read)"'
  }
  // A container's parts have taken theirs already.
  line.room -= leaf ? (text?.length ?? 4) + 1 : 2
  return text
}

function textOf(value: unknown, key: Key, line: Line): string | undefined {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value.length > LONGEST_TEXT ? `${value.slice(0, LONGEST_TEXT)}… (${value.length} characters)` : value)
    case 'number':
      return Number.isFinite(value) ? String(value) : `"${value}"`
    case 'bigint':
      // A number of a million digits takes seconds to write.
      return `"${value > LARGEST || value < -LARGEST ? '(a very large number)' : value}"`
    case 'boolean':
      return String(value)
    case 'object':
      return value === null ? 'null' : objectText(value, key, line)
    default:
      return undefined
  }
}

const LARGEST = 2n ** 1_024n

/** What an Error has besides are fields of somebody else, and may be secrets. */
const OF_ERRORS = ['name', 'message', 'code', 'stack', 'cause', 'errors']

function objectText(value: object, key: Key, line: Line): string | undefined {
  if (line.inside.includes(value)) return '"(circular)"'
  if (line.inside.length >= DEEPEST) return '"(deeper)"'
  if (ArrayBuffer.isView(value)) return `"(${value.byteLength} bytes)"`
  line.inside.push(value)
  const text = containerText(value, key, line)
  line.inside.pop()
  return text
}

function containerText(value: object, key: Key, line: Line): string | undefined {
  const own = (): object => value
  if (isInstance(value, Error)) return `{${partsText(OF_ERRORS, own, line, true)}}`
  const { toJSON } = value as { toJSON?: unknown }
  if (typeof toJSON === 'function') return textOf((toJSON as (key: string) => unknown).call(value, String(key)), key, line)
  return Array.isArray(value)
    ? `[${partsText(value.keys(), own, line, false)}]`
    : `{${partsText(Object.keys(value), own, line, true)}}`
}

/** Parts, with their names or without, as far as there is room. */
function partsText(keys: Iterable<Key>, holderOf: (key: Key) => object, line: Line, named: boolean): string {
  let all = ''
  const add = (key: Key, text: string): void => {
    const name = named ? `${JSON.stringify(String(key).slice(0, LONGEST_NAME))}:` : ''
    line.room -= name.length
    all += `${all === '' ? '' : ','}${name}${text}`
  }
  for (const key of keys) {
    if (line.room <= 0) {
      add('(more)', '"(left out: the line is too long)"')
      break
    }
    if (line.without.includes(key as string)) continue
    const text = partText(holderOf(key), key, line)
    if (text !== undefined || !named) add(key, text ?? 'null')
  }
  return all
}
