/** Why a connection is ended: the codes of WebSocket's close frames. */
export type CloseCode = 1001 | 1003 | 1008 | 1009 | 1013 | 4400 | 4401 | 4408 | 4409 | 4413

/** What ends of a connection are called in messages. */
const CODES: Readonly<Record<CloseCode, string>> = {
  1001: 'UNAVAILABLE',
  1003: 'MALFORMED_REQUEST',
  1008: 'REQUEST_TIMEOUT',
  1009: 'BODY_TOO_LARGE',
  1013: 'OVERLOADED',
  4400: 'MALFORMED_REQUEST',
  4401: 'UNAUTHENTICATED',
  4408: 'REQUEST_TIMEOUT',
  4409: 'ABORTED',
  4413: 'RESOURCE_EXHAUSTED',
}

/** The last message of a connection. */
export const byeText = (code: CloseCode, message: string): string => JSON.stringify({ type: 'bye', code: CODES[code], message })
