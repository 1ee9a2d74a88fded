/** Answers that the gateway gives itself. */
import { STATUS_CODES } from 'node:http'

export type Answer = {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  /** Values of `Set-Cookie`, of which there may be several. */
  readonly cookies?: readonly string[]
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

/** There is no instance that could be asked. */
export const NOBODY: Answer = problem(503, 'UNAVAILABLE', 'Nobody can take the request now; try again soon', {
  'retry-after': '1',
})
export const UNANSWERED: Answer = problem(502, 'UNAVAILABLE', 'Whoever the request went to has not answered')

export const tooLate = (ms: number): Answer => problem(504, 'DEADLINE_EXCEEDED', `There was no answer within ${ms} ms`)

export const tooLarge = (most: number): Answer =>
  problem(413, 'BODY_TOO_LARGE', `Cannot take the body: it is larger than ${most} bytes`)

const CODES: Readonly<Record<number, string>> = {
  408: 'REQUEST_TIMEOUT',
  414: 'PATH_TOO_LONG',
  431: 'HEADERS_TOO_LARGE',
  501: 'UNIMPLEMENTED',
}

export const unreadable = (status: number, why: string): Answer =>
  problem(status, CODES[status] ?? 'MALFORMED_REQUEST', `Cannot read the request: ${why}`)

/** How the end of an own answer's body is told: by its length, or as it is passed through stages. */
export type OwnFraming = 'length' | 'chunked' | 'until the end'

const hasBody = (status: number): boolean => status >= 200 && status !== 204 && status !== 304

export function ownHead({ status, headers = {}, body, cookies = [] }: Answer, framing: OwnFraming, more: string): string {
  let text = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`
  for (const name in headers) text += `${name}: ${headers[name]}\r\n`
  for (const cookie of cookies) text += `set-cookie: ${cookie}\r\n`
  if (framing === 'length' && hasBody(status)) text += `content-length: ${body === undefined ? 0 : Buffer.byteLength(body)}\r\n`
  if (framing === 'chunked') text += 'transfer-encoding: chunked\r\n'
  return `${text}${more}\r\n`
}

/** What is sent after its head; undefined: nothing. */
export const ownBody = ({ status, body }: Answer, method: string): string | Uint8Array | undefined =>
  method === 'HEAD' || !hasBody(status) || body === undefined || body.length === 0 ? undefined : body
