/** Answers that the gateway gives itself. */
import { STATUS_CODES } from 'node:http'

export type Answer = {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** A problem document: RFC 9457. */
export function problem(status: number, code: string, detail: string, headers: Readonly<Record<string, string>> = {}): Answer {
  const title = STATUS_CODES[status] ?? 'Unknown'
  return {
    status,
    headers: { 'content-type': 'application/problem+json; charset=utf-8', ...headers },
    body: JSON.stringify({ type: 'about:blank', title, status, detail, code }),
  }
}

/** The bytes of it, one character each. */
export function textOf({ status, headers = {}, body }: Answer, more: string, withBody: boolean): string {
  // What was written as text travels as UTF-8.
  const bytes = body === undefined ? '' : Buffer.from(body, 'utf8').toString('latin1')
  let text = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`
  for (const name in headers) text += `${name}: ${headers[name]}\r\n`
  if (status >= 200 && status !== 204 && status !== 304) text += `content-length: ${bytes.length}\r\n`
  return `${text}${more}\r\n${withBody && status !== 204 && status !== 304 ? bytes : ''}`
}
