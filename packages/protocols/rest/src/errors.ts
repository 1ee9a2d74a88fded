/** What the door itself refuses, before any service hears of it: code, HTTP status, whether trying again may help. */
export type RefusalCode =
  | 'MALFORMED_REQUEST'
  | 'MALFORMED_JSON'
  | 'INVALID_HEADER'
  | 'PATH_NOT_FOUND'
  | 'METHOD_NOT_ALLOWED'
  | 'REQUEST_TIMEOUT'
  | 'BODY_TOO_LARGE'
  | 'PATH_TOO_LONG'
  | 'UNSUPPORTED_MEDIA_TYPE'
  | 'HEADERS_TOO_LARGE'
  | 'OVERLOADED'

/**
 * What the door itself refuses, by code: the HTTP status, whether trying again may help, and what it means.
 *
 * @example
 * ```ts
 * import { REFUSALS } from '@dure/rest'
 *
 * const { http, retryable } = REFUSALS.OVERLOADED
 * console.log(http, retryable) // → 503 true
 * ```
 */
export const REFUSALS: Readonly<
  Record<RefusalCode, { readonly http: number; readonly retryable: boolean; readonly meaning: string; readonly hint: string }>
> = {
  MALFORMED_REQUEST: {
    http: 400,
    retryable: false,
    meaning: 'The bytes are not an HTTP/1.1 request',
    hint: 'Send HTTP/1.1 with one Host header',
  },
  MALFORMED_JSON: {
    http: 400,
    retryable: false,
    meaning: 'The body is not JSON in UTF-8, or reading it would lose something',
    hint: 'Correct the body where the message points to',
  },
  INVALID_HEADER: {
    http: 400,
    retryable: false,
    meaning: 'A header that steers the call has a value it cannot have',
    hint: 'Correct the header that the message names, or leave it out',
  },
  PATH_NOT_FOUND: {
    http: 404,
    retryable: false,
    meaning: 'No operation is served at the path',
    hint: 'Look the path up in `/openapi.json`',
  },
  METHOD_NOT_ALLOWED: {
    http: 405,
    retryable: false,
    meaning: 'The path is served, but not with this method',
    hint: 'Use a method of the `Allow` header',
  },
  REQUEST_TIMEOUT: {
    http: 408,
    retryable: true,
    meaning: 'The request did not arrive in time',
    hint: 'Send the whole request at once, and again',
  },
  BODY_TOO_LARGE: {
    http: 413,
    retryable: false,
    meaning: 'The body is larger than the limit',
    hint: 'Send less, or raise the limit `body`',
  },
  PATH_TOO_LONG: {
    http: 414,
    retryable: false,
    meaning: 'A path parameter is longer than the limit',
    hint: 'Use a shorter parameter',
  },
  UNSUPPORTED_MEDIA_TYPE: {
    http: 415,
    retryable: false,
    meaning: 'The body is not sent as plain application/json',
    hint: 'Send `application/json` in UTF-8, uncompressed',
  },
  HEADERS_TOO_LARGE: {
    http: 431,
    retryable: false,
    meaning: 'Request line and headers are larger than the limit',
    hint: 'Send fewer headers, or raise the limit `headers`',
  },
  OVERLOADED: {
    http: 503,
    retryable: true,
    meaning: 'As many calls as the limit allows are in hand',
    hint: 'Wait as long as `Retry-After` says',
  },
}

/** A request that the door turns away. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly code: RefusalCode

  constructor(code: RefusalCode, message: string) {
    super(message)
    this.code = code
  }
}
