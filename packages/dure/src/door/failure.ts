import {
  CallError,
  DeclaredError,
  STATUSES,
  type AnyOperation,
  type ErrorTypes,
  type Issue,
  type Status,
} from '../contract/contract.ts'
import { outward, REFUSALS, wireOf, type RefusalCode } from '../contract/internal.ts'
import { Refusal } from './refusal.ts'

/** What whoever asked is told of a request that failed. Protocols only spell it. */
export type Failure = {
  /** Who says so: the door, before any service heard of it; the operation, in an error of its contract; or the call. */
  readonly by: 'door' | 'contract' | 'call'
  /** A refusal of the door, the code of a declared error, or a canonical status. */
  readonly code: string
  /** The canonical status that is nearest, for protocols with a fixed set. */
  readonly status: Status
  readonly http: number
  readonly message: string
  /** What is wrong with the input, and where. */
  readonly issues?: readonly Issue[] | undefined
  /** The fields of a declared error, in JSON's form. */
  readonly data?: unknown
}

/** An operation's declared errors, by code, and how their fields are written. */
export type DeclaredErrors = ReadonlyMap<string, { readonly http: number; readonly toJson: (data: unknown) => unknown }>

export function declaredErrors({ errors }: AnyOperation): DeclaredErrors {
  const types = Object.values(errors as ErrorTypes)
  return new Map(types.map((type) => [type.code as string, { http: type.http, toJson: wireOf(type.data, 'output').toJson }]))
}

// What these say may quote data of the service's inside: it goes to the log, not to the client.
const HIDDEN: ReadonlySet<string> = new Set(['INTERNAL', 'UNKNOWN', 'DATA_LOSS'])

/** The nearest canonical status of what a door refuses. */
const NEAREST: Readonly<Partial<Record<RefusalCode, Status>>> = {
  PATH_NOT_FOUND: 'UNIMPLEMENTED',
  METHOD_NOT_ALLOWED: 'UNIMPLEMENTED',
  REQUEST_TIMEOUT: 'DEADLINE_EXCEEDED',
  BODY_TOO_LARGE: 'RESOURCE_EXHAUSTED',
  HEADERS_TOO_LARGE: 'RESOURCE_EXHAUSTED',
  OVERLOADED: 'UNAVAILABLE',
}

type Options = { readonly correlationId: string; readonly declared?: DeclaredErrors | undefined }

/**
 * Sorts whatever a request failed with; `hidden` when the reason must be logged instead of shown. What is shown is for who
 * asked: words for those who run the system stay inside. Never throws, whatever it is handed.
 */
export function failureOf(error: unknown, options: Options): { readonly failure: Failure; readonly hidden: boolean } {
  try {
    return tellable(error, options) ?? unsaid('INTERNAL', options)
  } catch {
    // Something in it cannot be read, or has no JSON form.
    return unsaid('INTERNAL', options)
  }
}

function unsaid(code: Status, { correlationId }: Options): { readonly failure: Failure; readonly hidden: true } {
  const message = `The request failed inside the service. Its log has the reason under correlation id "${correlationId}"`
  return { failure: { by: 'call', code, status: code, http: STATUSES[code].http, message }, hidden: true }
}

function tellable(error: unknown, options: Options): ReturnType<typeof failureOf> | undefined {
  if (error instanceof Refusal) {
    const { code, message, issues } = error
    if (code === 'INVALID_ARGUMENT') return { failure: { by: 'door', ...statusOf(code), message, issues }, hidden: false }
    const status = NEAREST[code] ?? 'INVALID_ARGUMENT'
    return { failure: { by: 'door', code, status, http: REFUSALS[code].http, message, issues }, hidden: false }
  }
  if (error instanceof DeclaredError) {
    const { code, status, message } = error
    const declared = options.declared?.get(code)
    // What is not declared here has no form in which it could be shown.
    const data = declared?.toJson(error.data)
    const http = declared?.http ?? STATUSES[status].http
    return { failure: { by: 'contract', code, status, http, message, ...(data === undefined ? {} : { data }) }, hidden: false }
  }
  if (!(error instanceof CallError)) return undefined
  const { code, message } = outward(error)
  if (HIDDEN.has(code)) return unsaid(code, options)
  const { issues } = error.details
  const wrong = Array.isArray(issues) ? { issues: issues.filter(isIssue) } : {}
  return { failure: { by: 'call', ...statusOf(code), message, ...wrong }, hidden: error.inside === true }
}

const statusOf = (code: Status) => ({ code, status: code, http: STATUSES[code].http })

/** Handlers may put there what they like. */
function isIssue(value: unknown): value is Issue {
  const { path, message } = (value ?? {}) as Partial<Issue>
  return typeof message === 'string' && Array.isArray(path) && path.every((part) => typeof part !== 'symbol')
}
