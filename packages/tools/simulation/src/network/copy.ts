import { CallError, DeclaredError } from 'dure/contract'

/** A value as it comes out at the other end of a wire: equal, and sharing nothing. */
export function carried(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(carried)
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return structuredClone(value)
  const copy: Record<string, unknown> = {}
  for (const key in value) {
    const part = carried((value as Record<string, unknown>)[key])
    // As a definition: an assignment would take __proto__ for the prototype.
    if (key === '__proto__')
      Object.defineProperty(copy, key, { value: part, enumerable: true, configurable: true, writable: true })
    else copy[key] = part
  }
  return copy
}

/** A failure as its caller may see it. */
export function carriedFailure(error: unknown): Error {
  if (error instanceof DeclaredError) {
    const { code, message, status } = error
    return new DeclaredError({ code, message, status, data: carried(error.data) })
  }
  if (error instanceof CallError) {
    return new CallError(error.code, error.message, { details: carried(error.details) as CallError['details'] })
  }
  return new CallError('INTERNAL', 'Call failed inside the service; its log says why')
}
