/**
 * JSON text of anything at all: values that refer to themselves, throw when they are read, have no JSON form, or are far
 * too large. It never throws and never gets longer than a line may be.
 */
import { isInstance } from '../contract/contract.ts'

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
  for (const part of fields) for (const [key, text] of entriesOf(part, line)) merged.set(key, text)
  return `{${[...merged].map(([key, text]) => `${JSON.stringify(key)}:${text}`).join(',')}}`
}

/** JSON of one value; null for what JSON leaves out (functions, symbols, `undefined`). */
export function logText(value: unknown, without: readonly string[] = []): string {
  return written(value, '', { room: LONGEST_LINE, inside: [], without }) ?? 'null'
}

function written(value: unknown, key: string, line: Line): string | undefined {
  const text = line.room <= 0 ? CUT : attempt(value, key, line)
  // A container's parts have taken theirs already.
  line.room -= typeof value === 'object' ? 2 : (text?.length ?? 4) + 1
  return text
}

function attempt(value: unknown, key: string, line: Line): string | undefined {
  const depth = line.inside.length
  try {
    return textOf(value, key, line)
  } catch {
    line.inside.length = depth
    return UNREADABLE
  }
}

function textOf(value: unknown, key: string, line: Line): string | undefined {
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

function objectText(value: object, key: string, line: Line): string | undefined {
  if (line.inside.includes(value)) return '"(circular)"'
  if (line.inside.length >= DEEPEST) return '"(deeper)"'
  if (ArrayBuffer.isView(value)) return `"(${value.byteLength} bytes)"`
  line.inside.push(value)
  const text = isInstance(value, Error) ? errorText(value, line) : partsText(value, key, line)
  line.inside.pop()
  return text
}

function partsText(value: object, key: string, line: Line): string | undefined {
  const { toJSON } = value as { toJSON?: unknown }
  if (typeof toJSON === 'function') return written((toJSON as (key: string) => unknown).call(value, key), key, line)
  if (!Array.isArray(value))
    return `{${entriesOf(value, line)
      .map(([name, text]) => `${JSON.stringify(name)}:${text}`)
      .join(',')}}`
  const parts: string[] = []
  for (let at = 0; at < value.length && line.room > 0; at++) parts.push(written(value[at], String(at), line) ?? 'null')
  if (parts.length < value.length) parts.push(CUT)
  return `[${parts.join(',')}]`
}

/** Those of its own, and `cause` and `errors`, which hold others. */
function errorText(error: Error, line: Line): string {
  const parts = ['name', 'message', 'code', 'stack', 'cause', 'errors'].map((key) => [key, read(error, key, line)] as const)
  return `{${parts.flatMap(([key, text]) => (text === undefined ? [] : [`"${key}":${text}`])).join(',')}}`
}

function entriesOf(value: unknown, line: Line): readonly (readonly [string, string])[] {
  if (typeof value !== 'object' || value === null) return []
  const found: (readonly [string, string])[] = []
  let keys: readonly string[]
  try {
    keys = Object.keys(value)
  } catch {
    return [['fields', UNREADABLE]]
  }
  for (const key of keys) {
    if (line.room <= 0) {
      found.push(['(more)', CUT])
      break
    }
    const text = read(value, key, line)
    const name = key.slice(0, LONGEST_NAME)
    line.room -= name.length
    if (text !== undefined) found.push([name, text])
  }
  return found
}

const LONGEST_NAME = 200

function read(value: object, key: string, line: Line): string | undefined {
  if (line.without.includes(key)) return undefined
  let part: unknown
  try {
    part = (value as Readonly<Record<string, unknown>>)[key]
  } catch {
    return UNREADABLE
  }
  return written(part, key, line)
}
