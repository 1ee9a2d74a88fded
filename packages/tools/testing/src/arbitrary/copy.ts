/**
 * A deep copy of anything a test may send, so that every placement gets one of its own: also of what may not travel
 * (instances, functions and symbols are handed over as they are, cycles stay cycles).
 */
export function copyOf<T>(value: T): T {
  return copy(value, new Map()) as T
}

function copy(value: unknown, known: Map<object, unknown>): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (known.has(value)) return known.get(value)
  const prototype: unknown = Object.getPrototypeOf(value)
  const keep = <V extends object>(made: V): V => {
    known.set(value, made)
    return made
  }
  if (prototype === Date.prototype) return keep(new Date((value as Date).getTime()))
  if (prototype === Buffer.prototype) return keep(Buffer.from(value as Buffer))
  if (prototype === Uint8Array.prototype) return keep(new Uint8Array(value as Uint8Array))
  if (prototype === Map.prototype) {
    const made = keep(new Map<unknown, unknown>())
    for (const [key, part] of value as Map<unknown, unknown>) made.set(copy(key, known), copy(part, known))
    return made
  }
  if (prototype === Set.prototype) {
    const made = keep(new Set<unknown>())
    for (const part of value as Set<unknown>) made.add(copy(part, known))
    return made
  }
  if (prototype !== Object.prototype && prototype !== Array.prototype && prototype !== null) return value
  const made = keep(prototype === Array.prototype ? [] : (Object.create(prototype as object | null) as object))
  for (const key of Reflect.ownKeys(value)) {
    const described = Object.getOwnPropertyDescriptor(value, key)!
    Object.defineProperty(made, key, 'value' in described ? { ...described, value: copy(described.value, known) } : described)
  }
  if (Object.isFrozen(value)) Object.freeze(made)
  return made
}
