import { isUtf8 } from 'node:buffer'
import { STATUS_CODES } from 'node:http'
import type { MemoryAnswer, MemoryRequest } from '@dure/rest/internal'
import type { HttpEvent } from './events.ts'

/** What API Gateway and function URLs take for an answer. */
export type HttpAnswer = {
  readonly statusCode: number
  readonly headers: Readonly<Record<string, string>>
  readonly cookies: readonly string[]
  readonly body: string
  readonly isBase64Encoded: boolean
}

/** Bytes of an answer that the platform takes, at most. */
const ANSWER_BYTES = 6 * 1024 * 1024
/** What is said of a connection, and not of a request. */
const OF_CONNECTION = new Set(['connection', 'keep-alive', 'transfer-encoding', 'content-length'])

/** @param left milliseconds until it must be answered: what the client gives it is never more */
export function requestOf(event: HttpEvent, left: number): MemoryRequest {
  const { rawPath, rawQueryString = '', headers = {}, cookies = [], body, isBase64Encoded = false, requestContext } = event
  const { stage = '$default', http } = requestContext
  const named = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const)
  const given = Object.fromEntries(named.filter(([name]) => !OF_CONNECTION.has(name)))
  const seconds = (Math.max(1, Math.floor(left)) / 1_000).toFixed(3)
  const asked = Number(given['request-timeout'] ?? Infinity)
  return {
    method: http.method,
    path: `${withoutStage(rawPath, stage)}${rawQueryString === '' ? '' : `?${rawQueryString}`}`,
    headers: {
      ...given,
      ...(cookies.length > 0 && { cookie: cookies.join('; ') }),
      // What cannot be read is left for the door to refuse.
      ...(Number.isNaN(asked) || asked <= Number(seconds) ? {} : { 'request-timeout': seconds }),
    },
    most: ANSWER_BYTES,
    body: body === undefined ? undefined : isBase64Encoded ? Buffer.from(body, 'base64') : body,
  }
}

export function answerOf({ status, headers, body }: MemoryAnswer): HttpAnswer {
  if (body === undefined) return TOO_LARGE
  const { 'set-cookie': cookies = [], ...others } = headers
  const isText = others['content-encoding'] === undefined && isUtf8(body)
  return {
    statusCode: status,
    headers: Object.fromEntries(
      Object.entries(others)
        .filter(([name]) => !OF_CONNECTION.has(name))
        .map(([name, value]) => [name, typeof value === 'string' ? value : value.join(', ')]),
    ),
    cookies: typeof cookies === 'string' ? [cookies] : cookies,
    body: Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString(isText ? 'utf8' : 'base64'),
    isBase64Encoded: !isText,
  }
}

/** The stage of an API is the first part of its paths, unless it is the default one. */
function withoutStage(path: string, stage: string): string {
  if (stage === '$default' || (path !== `/${stage}` && !path.startsWith(`/${stage}/`))) return path
  return path.slice(stage.length + 1) || '/'
}

const TOO_LARGE = failed(
  500,
  'OUT_OF_RANGE',
  `Cannot answer: a function may answer ${ANSWER_BYTES} bytes; ask for less, by pages`,
)
/** For what does not end with its deadline. */
export const TOO_LATE: HttpAnswer = failed(504, 'DEADLINE_EXCEEDED', 'The time of the function was over before the answer')

function failed(status: number, code: string, detail: string): HttpAnswer {
  return {
    statusCode: status,
    headers: { 'content-type': 'application/problem+json; charset=utf-8' },
    cookies: [],
    body: JSON.stringify({ type: 'about:blank', title: STATUS_CODES[status], status, code, detail }),
    isBase64Encoded: false,
  }
}
