import { CallError, DeclaredError } from 'dure/contract'

/** Everything a caller can learn from one call. */
export type Outcome =
  | { readonly kind: 'answer'; readonly value: unknown }
  | { readonly kind: 'failure'; readonly error: Failure }
  | { readonly kind: 'stream'; readonly values: readonly unknown[]; readonly end: 'done' | 'left' | 'cut' | Failure }
  /** Neither an answer nor an error, long after the deadline. */
  | { readonly kind: 'silence' }

/** An error as its catcher sees it. Stacks are left out: they are of one process and no promise. */
export type Failure = {
  readonly class: string
  readonly name: unknown
  readonly code: unknown
  readonly status: unknown
  readonly message: unknown
  readonly data: unknown
  readonly details: unknown
  readonly cause: unknown
  /** Other fields of its own. */
  readonly fields: Readonly<Record<string, unknown>>
}

export function failureOf(thrown: unknown): Failure {
  const fields = (typeof thrown === 'object' && thrown !== null ? thrown : {}) as Readonly<Record<string, unknown>>
  const { name, code, status, message, data, details, cause } = fields
  const known = new Set(['name', 'code', 'status', 'message', 'data', 'details', 'cause', 'stack'])
  return {
    class: classOf(thrown),
    name,
    code,
    status,
    message,
    data,
    details,
    cause,
    fields: Object.fromEntries(Object.keys(fields).flatMap((key) => (known.has(key) ? [] : [[key, fields[key]]]))),
  }
}

/** As `instanceof` sees it, so that two copies of a class are not taken for one. */
function classOf(thrown: unknown): string {
  if (thrown instanceof DeclaredError) return 'DeclaredError'
  if (thrown instanceof CallError) return 'CallError'
  if (thrown instanceof Error) return `another error (${thrown.constructor.name})`
  return `no error (${typeof thrown})`
}

/**
 * What two outcomes say that can be compared: of a stream that was cut because it has no end of its own, when it was cut
 * is chance, so both are shortened to what both have.
 */
export function comparable(left: Outcome, right: Outcome): readonly [Outcome, Outcome] {
  if (left.kind !== 'stream' || right.kind !== 'stream') return [left, right]
  if (left.end !== 'cut' || right.end !== 'cut') return [left, right]
  const length = Math.min(left.values.length, right.values.length)
  const shorten = (each: typeof left): Outcome => ({ ...each, values: each.values.slice(0, length) })
  return [shorten(left), shorten(right)]
}
