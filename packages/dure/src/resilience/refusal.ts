import { CallError, type Status } from '../contract/contract.ts'

/** What can keep a call from being made. */
export type Refuser = 'breaker' | 'rateLimit' | 'limit' | 'bulkhead'

/** A call was not made. Nothing travels of it but code, words and that it has not begun: who hears of it elsewhere heard an answer. */
export function refusal(by: Refuser, code: Status, message: string, details: Readonly<Record<string, unknown>> = {}): CallError {
  return markRefused(by, new CallError(code, message, { details: { begun: false, ...details }, inside: true }))
}

export function markRefused<E extends CallError>(by: Refuser, error: E): E {
  return Object.defineProperty(error, 'refusedBy', { value: by, configurable: true })
}

/**
 * Which policy of this process has kept a call from being made, if one has: then its error says nothing of whoever was to be called.
 *
 * @example
 * ```ts
 * import { rateLimit, refusedBy } from 'dure/resilience'
 *
 * const once = rateLimit({ rate: 1, per: 60_000, burst: 1 })
 * await once.run(async () => 'first')
 * const error: unknown = await once.run(async () => 'second').catch((error: unknown) => error)
 * console.log(refusedBy(error)) // → rateLimit
 * ```
 */
export function refusedBy(error: unknown): Refuser | undefined {
  return error instanceof CallError ? (error as { readonly refusedBy?: Refuser }).refusedBy : undefined
}
