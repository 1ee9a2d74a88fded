/**
 * Wire values whose schema says nothing: checked, copied and written to JSON by looking at what they are.
 * Everything here is bounded in depth, so that a cycle ends in a sentence and not in a stack overflow.
 */
import type { Issue } from './schema.ts'

/** Containers inside containers, at most. */
export const MAX_DEPTH = 200

export const TAG = '$dure'
const tooDeep = `Value is cyclic or nested more than ${MAX_DEPTH} levels deep`

/** What a wire value is, or undefined for what is not one. */
export type Kind = 'scalar' | 'object' | 'array' | 'date' | 'bytes' | 'map' | 'set'

/** Pages have no buffers. */
const BUFFER: unknown = typeof Buffer === 'undefined' ? Uint8Array.prototype : Buffer.prototype

export function kindOf(value: unknown): Kind | undefined {
  if (typeof value !== 'object') return typeof value === 'function' || typeof value === 'symbol' ? undefined : 'scalar'
  if (value === null) return 'scalar'
  const prototype: unknown = Object.getPrototypeOf(value)
  switch (prototype) {
    case Object.prototype:
    case null:
      return 'object'
    case Array.prototype:
      return 'array'
    case Date.prototype:
      return Number.isNaN((value as Date).getTime()) ? undefined : 'date'
    case Uint8Array.prototype:
    case BUFFER:
      return 'bytes'
    case Map.prototype:
      return 'map'
    case Set.prototype:
      return 'set'
    default:
      return undefined
  }
}

/** The first place in `value` that is not of the wire type system; undefined when all of it is. */
export function checkWire(value: unknown): Issue | undefined {
  try {
    return wrongPlace(value, 0)
  } catch {
    return { path: [], message: 'Value cannot be read: a getter or a Proxy in it throws' }
  }
}

type Place = { readonly path: (string | number)[]; readonly message: string }

// On the road of every call: the path is put together on the way back from a wrong place, and nothing is made when all is well.
function wrongPlace(value: unknown, depth: number): Place | undefined {
  if (typeof value !== 'object' || value === null)
    return typeof value === 'function' || typeof value === 'symbol' ? { path: [], message: notWire(value) } : undefined
  if (depth > MAX_DEPTH) return { path: [], message: tooDeep }
  switch (kindOf(value)) {
    case 'object':
      for (const key in value) {
        const wrong = wrongInside((value as Record<string, unknown>)[key], depth)
        if (wrong !== undefined) return under(key, wrong, depth)
      }
      return undefined
    case 'array': {
      const list = value as unknown[]
      for (let at = 0; at < list.length; at++) {
        const wrong = wrongInside(list[at], depth)
        if (wrong !== undefined) return under(at, wrong, depth)
      }
      return undefined
    }
    case 'map': {
      let at = 0
      for (const [key, part] of value as Map<unknown, unknown>) {
        const wrong = wrongInside(key, depth)
        if (wrong !== undefined) return under(at, wrong, depth)
        const inside = wrongInside(part, depth)
        if (inside !== undefined) return under(typeof key === 'string' || typeof key === 'number' ? key : at, inside, depth)
        at++
      }
      return undefined
    }
    case 'set': {
      let at = 0
      for (const part of value as Set<unknown>) {
        const wrong = wrongInside(part, depth)
        if (wrong !== undefined) return under(at, wrong, depth)
        at++
      }
      return undefined
    }
    case undefined:
      return { path: [], message: notWire(value) }
    default:
      return undefined
  }
}

function wrongInside(part: unknown, depth: number): Place | undefined {
  const type = typeof part
  return type === 'object' || type === 'function' || type === 'symbol' ? wrongPlace(part, depth + 1) : undefined
}

/** Of a place that is too deep, only the beginning of the way is told. */
function under(key: string | number, wrong: Place, depth: number): Place {
  if (wrong.message !== tooDeep || depth < 8) wrong.path.unshift(key)
  return wrong
}

/** In words, what is met where a wire value should be. */
export function notWire(value: unknown): string {
  if (typeof value === 'function') return 'A function cannot travel'
  if (typeof value === 'symbol') return 'A symbol cannot travel'
  if (value instanceof Date)
    return Object.getPrototypeOf(value) === Date.prototype ? 'An invalid date cannot travel' : 'A subclass of Date cannot travel'
  if (value instanceof Promise) return 'A promise cannot travel: await it first'
  const name: unknown = (value as { constructor?: { name?: unknown } } | null)?.constructor?.name
  return `An instance of class "${typeof name === 'string' ? name : 'unknown'}" cannot travel: use a plain object`
}

/** Whether a plain object has a value of its own there: `constructor` and its like are not its own. */
export function hasKey(fields: Record<string, unknown>, key: string): boolean {
  return fields[key] !== undefined && (!(key in Object.prototype) || Object.hasOwn(fields, key))
}

/** Sets a key even when it is `__proto__`, which an assignment would take for the prototype. */
export function setKey(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true })
  else target[key] = value
}

/** How a copy is made. */
export type CopyOptions = {
  /** What is not of the wire type system is handed over as it is: what a callee's own schema made of its input is its own affair. */
  readonly lenient?: boolean
  /** A Buffer stays one, because the schema says so. Elsewhere it becomes a Uint8Array, as it would on a journey. */
  readonly buffers?: boolean
}

/**
 * A copy that shares nothing mutable.
 * @throws {TypeError} for what is not of the wire type system, unless `lenient`
 */
export function copyUnknown(value: unknown, options: CopyOptions = STRICT, depth: number = 0): unknown {
  const { lenient } = options
  if (typeof value !== 'object' || value === null) {
    if (lenient !== true && (typeof value === 'function' || typeof value === 'symbol')) throw new TypeError(notWire(value))
    return value
  }
  if (depth > MAX_DEPTH) {
    if (lenient === true) return value
    throw new TypeError(tooDeep)
  }
  const inside = (part: unknown): unknown => copyUnknown(part, options, depth + 1)
  switch (kindOf(value)) {
    case 'object': {
      const copy: Record<string, unknown> = Object.getPrototypeOf(value) === null ? Object.create(null) : {}
      for (const key of Object.keys(value)) setKey(copy, key, inside((value as Record<string, unknown>)[key]))
      return copy
    }
    case 'array':
      return Array.from(value as unknown[], inside)
    case 'date':
      return new Date((value as Date).getTime())
    case 'bytes':
      return options.buffers === true && Buffer.isBuffer(value) ? Buffer.from(value) : new Uint8Array(value as Uint8Array)
    case 'map':
      return new Map(Array.from(value as Map<unknown, unknown>, ([key, part]) => [inside(key), inside(part)]))
    case 'set':
      return new Set(Array.from(value as Set<unknown>, inside))
    default:
      if (lenient === true) return value
      throw new TypeError(notWire(value))
  }
}

const STRICT: CopyOptions = {}
