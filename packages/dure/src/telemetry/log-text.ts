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

const UNREADABLE = '"(cannot be read)"'
const CUT = '"(left out: the line is too long)"'

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
  const merged = new Map<string, string>()
  const line: Line = { room: LONGEST_LINE, inside: [], without: [] }
  for (const part of fields) if (part !== undefined) eachPart(part, line, (name, text) => void merged.set(name, text))
  let all = ''
  for (const [name, text] of merged) all += `${all === '' ? '' : ','}${JSON.stringify(name)}:${text}`
  return `{${all}}`
}

/** JSON of one value; null for what JSON leaves out (functions, symbols, `undefined`). */
export function logText(value: unknown, without: readonly string[] = []): string {
  return partText({ value }, 'value', { room: LONGEST_LINE, inside: [], without }) ?? 'null'
}

/** The one place where anything of a value is read, and so the one place where it may throw. */
function partText(holder: object, key: string | number, line: Line): string | undefined {
  if (line.room <= 0) return CUT
  const depth = line.inside.length
  let text: string | undefined
  let leaf = true
  try {
    const value = (holder as Readonly<Record<string | number, unknown>>)[key]
    leaf = typeof value !== 'object'
    text = textOf(value, key, line)
  } catch {
    line.inside.length = depth
    text = UNREADABLE
  }
  // A container's parts have taken theirs already.
  line.room -= leaf ? (text?.length ?? 4) + 1 : 2
  return text
}

function textOf(value: unknown, key: string | number, line: Line): string | undefined {
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

function objectText(value: object, key: string | number, line: Line): string | undefined {
  if (line.inside.includes(value)) return '"(circular)"'
  if (line.inside.length >= DEEPEST) return '"(deeper)"'
  if (ArrayBuffer.isView(value)) return `"(${value.byteLength} bytes)"`
  line.inside.push(value)
  const text = isInstance(value, Error) ? errorText(value, line) : partsText(value, key, line)
  line.inside.pop()
  return text
}

function partsText(value: object, key: string | number, line: Line): string | undefined {
  const { toJSON } = value as { toJSON?: unknown }
  if (typeof toJSON === 'function') return textOf((toJSON as (key: string) => unknown).call(value, String(key)), key, line)
  let parts = ''
  const add = (text: string): void => void (parts += parts === '' ? text : `,${text}`)
  if (!Array.isArray(value)) {
    eachPart(value, line, (name, text) => add(`${JSON.stringify(name)}:${text}`))
    return `{${parts}}`
  }
  let at = 0
  for (; at < value.length && line.room > 0; at++) add(partText(value, at, line) ?? 'null')
  if (at < value.length) add(CUT)
  return `[${parts}]`
}

/** What an Error has besides are fields of somebody else, and may be secrets. */
const OF_ERRORS = ['name', 'message', 'code', 'stack', 'cause', 'errors']

function errorText(error: Error, line: Line): string {
  let parts = ''
  for (const key of OF_ERRORS) {
    if (line.without.includes(key)) continue
    const text = partText(error, key, line)
    if (text !== undefined) parts += `${parts === '' ? '' : ','}"${key}":${text}`
  }
  return `{${parts}}`
}

function eachPart(value: unknown, line: Line, take: (name: string, text: string) => void): void {
  if (typeof value !== 'object' || value === null) return
  let keys: readonly string[]
  try {
    keys = Object.keys(value)
  } catch {
    return take('fields', UNREADABLE)
  }
  for (const key of keys) {
    if (line.room <= 0) return take('(more)', CUT)
    if (line.without.includes(key)) continue
    const text = partText(value, key, line)
    const name = key.length > LONGEST_NAME ? key.slice(0, LONGEST_NAME) : key
    line.room -= name.length
    if (text !== undefined) take(name, text)
  }
}

const LONGEST_NAME = 200
