import { inspect } from 'node:util'
import { CallError, DeclaredError, STATUSES, type Status } from 'dure/contract'
import { describeThrown, isInstance } from 'dure/contract/internal'

/** A failure in JSON form. */
export type OperatorFailure = {
  /** A status of `STATUSES`, or the code of an error that the contract declares. */
  readonly code: string
  readonly message: string
  readonly issues?: readonly { readonly path: readonly (string | number)[]; readonly message: string }[]
  /** Names that were perhaps meant. */
  readonly suggestions?: readonly string[]
}

/** Whatever was thrown, and whatever it holds; `status` is that of HTTP. */
export function failureOf(error: unknown): { readonly status: number; readonly failure: OperatorFailure } {
  try {
    if (error instanceof DeclaredError)
      return { status: httpOf(error.status), failure: { code: error.code, message: error.message } }
    if (error instanceof CallError)
      return { status: httpOf(error.code), failure: { code: error.code, message: error.message, ...detailsOf(error.details) } }
  } catch {
    // Something in it cannot be read, or has no JSON form: what can be said of it is said below.
  }
  const { message } = describeThrown(error)
  const code: Status = isInstance(error, SyntaxError) ? 'INVALID_ARGUMENT' : 'INTERNAL'
  return { status: httpOf(code), failure: { code, message } }
}

/** As it was thrown, as far as that is known here. */
export function errorOf({ code, message, issues, suggestions }: OperatorFailure): Error {
  const details = { ...(issues && { issues }), ...(suggestions && { suggestions }) }
  return Object.hasOwn(STATUSES, code)
    ? new CallError(code as Status, message, { details })
    : new DeclaredError({ code, message, status: 'FAILED_PRECONDITION', data: undefined })
}

const httpOf = (status: Status): number => STATUSES[status]?.http ?? 500

/** Handlers may put into details what they like, also what has no JSON form: what is in the expected shape is taken out of it. */
export function detailsOf({
  issues,
  suggestions,
}: Readonly<Record<string, unknown>>): Pick<OperatorFailure, 'issues' | 'suggestions'> {
  const told = Array.isArray(issues) ? issues.map(issueOf).filter((issue) => issue !== undefined) : undefined
  const names = Array.isArray(suggestions) ? suggestions.filter((name) => typeof name === 'string') : undefined
  return { ...(told && { issues: told }), ...(names && { suggestions: names }) }
}

function issueOf(value: unknown): NonNullable<OperatorFailure['issues']>[number] | undefined {
  const { path, message } = (value ?? {}) as { readonly path?: unknown; readonly message?: unknown }
  if (typeof message !== 'string') return undefined
  const parts: readonly unknown[] = Array.isArray(path) ? path : []
  return { message, path: parts.map((part) => (typeof part === 'number' || typeof part === 'string' ? part : inspect(part))) }
}
