import { DeclaredError, type Message } from '../../contract/contract.ts'
import { describeThrown, isInstance, partOf } from '../../contract/internal.ts'
import type { ParkedMessage, Store } from '../../data/data.ts'
import type { Runtime } from '../../runtime/runtime.ts'
import { backoff } from '../../runtime/internal.ts'
import { NonRetryableError } from '../non-retryable.ts'
import { groupOf, letterOf } from './fingerprint.ts'
import type { RetryPolicy } from '../retry.ts'

/** As much of a store as parked messages need: an outbox that is used alone has no more. */
export type ParkedStore = Pick<Store, 'service' | 'sharing' | 'records' | 'transaction'>

/** A message to be parked: one that failed its first try, one that comes behind, or one that is to wait first. */
export type ParkedEntry = { readonly message: Message; /** What it holds. Default its own. */ readonly key?: string } & (
  | { readonly failure: unknown }
  | { readonly behind: true }
  /** Milliseconds until its first try. */
  | { readonly delay: number }
)

/** What is kept of it. */
export function parkedOf(
  entry: ParkedEntry,
  options: { consumer: string; partition: number; retry: RetryPolicy; runtime: Runtime; dead: boolean },
): ParkedMessage {
  const { consumer, partition, retry, runtime, dead } = options
  const { message, key = message.key } = entry
  const failed = 'failure' in entry
  const error = failed ? errorText(entry.failure) : ''
  const [tries, at] = failed ? [1, runtime.clock.now()] : [0, undefined]
  const pause = failed && !dead ? backoff(retry, 1, runtime.random) : 'delay' in entry ? entry.delay : undefined
  return {
    ...{
      consumer,
      partition,
      key,
      message,
      error,
      revision: 0,
      started: tries,
      finished: tries,
      crashes: 0,
      firstFailure: at,
      lastFailure: at,
    },
    state: dead ? 'dead' : 'behind' in entry ? 'held' : 'waiting',
    wait: Math.ceil(pause ?? 0),
    letter: letterOf(consumer, message.id),
    group: groupOf({ consumer, topic: message.type, error }),
  }
}

/** Whether a failure after so many tries is the last. */
export function isLastTry(retry: RetryPolicy, error: unknown, tries: number): boolean {
  return tries >= retry.attempts || isInstance(error, NonRetryableError)
}

/** What went wrong, short enough for a row, and groupable: the first line carries name and message. */
export function errorText(error: unknown): string {
  const { message, stack, words } = describeThrown(error)
  const text = stack?.includes(message) === true ? stack : words
  const kept = text.slice(0, 4000).toWellFormed().replaceAll('\0', '')
  // Its parts may be whatever somebody has made of them.
  const [code, status] = isInstance(error, DeclaredError) ? [partOf(error, 'code'), partOf(error, 'status')] : []
  return typeof code === 'string' && typeof status === 'string' ? `${kept}\n    declared as ${code}, ${status}` : kept
}

/** The declared error that a kept text is of: without its data, which may be secret. */
export function declaredIn(text: string): { readonly code: string; readonly status: string } | undefined {
  const [, code, status] = /\n {4}declared as (\S+), ([A-Z_]+)$/.exec(text) ?? []
  return code === undefined || status === undefined ? undefined : { code, status }
}
