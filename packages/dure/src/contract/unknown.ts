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
    case Buffer.prototype:
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
    if (isWire(value, 0)) return undefined
    return firstIssue(value, [], 0) ?? { path: [], message: tooDeep }
  } catch {
    return { path: [], message: 'Value cannot be read: a getter or a Proxy in it throws' }
  }
}

// On the road of every call, so it answers yes or no; the place is looked for only when the answer is no.
function isWire(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return typeof value !== 'function' && typeof value !== 'symbol'
  if (depth > MAX_DEPTH) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === null) {
    for (const key in value) {
      const part = (value as Record<string, unknown>)[key]
      const type = typeof part
      if ((type === 'object' || type === 'function' || type === 'symbol') && !isWire(part, depth + 1)) return false
    }
    return true
  }
  if (prototype === Array.prototype) {
    const list = value as unknown[]
    for (let i = 0; i < list.length; i++) {
      const type = typeof list[i]
      if ((type === 'object' || type === 'function' || type === 'symbol') && !isWire(list[i], depth + 1)) return false
    }
    return true
  }
  switch (kindOf(value)) {
    case undefined:
      return false
    case 'map':
      for (const [key, part] of value as Map<unknown, unknown>)
        if (!isWire(key, depth + 1) || !isWire(part, depth + 1)) return false
      return true
    case 'set':
      for (const part of value as Set<unknown>) if (!isWire(part, depth + 1)) return false
      return true
    default:
      return true
  }
}

function firstIssue(value: unknown, path: readonly (string | number)[], depth: number): Issue | undefined {
  const kind = kindOf(value)
  if (kind === undefined) return { path, message: notWire(value) }
  if (kind === 'scalar' || kind === 'date' || kind === 'bytes') return undefined
  if (depth > MAX_DEPTH) return { path: path.slice(0, 8), message: tooDeep }
  let at = 0
  for (const [key, part] of partsOf(value, kind)) {
    const issue =
      (kind === 'map' ? firstIssue(key, [...path, at], depth + 1) : undefined) ??
      firstIssue(part, [...path, typeof key === 'string' || typeof key === 'number' ? key : at], depth + 1)
    if (issue !== undefined) return issue
    at++
  }
  return undefined
}

function partsOf(value: unknown, kind: 'object' | 'array' | 'map' | 'set'): Iterable<readonly [unknown, unknown]> {
  switch (kind) {
    case 'object':
      return Object.entries(value as object)
    case 'array':
      return (value as unknown[]).entries()
    case 'map':
      return (value as Map<unknown, unknown>).entries()
    case 'set':
      return [...(value as Set<unknown>)].entries()
  }
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

/**
 * A copy that shares nothing mutable. What is not of the wire type system is handed over as it is when
 * `lenient` (what a callee's own schema made of its input is its own affair), refused otherwise.
 * @throws {TypeError}
 */
export function copyUnknown(value: unknown, lenient: boolean = false, depth: number = 0): unknown {
  if (typeof value !== 'object' || value === null) {
    if (!lenient && (typeof value === 'function' || typeof value === 'symbol')) throw new TypeError(notWire(value))
    return value
  }
  if (depth > MAX_DEPTH) {
    if (lenient) return value
    throw new TypeError(tooDeep)
  }
  switch (kindOf(value)) {
    case 'object': {
      const copy: Record<string, unknown> = Object.getPrototypeOf(value) === null ? Object.create(null) : {}
      for (const key of Object.keys(value))
        setKey(copy, key, copyUnknown((value as Record<string, unknown>)[key], lenient, depth + 1))
      return copy
    }
    case 'array':
      return Array.from(value as unknown[], (part) => copyUnknown(part, lenient, depth + 1))
    case 'date':
      return new Date((value as Date).getTime())
    case 'bytes':
      // Also for a Buffer: codecs bring back a Uint8Array, and every placement must agree.
      return new Uint8Array(value as Uint8Array)
    case 'map': {
      const copy = new Map<unknown, unknown>()
      for (const [key, part] of value as Map<unknown, unknown>)
        copy.set(copyUnknown(key, lenient, depth + 1), copyUnknown(part, lenient, depth + 1))
      return copy
    }
    case 'set': {
      const copy = new Set<unknown>()
      for (const part of value as Set<unknown>) copy.add(copyUnknown(part, lenient, depth + 1))
      return copy
    }
    default:
      if (lenient) return value
      throw new TypeError(notWire(value))
  }
}
