/** The JSON form of values whose schema is known: compiled once; parts that need no change are not touched. */
import { categoryOf } from './copy.ts'
import { some, type Category, type Shape } from './shape.ts'
import { isPairs, mapOf, unknownFromJson, unknownToJson } from './tagged.ts'
import { bigintFromText, bytesFromText, bytesToText, dateFromText } from './text.ts'
import { hasKey, kindOf, MAX_DEPTH, setKey, TAG } from './unknown.ts'

type Change = (value: unknown) => unknown
type Direction = 'to' | 'from'

export type JsonCodec = { readonly plain: boolean; readonly toJson: Change; readonly fromJson: Change }

export function jsonCodecOf(shape: Shape): JsonCodec {
  const to = compile(shape, 'to')
  const from = compile(shape, 'from')
  const toJson: Change = (value) => {
    if (to === undefined || value === undefined) return value
    try {
      return to(value)
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      throw new TypeError(`Cannot write the value as JSON: it is cyclic or nested more than ${MAX_DEPTH} levels deep`, {
        cause: error,
      })
    }
  }
  const fromJson: Change = (json) => {
    if (from === undefined || json === undefined) return json
    try {
      return from(json)
    } catch (error) {
      // Nested too deep: as it is, for the parser to refuse.
      if (error instanceof RangeError) return json
      throw error
    }
  }
  return { plain: to === undefined && from === undefined, toJson, fromJson }
}

// JSON text can hold -0 and JSON.parse reads it; only JSON.stringify loses it, unless it is told the text.
const minusZero: unknown = (JSON as unknown as { rawJSON: (text: string) => unknown }).rawJSON('-0')

