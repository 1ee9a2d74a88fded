import type { Metadata } from '../contract/contract.ts'
import { metadataFromBaggage } from '../contract/internal.ts'
import { parseTraceparent } from '../telemetry/internal.ts'
import { Refusal } from './refusal.ts'

/** What a request says about the call that it is, beside the input. */
export type Steering = {
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
export function correlationIdOf(given: unknown): string | undefined {
  return typeof given === 'string' && CORRELATION_ID.test(given) ? given : undefined
}

/**
 * Reads what steers a call: `traceparent`, `baggage`, `idempotency-key`, `request-timeout`, which are called so in every protocol
 * that has names for them. A trace that cannot be one is dropped, as W3C asks; an idempotency key or timeout that cannot be one is
 * refused, for the client counts on them.
 * @param longest the longest deadline that a client may ask for: milliseconds
 * @throws {Refusal} INVALID_HEADER
 */
export function steeringOf(header: (name: string) => string | undefined, longest: number): Steering {
  const traceparent = header('traceparent')
  const key = header('idempotency-key')
  const timeout = header('request-timeout')
  const baggage = header('baggage')
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
