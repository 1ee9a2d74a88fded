/** The JSON form of values whose schema is known: compiled once; parts that need no change are not touched. */
import { some, type Category, type Shape } from './shape.ts'
import { isPairs, mapOf, unknownFromJson, unknownToJson } from './tagged.ts'
import { bigintFromText, bytesFromText, bytesToText, dateFromText } from './text.ts'
import { hasKey, kindOf, MAX_DEPTH, setKey, TAG } from './unknown.ts'

type Change = (value: unknown) => unknown

export type JsonCodec = { readonly plain: boolean; readonly toJson: Change; readonly fromJson: Change }

export function jsonCodecOf(shape: Shape): JsonCodec {
  const to = compile(shape, true)
  const from = compile(shape, false)
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

/** One direction of one codec. */
type Compiler = {
  /** To JSON, or back. */
  readonly to: boolean
  /** What is done with a value that is not of its shape. */
  readonly misfit: Change
  readonly unknown: Change
  /** The change of a shape; undefined when nothing ever needs changing. */
  readonly change: (shape: Shape) => Change | undefined
}

function compile(root: Shape, to: boolean): Change | undefined {
  const misfit: Change = to ? (value) => (value === null ? null : unknownToJson(value)) : (json) => json
  const unknown: Change = to ? (value) => unknownToJson(value) : (json) => unknownFromJson(json)
  const refs = new Map<Shape, { change: Change | undefined }>()
  const change = (shape: Shape): Change | undefined => {
    if (shape.kind !== 'ref') return changeOf(shape, compiler)
    const target = shape.target()
    const known = refs.get(target) ?? { change: undefined }
    if (!refs.has(target)) {
      refs.set(target, known)
      known.change = change(target)
    }
    return (value) => (known.change === undefined ? value : known.change(value))
  }
  const compiler: Compiler = { to, misfit, unknown, change }
  return needsChange(root, to) ? change(root) : undefined
}

function changeOf(shape: Exclude<Shape, { kind: 'ref' }>, compiler: Compiler): Change | undefined {
  const { to, misfit, change } = compiler
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
      return compiler.unknown
    case 'array':
      return arrayChange(shape, compiler)
    case 'object':
      return objectChange(shape, compiler)
    case 'map': {
      const [key, part] = [elementChange(shape.key, compiler) ?? same, elementChange(shape.value, compiler) ?? same]
      if (to) return (value) => (value instanceof Map ? Array.from(value, ([k, v]) => [key(k), part(v)]) : misfit(value))
      return (json) => (isPairs(json) ? mapOf(json, key, part) : json)
    }
    case 'set': {
      const items = elementChange(shape.items, compiler) ?? same
      if (to) return (value) => (value instanceof Set ? Array.from(value, items) : misfit(value))
      return (json) => (Array.isArray(json) ? new Set(json.map(items)) : json)
    }
    case 'union': {
      const cases = new Map(Object.entries(shape.cases).map(([category, part]) => [category, change(part) ?? same]))
      return (value) => (cases.get(categoryOf(value)) ?? misfit)(value)
    }
    case 'choice': {
      const cases = new Map([...shape.cases].map(([literal, part]) => [literal, change(part) ?? same]))
      return (value) =>
        kindOf(value) === 'object' ? (cases.get((value as Record<string, unknown>)[shape.by]) ?? misfit)(value) : misfit(value)
    }
  }
}

/** Which category a value's JSON form is of; empty for what is of none. */
function categoryOf(value: unknown): Category | '' {
  switch (kindOf(value)) {
    case 'date':
    case 'bytes':
      return 'string'
    case 'array':
    case 'map':
    case 'set':
      return 'array'
    case 'object':
      return 'object'
    case 'scalar': {
      const type = typeof value
      return type === 'bigint' ? 'string' : type === 'string' || type === 'number' || type === 'boolean' ? type : ''
    }
    default:
      return ''
  }
}

function arrayChange(shape: Extract<Shape, { kind: 'array' }>, compiler: Compiler): Change | undefined {
  const { to, misfit } = compiler
  if (!needsChange(shape, to)) return undefined
  const prefix = shape.prefix.map((part) => elementChange(part, compiler))
  const items = elementChange(shape.items, compiler)
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

function objectChange(shape: Extract<Shape, { kind: 'object' }>, compiler: Compiler): Change | undefined {
  const { to, misfit, change } = compiler
  if (!needsChange(shape, to)) return undefined
  const { properties, undefinable } = shape
  const rest = shape.rest === undefined ? (to && !shape.closed ? compiler.unknown : undefined) : change(shape.rest)
  const changing = [...properties].flatMap(([key, part]) => {
    const of = change(part)
    return of === undefined ? [] : [{ key, of }]
  })
  return (value) => {
    if (kindOf(value) !== 'object') return misfit(value)
    const fields = value as Record<string, unknown>
    let changed: Record<string, unknown> | undefined
    for (const { key, of } of changing) {
      if (!hasKey(fields, key)) continue
      const made = of(fields[key])
      if (made !== fields[key]) setKey((changed ??= { ...fields }), key, made)
    }
    if (!to) for (const key of undefinable) if (!Object.hasOwn(fields, key)) setKey((changed ??= { ...fields }), key, undefined)
    if (rest === undefined) return changed ?? value
    for (const key of Object.keys(fields)) {
      if (properties.has(key) || fields[key] === undefined) continue
      const made = rest(fields[key])
      if (made !== fields[key]) setKey((changed ??= { ...fields }), key, made)
    }
    return changed ?? value
  }
}

/** In arrays, maps and sets absence needs a sign, and what looks like the sign needs an escape. */
function elementChange(shape: Shape, { to, change }: Compiler): Change | undefined {
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

function needsChange(shape: Shape, to: boolean): boolean {
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

const same: Change = (value) => value

function isTagged(json: unknown): json is { [TAG]: unknown; value?: unknown } {
  return typeof json === 'object' && json !== null && !Array.isArray(json) && Object.hasOwn(json, TAG)
}
