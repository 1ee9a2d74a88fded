import { final, retryable, type Outcome } from './outcome.ts'

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

/** What a door refuses before any service hears of it. */
export const REFUSALS: Readonly<Record<RefusalCode, Outcome>> = {
  MALFORMED_REQUEST: final(400, 'The bytes are not an HTTP/1.1 request', 'Send HTTP/1.1 with one Host header'),
  MALFORMED_JSON: final(
    400,
    'The body is not JSON in UTF-8, or reading it would lose something',
    'Correct the body where the message points to',
  ),
  INVALID_HEADER: final(
    400,
    'A header that steers the call has a value it cannot have',
    'Correct the header that the message names, or leave it out',
  ),
  PATH_NOT_FOUND: final(404, 'No operation is served at the path', 'Look the path up in `/openapi.json`'),
  METHOD_NOT_ALLOWED: final(405, 'The path is served, but not with this method', 'Use a method of the `Allow` header'),
  REQUEST_TIMEOUT: retryable(408, 'The request did not arrive in time', 'Send the whole request at once, and again'),
  BODY_TOO_LARGE: final(413, 'The body is larger than the limit', 'Send less, or raise the limit `body`'),
  PATH_TOO_LONG: final(414, 'A path parameter is longer than the limit', 'Use a shorter parameter'),
  UNSUPPORTED_MEDIA_TYPE: final(
    415,
    'The body is not sent as plain application/json',
    'Send `application/json` in UTF-8, uncompressed',
  ),
  HEADERS_TOO_LARGE: final(
    431,
    'Request line and headers are larger than the limit',
    'Send fewer headers, or raise the limit `headers`',
  ),
  OVERLOADED: retryable(503, 'As many calls as the limit allows are in hand', 'Wait as long as `Retry-After` says'),
}
