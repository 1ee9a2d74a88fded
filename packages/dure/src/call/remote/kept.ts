import { wireOf } from '../../contract/contract.ts'

const { check } = wireOf(undefined, 'input')

/**
 * An input as it is now, for a call that is not sent at once: meanwhile the object is the caller's again. What cannot
 * travel stays what it is, to be refused in the words it is always refused in.
 */
export function kept(input: unknown): unknown {
  return check(input) === undefined ? copy(input) : input
}

/** To the letter: a Buffer stays one, because the callee sees the difference and says so where it wants neither. */
function copy(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return Array.from(value, copy)
  if (value instanceof Date) return new Date(value.getTime())
  if (value instanceof Uint8Array) return Buffer.isBuffer(value) ? Buffer.from(value) : new Uint8Array(value)
  if (value instanceof Map) return new Map(Array.from(value, ([key, part]) => [copy(key), copy(part)]))
  if (value instanceof Set) return new Set(Array.from(value, copy))
  const fields = Object.fromEntries(Object.entries(value).map(([key, part]) => [key, copy(part)]))
  return Object.getPrototypeOf(value) === null ? Object.setPrototypeOf(fields, null) : fields
}
