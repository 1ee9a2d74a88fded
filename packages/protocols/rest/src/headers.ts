import type { IncomingHttpHeaders } from 'node:http'
import type { Metadata } from 'dure/contract'
import { metadataFromBaggage } from 'dure/contract/internal'
import { parseTraceparent } from 'dure/telemetry/internal'
import { Refusal } from './problem.ts'

/** What the headers of a request say about the call. */
export type CallHeaders = {
  readonly traceparent: string | undefined
  readonly idempotencyKey: string | undefined
  readonly metadata: Metadata | undefined
  /** Milliseconds. */
  readonly timeout: number | undefined
}

export const CORRELATION_ID: RegExp = /^[\w.:@/+=-]{1,128}$/
export const IDEMPOTENCY_KEY: RegExp = /^[\x21-\x7e]{1,255}$/
const SECONDS = /^\d{1,6}(\.\d{1,3})?$/

/** The client's correlation id. One that cannot be one is dropped: it only describes. */
export function correlationIdOf(headers: IncomingHttpHeaders): string | undefined {
  const given = headers['x-correlation-id']
  return typeof given === 'string' && CORRELATION_ID.test(given) ? given : undefined
}

/**
 * Reads the headers that steer a call. A trace that cannot be one is dropped, as W3C asks; an idempotency
 * key or timeout that cannot be one is refused, for the client counts on them.
 * @throws {Refusal} INVALID_HEADER
 */
export function callHeaders(headers: IncomingHttpHeaders, longest: number): CallHeaders {
  const traceparent = headers['traceparent'] as string | undefined
  const key = headers['idempotency-key'] as string | undefined
  const timeout = headers['request-timeout'] as string | undefined
  const baggage = headers['baggage'] as string | undefined
  return {
    traceparent: parseTraceparent(traceparent) === undefined ? undefined : traceparent,
    metadata: baggage === undefined ? undefined : metadataFromBaggage(baggage),
    idempotencyKey: key === undefined ? undefined : idempotencyKey(key),
    timeout: timeout === undefined ? undefined : milliseconds(timeout, longest),
  }
}

function idempotencyKey(given: string): string {
  // The draft standard writes the key as a quoted string; most clients do not.
  const key = given.length > 2 && given.startsWith('"') && given.endsWith('"') ? given.slice(1, -1) : given
  if (IDEMPOTENCY_KEY.test(key)) return key
  throw new Refusal(
    'INVALID_HEADER',
    `Cannot use the Idempotency-Key header: it has ${key.length} characters; give 1 to 255 visible ASCII characters without spaces`,
  )
}

function milliseconds(given: string, longest: number): number {
  const ms = SECONDS.test(given) ? Math.ceil(Number(given) * 1000) : 0
  if (ms > 0) return Math.min(ms, longest)
  throw new Refusal(
    'INVALID_HEADER',
    `Cannot use the Request-Timeout header: "${given.slice(0, 40)}" is not a positive number of seconds`,
  )
}

/** A header by its lower-case name; of several that came, all, as RFC 9110 joins them. */
export function headerOf(headers: IncomingHttpHeaders): (name: string) => string | undefined {
  return (name) => {
    const value = Object.hasOwn(headers, name) ? headers[name] : undefined
    return Array.isArray(value) ? value.join(', ') : value
  }
}
