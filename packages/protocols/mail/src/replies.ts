/** What a client of SMTP is told: RFC 5321's codes, with those of RFC 3463. */
import type { Outcome } from './into.ts'

export type Reply = Error & { readonly responseCode: number }

/** @param text is cut and made ASCII, as a line of a reply is */
export function reply(responseCode: number, enhanced: string, text: string): Reply {
  const line = text.replaceAll(/[^\x20-\x7e]+/g, ' ').slice(0, 400)
  return Object.assign(new Error(`${enhanced} ${line}`), { responseCode })
}

const CODES: Readonly<Record<string, readonly [code: number, enhanced: string]>> = {
  INVALID_ARGUMENT: [554, '5.6.0'],
  OUT_OF_RANGE: [554, '5.6.0'],
  UNAUTHENTICATED: [530, '5.7.0'],
  PERMISSION_DENIED: [550, '5.7.1'],
  RESOURCE_EXHAUSTED: [452, '4.3.1'],
  UNAVAILABLE: [451, '4.3.2'],
  DEADLINE_EXCEEDED: [451, '4.4.7'],
}

/** Undefined: it is taken. */
export function replyTo(outcome: Outcome): Reply | undefined {
  if (!('failure' in outcome)) return undefined
  const { code, status, message } = outcome.failure
  const [number, enhanced] = CODES[status] ?? (outcome.is === 'later' ? [451, '4.3.0'] : [554, '5.0.0'])
  return reply(number, enhanced, `${code}: ${message}`)
}
