import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { REFUSALS, type RefusalCode } from 'dure/contract/internal'
import type { Limits } from './limits.ts'
import { problem } from './problem.ts'
import { PROBLEM_JSON } from './reply.ts'

/** Answers what never became a request: broken bytes, headers without end, a sender that fell asleep. */
export function answerMalformed(error: { readonly code?: string }, socket: Socket, limits: Limits): void {
  // A response of this connection that has begun cannot become another one. Node's own handler looks at the same field.
  const begun = (socket as { _httpMessage?: { headersSent: boolean } | null })._httpMessage?.headersSent === true
  if (error.code === 'ECONNRESET' || !socket.writable || begun) return void socket.destroy()
  const code = refusalCode(error.code)
  const status = REFUSALS[code].http
  const body = JSON.stringify(problem(status, code, detailOf(code, limits)))
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: ${PROBLEM_JSON}\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    () => socket.destroy(),
  )
}

function refusalCode(code: string | undefined): RefusalCode {
  if (code === 'HPE_HEADER_OVERFLOW') return 'HEADERS_TOO_LARGE'
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'REQUEST_TIMEOUT'
  if (code === 'CONNECT') return 'METHOD_NOT_ALLOWED'
  return 'MALFORMED_REQUEST'
}

function detailOf(code: RefusalCode, limits: Limits): string {
  if (code === 'HEADERS_TOO_LARGE') return `Cannot read the request: its headers are larger than ${limits.headers} bytes`
  if (code === 'REQUEST_TIMEOUT') {
    return `Cannot read the request: it did not arrive within ${limits.headersTimeout} ms (headers) or ${limits.requestTimeout} ms (all of it)`
  }
  if (code === 'METHOD_NOT_ALLOWED') return 'Cannot CONNECT: this server is no proxy'
  return 'Cannot read the request: it is not HTTP/1.1'
}