/** The change of one shape in one direction; undefined when nothing ever needs changing. */
function compile(root: Shape, direction: Direction): Change | undefined {
  const to = direction === 'to'
  const misfit: Change = to ? (value) => (value === null ? null : unknownToJson(value)) : (json) => json
  const unknown: Change = to ? (value) => unknownToJson(value) : (json) => unknownFromJson(json)
  const refs = new Map<Shape, { change: Change | undefined }>()
  return needs(root) ? change(root) : undefined

  function change(shape: Shape): Change | undefined {
    switch (shape.kind) {
      case 'plain':
        return undefined
      case 'number':
        return to ? (value) => (value === 0 && Object.is(value, -0) ? minusZero : value) : undefined
      case 'undefined':
        return to ? misfit : (json) => (json === null ? undefined : json)
      case 'date':
        if (!to) return (json) => dateFromText(json) ?? json
        return (value) => (kindOf(value) === 'date' ? (value as Date).toISOString() : misfit(value))
      case 'bigint':
        if (!to) return (json) => bigintFromText(json) ?? json
        return (value) => (typeof value === 'bigint' ? String(value) : misfit(value))
      case 'bytes':
        if (to) return (value) => (kindOf(value) === 'bytes' ? bytesToText(value as Uint8Array) : misfit(value))
        return (json) => {
          const bytes = bytesFromText(json)
          return bytes === undefined ? json : shape.buffer ? Buffer.from(bytes.buffer) : bytes
        }
      case 'unknown':
        return unknown
      case 'array':
        return array(shape)
      case 'object':
        return object(shape)
      case 'map':
        return map(element(shape.key), element(shape.value))
      case 'set': {
        const items = element(shape.items) ?? same
        if (to) return (value) => (value instanceof Set ? Array.from(value, items) : misfit(value))
        return (json) => (Array.isArray(json) ? new Set(json.map(items)) : json)
      }
      case 'union': {
        const entries = Object.entries(shape.cases).map(([category, part]) => [category, change(part) ?? same])
        const cases = Object.fromEntries(entries) as Partial<Record<Category, Change>>
        return (value) => {
          const category = categoryOf(value)
          return category === undefined ? misfit(value) : (cases[category] ?? misfit)(value)
        }
      }
      case 'choice': {
        const cases = new Map([...shape.cases].map(([literal, part]) => [literal, change(part) ?? same]))
        return (value) =>
          kindOf(value) === 'object' ? (cases.get((value as Record<string, unknown>)[shape.by]) ?? misfit)(value) : misfit(value)
      }
      case 'ref': {
        const target = shape.target()
        let slot = refs.get(target)
        if (slot === undefined) {
          slot = { change: undefined }
          refs.set(target, slot)
          slot.change = change(target)
        }
        const known = slot
        return (value) => (known.change === undefined ? value : known.change(value))
      }
    }
  }

  function array(shape: Extract<Shape, { kind: 'array' }>): Change | undefined {
    if (!needs(shape)) return undefined
    const prefix = shape.prefix.map(element)
    const items = element(shape.items)
    return (value) => {
      if (!Array.isArray(value)) return misfit(value)
      let changed: unknown[] | undefined
      for (let at = 0; at < value.length; at++) {
        const part: unknown = value[at]
        const of = at < prefix.length ? prefix[at] : items
        const made = of === undefined ? part : of(part)
        if (made !== part || (to && part === undefined)) (changed ??= [...value])[at] = made
      }
      return changed ?? value
    }
  }

  function object(shape: Extract<Shape, { kind: 'object' }>): Change | undefined {
    if (!needs(shape)) return undefined
    const properties = new Map([...shape.properties].map(([key, part]) => [key, change(part)]))
    const rest = shape.rest === undefined ? (to && !shape.closed ? unknown : undefined) : change(shape.rest)
    const changing = [...properties].flatMap(([key, of]) => (of === undefined ? [] : [{ key, of }]))
    return (value) => {
      if (kindOf(value) !== 'object') return misfit(value)
      const fields = value as Record<string, unknown>
      let changed: Record<string, unknown> | undefined
      for (const { key, of } of changing) {
        if (!hasKey(fields, key)) continue
        const made = of(fields[key])
        if (made !== fields[key]) setKey((changed ??= { ...fields }), key, made)
      }
      if (!to)
        for (const key of shape.undefinable) if (!Object.hasOwn(fields, key)) setKey((changed ??= { ...fields }), key, undefined)
      if (rest === undefined) return changed ?? value
      for (const key of Object.keys(fields)) {
        if (properties.has(key) || fields[key] === undefined) continue
        const made = rest(fields[key])
        if (made !== fields[key]) setKey((changed ??= { ...fields }), key, made)
      }
      return changed ?? value
    }
  }

  function map(key: Change | undefined, part: Change | undefined): Change {
    const [k, v] = [key ?? same, part ?? same]
    if (to) return (value) => (value instanceof Map ? Array.from(value, (pair) => [k(pair[0]), v(pair[1])]) : misfit(value))
    return (json) => (isPairs(json) ? mapOf(json, k, v) : json)
  }

  /** In arrays, maps and sets absence needs a sign, and what looks like the sign needs an escape. */
  function element(shape: Shape): Change | undefined {
    const of = change(shape)
    if (shape.optional !== true || shape.kind === 'unknown') return of
    const inner = of ?? same
    if (to)
      return (value) => {
        if (value === undefined) return { [TAG]: 'undefined' }
        const json = inner(value)
        return isTagged(json) ? { [TAG]: 'object', value: json } : json
      }
    return (json) => {
      if (!isTagged(json)) return inner(json)
      return json[TAG] === 'undefined' ? undefined : inner(json[TAG] === 'object' ? json.value : json)
    }
  }

  function needs(shape: Shape): boolean {
    return some(shape, (part) => {
      switch (part.kind) {
        case 'plain':
        case 'union':
        case 'choice':
        case 'ref':
          return false
        case 'number':
          return to
        case 'array':
          return [part.items, ...part.prefix].some((each) => each.optional === true)
        case 'object':
          return to ? !part.closed && part.rest === undefined : part.undefinable.length > 0
        default:
          return true
      }
    })
  }
}

const same: Change = (value) => value

function isTagged(json: unknown): json is { [TAG]: unknown; value?: unknown } {
  return typeof json === 'object' && json !== null && !Array.isArray(json) && Object.hasOwn(json, TAG)
}
