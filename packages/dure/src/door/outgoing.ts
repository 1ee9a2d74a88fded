import type { CallContext } from '../call/call.ts'
import type { Status } from '../contract/contract.ts'
import { baggageOf } from '../contract/internal.ts'
import { CORRELATION_ID, IDEMPOTENCY_KEY } from './steering.ts'

/** A request's headers, or why they cannot say what they should. */
export type RequestHeaders =
  | { readonly ok: true; readonly headers: Record<string, string> }
  | { readonly ok: false; readonly why: string }

/**
 * What goes along with a call, in the headers that our doors read. On whose behalf it is does not: doors find that out from
 * credentials, which whoever calls has to have.
 * @param left milliseconds until the deadline
 */
export function requestHeaders(
  call: Pick<CallContext, 'correlationId' | 'traceparent' | 'tracestate' | 'idempotencyKey' | 'metadata'>,
  left: number,
  more: Readonly<Record<string, string>>,
): RequestHeaders {
  const { correlationId, traceparent, tracestate, idempotencyKey, metadata } = call
  const headers: Record<string, string> = { ...more, 'request-timeout': secondsOf(left) }
  if (CORRELATION_ID.test(correlationId)) headers['x-correlation-id'] = correlationId
  if (traceparent !== undefined) headers['traceparent'] = traceparent
  if (traceparent !== undefined && tracestate !== undefined) headers['tracestate'] = tracestate
  if (metadata !== undefined && Object.keys(metadata).length > 0) headers['baggage'] = baggageOf(metadata)
  if (idempotencyKey !== undefined) {
    if (!IDEMPOTENCY_KEY.test(idempotencyKey))
      return { ok: false, why: 'its idempotency key has to be 1 to 255 visible ASCII characters without spaces to go over HTTP' }
    // A key that is quoted would lose its quotes.
    headers['idempotency-key'] = /^".+"$/.test(idempotencyKey) ? `"${idempotencyKey}"` : idempotencyKey
  }
  return { ok: true, headers }
}

/** Seconds with milliseconds, as `Request-Timeout` has them. */
function secondsOf(ms: number): string {
  return (Math.min(Math.ceil(ms), 999_999_999) / 1000).toString()
}

/** The canonical code of an HTTP status. Where several have one status, the one that promises least. */
export function statusOfHttp(status: number): Status {
  const known = CODES[status]
  if (known !== undefined) return known
  return status >= 400 && status < 500 ? 'FAILED_PRECONDITION' : 'UNKNOWN'
}

const CODES: Readonly<Record<number, Status>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  405: 'UNIMPLEMENTED',
  406: 'UNIMPLEMENTED',
  408: 'UNAVAILABLE',
  409: 'ABORTED',
  410: 'NOT_FOUND',
  413: 'INVALID_ARGUMENT',
  414: 'INVALID_ARGUMENT',
  415: 'UNIMPLEMENTED',
  416: 'OUT_OF_RANGE',
  422: 'INVALID_ARGUMENT',
  425: 'UNAVAILABLE',
  429: 'RESOURCE_EXHAUSTED',
  431: 'INVALID_ARGUMENT',
  499: 'CANCELLED',
  500: 'INTERNAL',
  501: 'UNIMPLEMENTED',
  502: 'UNAVAILABLE',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
}
