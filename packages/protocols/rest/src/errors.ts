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

export const REFUSALS: Readonly<
  Record<RefusalCode, { readonly http: number; readonly retryable: boolean; readonly meaning: string }>
> = {
  MALFORMED_REQUEST: { http: 400, retryable: false, meaning: 'The bytes are not an HTTP/1.1 request' },
  MALFORMED_JSON: { http: 400, retryable: false, meaning: 'The body is not JSON in UTF-8, or reading it would lose something' },
  INVALID_HEADER: { http: 400, retryable: false, meaning: 'A header that steers the call has a value it cannot have' },
  PATH_NOT_FOUND: { http: 404, retryable: false, meaning: 'No operation is served at the path' },
  METHOD_NOT_ALLOWED: { http: 405, retryable: false, meaning: 'The path is served, but not with this method' },
  REQUEST_TIMEOUT: { http: 408, retryable: true, meaning: 'The request did not arrive in time' },
  BODY_TOO_LARGE: { http: 413, retryable: false, meaning: 'The body is larger than the limit' },
  PATH_TOO_LONG: { http: 414, retryable: false, meaning: 'A path parameter is longer than the limit' },
  UNSUPPORTED_MEDIA_TYPE: { http: 415, retryable: false, meaning: 'The body is not sent as plain application/json' },
  HEADERS_TOO_LARGE: { http: 431, retryable: false, meaning: 'Request line and headers are larger than the limit' },
  OVERLOADED: { http: 503, retryable: true, meaning: 'As many calls as the limit allows are in hand' },
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
