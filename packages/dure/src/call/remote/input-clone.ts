/**
 * An input as it is now, for a call that is not sent at once: meanwhile the object is the caller's again. It is a copy to
 * the letter: a Buffer stays one, because the callee sees the difference, and what cannot travel stays in its place, to be
 * refused there in the words it is always refused in.
 */
export function clone(input: unknown): unknown {
  if (typeof input !== 'object' || input === null) return input
  try {
    return copy(input, new Map())
  } catch {
    // It throws when it is read, and will where it is written.
    return input
  }
}

function copy(value: unknown, known: Map<object, unknown>): unknown {
  if (typeof value !== 'object' || value === null) return value
  // Cycles stay cycles: they end here and are refused later.
  const before = known.get(value)
  if (before !== undefined) return before
  const made = emptied(value)
  known.set(value, made)
  if (made === value) return value
  if (Array.isArray(made)) for (const part of value as unknown[]) made.push(copy(part, known))
  else if (made instanceof Map)
    for (const [key, part] of value as Map<unknown, unknown>) made.set(copy(key, known), copy(part, known))
  else if (made instanceof Set) for (const part of value as Set<unknown>) made.add(copy(part, known))
  else if (isFields(value))
    for (const [key, part] of Object.entries(value)) {
      // As a definition: an assignment would take __proto__ for the prototype.
      Object.defineProperty(made, key, { value: copy(part, known), enumerable: true, configurable: true, writable: true })
    }
  return made
}

/** Another of its kind, without what is inside; the value itself when it is of no kind that travels. */
function emptied(value: object): object {
  switch (Object.getPrototypeOf(value) as unknown) {
    case Object.prototype:
      return {}
    case null:
      return Object.create(null) as object
    case Array.prototype:
      return []
    case Date.prototype:
      return new Date((value as Date).getTime())
    case Buffer.prototype:
      return Buffer.from(value as Buffer)
    case Uint8Array.prototype:
      return new Uint8Array(value as Uint8Array)
    case Map.prototype:
      return new Map()
    case Set.prototype:
      return new Set()
    default:
      return value
  }
}

function isFields(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
