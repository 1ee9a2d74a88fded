import { STATUS_CODES } from 'node:http'
import type { Issue } from 'dure/contract'
import type { Failure } from 'dure/door/internal'

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

export function problem(status: number, code: string, detail: string, instance?: string): Problem {
  const title = STATUS_CODES[status] ?? 'Client Closed Request'
  return { type: 'about:blank', title, status, detail, ...(instance === undefined ? {} : { instance }), code }
}

/** How a failure is spelled over HTTP. */
export function problemOf({ http, code, message, issues, data }: Failure, instance?: string): Problem {
  const document = problem(http, code, message, instance)
  return {
    ...document,
    ...(issues === undefined ? {} : { errors: problemIssues(issues) }),
    ...(data === undefined ? {} : { data }),
  }
}

function problemIssues(issues: readonly Issue[]): readonly ProblemIssue[] {
  return issues.map(({ path, message }) => ({ path: pathText(path), message }))
}

/** `items[0].quantity`; `(input)` for the input as a whole. */
function pathText(path: readonly (string | number)[]): string {
  let text = ''
  for (const part of path) text += typeof part === 'number' ? `[${part}]` : text === '' ? part : `.${part}`
  return text === '' ? '(input)' : text
}

/** The path in such a text, which is what it was made of unless its names hold dots or brackets. */
export function issuePath(text: string): readonly (string | number)[] {
  if (text === '(input)') return []
  return text.split(/\.|(?=\[\d+\])/).map((part) => (/^\[\d+\]$/.test(part) ? Number(part.slice(1, -1)) : part))
}
