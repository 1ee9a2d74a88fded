import { STATUS_CODES } from 'node:http'
import { CallError, DeclaredError, STATUSES, type Issue, type Status } from 'dure/contract'
import { outward, REFUSALS, type RefusalCode } from 'dure/contract/internal'

/** A request that the door turns away. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly code: RefusalCode

  constructor(code: RefusalCode, message: string) {
    super(message)
    this.code = code
  }
}

/** A problem document. Source: RFC 9457. */
export type Problem = {
  readonly type: 'about:blank'
  readonly title: string
  readonly status: number
  readonly detail: string
  /** The path that was asked for, without its query (which may hold secrets). */
  readonly instance?: string
  /** A canonical status, a declared error's code, or a refusal of the door. */
  readonly code: string
  /** What is wrong, and where, when the input was refused. */
  readonly errors?: readonly ProblemIssue[]
  /** The fields of a declared error. */
  readonly data?: unknown
}

export type ProblemIssue = { readonly path: string; readonly message: string }

/** How an operation's declared errors look over HTTP, by code. */
export type DeclaredErrors = ReadonlyMap<string, { readonly http: number; readonly toJson: (data: unknown) => unknown }>

// What these say may quote data of the service's inside: it goes to the log, not to the client.
const HIDDEN: ReadonlySet<string> = new Set(['INTERNAL', 'UNKNOWN', 'DATA_LOSS'])

export function problem(status: number, code: string, detail: string, instance?: string): Problem {
  const title = STATUS_CODES[status] ?? 'Client Closed Request'
  return { type: 'about:blank', title, status, detail, ...(instance === undefined ? {} : { instance }), code }
}

type Told = { readonly problem: Problem; readonly hidden: boolean }
type Options = { readonly instance: string; readonly correlationId: string; readonly declared?: DeclaredErrors }

/**
 * Turns whatever a call failed with into a document; `hidden` when the reason must be logged instead of shown. What is shown
 * is for who asked: words for those who run the system stay inside. Never throws, whatever it is handed.
 */
export function problemOf(error: unknown, options: Options): Told {
  try {
    return tellable(error, options) ?? unsaid('INTERNAL', options)
  } catch {
    // Something in it cannot be read, or has no JSON form.
    return unsaid('INTERNAL', options)
  }
}

function unsaid(code: Status, { instance, correlationId }: Options): Told {
  const detail = `The request failed inside the service. Its log has the reason under correlation id "${correlationId}"`
  return { problem: problem(STATUSES[code].http, code, detail, instance), hidden: true }
}

function tellable(error: unknown, options: Options): Told | undefined {
  const { instance } = options
  if (error instanceof Refusal) {
    return { problem: problem(REFUSALS[error.code].http, error.code, error.message, instance), hidden: false }
  }
  if (error instanceof DeclaredError) {
    const declared = options.declared?.get(error.code)
    const document = problem(declared?.http ?? STATUSES[error.status].http, error.code, error.message, instance)
    // What is not declared here has no form in which it could be shown.
    const data = declared?.toJson(error.data)
    return { problem: data === undefined ? document : { ...document, data }, hidden: false }
  }
  if (!(error instanceof CallError)) return undefined
  const { code, message } = outward(error)
  if (HIDDEN.has(code)) return unsaid(code, options)
  const document = problem(STATUSES[code].http, code, message, instance)
  const { issues } = error.details
  return {
    problem: Array.isArray(issues) ? { ...document, errors: problemIssues(issues.filter(isIssue)) } : document,
    hidden: error.inside === true,
  }
}

/** Handlers may put there what they like. */
function isIssue(value: unknown): value is Issue {
  const { path, message } = (value ?? {}) as Partial<Issue>
  return typeof message === 'string' && Array.isArray(path) && path.every((part) => typeof part !== 'symbol')
}

export function problemIssues(issues: readonly Issue[]): readonly ProblemIssue[] {
  return issues.map(({ path, message }) => ({ path: pathText(path), message }))
}

/** `items[0].quantity`; `(input)` for the input as a whole. */
export function pathText(path: readonly (string | number)[]): string {
  let text = ''
  for (const part of path) text += typeof part === 'number' ? `[${part}]` : text === '' ? part : `.${part}`
  return text === '' ? '(input)' : text
}

/** The path in such a text, which is what it was made of unless its names hold dots or brackets. */
export function issuePath(text: string): readonly (string | number)[] {
  if (text === '(input)') return []
  return text.split(/\.|(?=\[\d+\])/).map((part) => (/^\[\d+\]$/.test(part) ? Number(part.slice(1, -1)) : part))
}
