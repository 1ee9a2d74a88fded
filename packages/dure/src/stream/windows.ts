import type { AnyEvent, EventType, Schema } from '../contract/contract.ts'
import { millisecondsOf, type Duration } from './duration.ts'

/** Which windows a time is in. Made by `tumbling`, `hopping`, `sliding` and `session`. */
export type WindowShape =
  | { readonly kind: 'hopping'; readonly size: number; readonly every: number; readonly offset: number }
  | { readonly kind: 'sliding'; readonly size: number }
  | { readonly kind: 'session'; readonly gap: number }

/** What a window has made of one key. From `start` on, up to and without `end`; both in milliseconds since the epoch. */
export type WindowResult<R> = { readonly key: string; readonly start: number; readonly end: number; readonly value: R }

/**
 * What becomes of events that come when their window has closed: they are dropped, and counted; they change its result, for
 * `grace` after its end; or each is published as an event of its own.
 */
export type Late<T> =
  | { readonly late: 'drop' }
  | { readonly late: 'update'; readonly grace: Duration }
  | { readonly late: [T] extends [never] ? AnyEvent : EventType<string, Schema<T, unknown>> }

/** When results are told: once, as the window closes; whenever they change; or every so often before it closes, too. */
export type Results = 'final' | 'updates' | { readonly early: Duration }

/** The policy of a window, in milliseconds. */
export type Policy = {
  readonly late: 'drop' | 'update' | AnyEvent
  readonly grace: number
  readonly results: 'final' | 'updates' | 'early'
  readonly early: number
}

export function policyOf<T>(
  what: string,
  { results = 'final', ...said }: Late<T> & { readonly results?: Results | undefined },
): Policy {
  const { late } = said
  const isPolicy = late === 'drop' || late === 'update' || (typeof late === 'object' && late !== null && 'schema' in late)
  if (!isPolicy)
    throw new TypeError(
      `Cannot ${what}: "late" is ${JSON.stringify(late)}; say what becomes of late events: "drop", "update", or an event`,
    )
  const grace = late === 'update' ? millisecondsOf(what, 'grace', (said as { grace: Duration }).grace) : 0
  if (typeof results === 'object')
    return { late, grace, results: 'early', early: millisecondsOf(what, 'results.early', results.early) }
  if (results !== 'final' && results !== 'updates')
    throw new TypeError(`Cannot ${what}: "results" is ${JSON.stringify(results)}; give "final", "updates" or { early: "1m" }`)
  return { late, grace, results, early: 0 }
}

/**
 * Windows of one size, one after the other, from the epoch on.
 *
 * @example
 * ```ts
 * import { tumbling } from 'dure/stream'
 *
 * console.log(tumbling('10m')) // → { kind: 'hopping', size: 600000, every: 600000, offset: 0 }
 * ```
 */
export function tumbling(size: Duration, { offset = 0 }: { readonly offset?: Duration } = {}): WindowShape {
  return hopping(size, { every: size, offset })
}

/**
 * Windows of one size, of which one begins every so often: they overlap.
 * @throws {TypeError} when `every` is longer than `size`
 *
 * @example
 * ```ts
 * import { hopping } from 'dure/stream'
 *
 * console.log(hopping('10s', { every: '2s' })) // → { kind: 'hopping', size: 10000, every: 2000, offset: 0 }
 * ```
 */
export function hopping(
  size: Duration,
  { every, offset = 0 }: { readonly every: Duration; readonly offset?: Duration },
): WindowShape {
  const what = 'declare a window'
  const shape = {
    size: millisecondsOf(what, 'size', size),
    every: millisecondsOf(what, 'every', every),
    offset: millisecondsOf(what, 'offset', offset, 0),
  }
  if (shape.every > shape.size)
    throw new TypeError(
      `Cannot ${what}: one of ${shape.size} ms every ${shape.every} ms would leave events out; give an "every" of at most the size`,
    )
  return { kind: 'hopping', ...shape, offset: shape.offset % shape.every }
}

/**
 * A window for every event: it and what came up to `size` before it.
 *
 * @example
 * ```ts
 * import { sliding } from 'dure/stream'
 *
 * console.log(sliding('1m')) // → { kind: 'sliding', size: 60000 }
 * ```
 */
export function sliding(size: Duration): WindowShape {
  return { kind: 'sliding', size: millisecondsOf('declare a window', 'size', size) }
}

/**
 * Windows of what comes in a row: one ends when nothing has come for longer than `gap`.
 *
 * @example
 * ```ts
 * import { session } from 'dure/stream'
 *
 * console.log(session('30m')) // → { kind: 'session', gap: 1800000 }
 * ```
 */
export function session(gap: Duration): WindowShape {
  return { kind: 'session', gap: millisecondsOf('declare a window', 'gap', gap) }
}
