import type { CallContext } from 'dure/call'
import { baggageOf } from 'dure/contract/internal'
import { CORRELATION_ID, IDEMPOTENCY_KEY } from 'dure/door/internal'

/** A request's headers, or why they cannot say what they should. */
export type RequestHeaders =
  | { readonly ok: true; readonly headers: Record<string, string> }
  | { readonly ok: false; readonly why: string }

/**
 * What goes along with a call, in the headers that our doors read. On whose behalf it is does not: doors find that out from
 * credentials, which whoever calls has to have.
 * @param left milliseconds until the deadline
 */
export function requestHeaders(call: CallContext, left: number, more: Readonly<Record<string, string>>): RequestHeaders {
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
