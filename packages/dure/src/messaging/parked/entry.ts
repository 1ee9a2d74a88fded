import type { Message } from '../../contract/contract.ts'
import type { Runtime } from '../../runtime/runtime.ts'
import { backoff } from '../../runtime/internal.ts'
import { NonRetryableError } from '../non-retryable.ts'
import { errorText, type ParkedRow } from './rows.ts'
import type { RetryPolicy } from '../retry.ts'

/** A message on its way into the table: one that failed its first try, one that comes behind, or one that is to wait first. */
export type ParkedEntry = { readonly message: Message; /** What it holds. Default its own. */ readonly key?: string } & (
  | { readonly failure: unknown }
  | { readonly behind: true }
  /** Milliseconds until its first try. */
  | { readonly delay: number }
)

/** The row that keeps it. */
export function rowFor(
  entry: ParkedEntry,
  options: { consumer: string; retry: RetryPolicy; runtime: Runtime; time: () => number; dead: boolean },
): Omit<ParkedRow, 'sequence'> {
  const { consumer, retry, runtime, time, dead } = options
  const base = { consumer, key: entry.key ?? entry.message.key, message: entry.message }
  if (!('failure' in entry)) {
    const waits = 'delay' in entry
    return {
      ...base,
      state: waits ? 'waiting' : 'held',
      started: 0,
      finished: 0,
      crashes: 0,
      nextAt: waits ? Math.ceil(time() + entry.delay) : 0,
      error: '',
      firstFailure: undefined,
      lastFailure: undefined,
    }
  }
  const now = runtime.clock.now()
  return {
    ...base,
    state: dead ? 'dead' : 'waiting',
    started: 1,
    finished: 1,
    crashes: 0,
    nextAt: dead ? 0 : Math.ceil(time() + backoff(retry, 1, runtime.random)),
    error: errorText(entry.failure),
    firstFailure: now,
    lastFailure: now,
  }
}

/** Whether a failure after so many tries is the last. */
export function isLastTry(retry: RetryPolicy, error: unknown, tries: number): boolean {
  return error instanceof NonRetryableError || tries >= retry.attempts
}
