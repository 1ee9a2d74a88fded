import { BYTES, completeNumbers, COUNT, KEEP, type Ranges } from '../runtime/internal.ts'
import { isMissing } from './fallback.ts'
import { finish, guardOf, keyMissing, realWorld, type Guard, type PolicyWorld, type Step } from './guard.ts'

export type CachePolicy = {
  /** Milliseconds for which an answer is given again without asking. Default 0: the callee is always asked. */
  readonly fresh: number
  /** Milliseconds for which an answer is given again when there is no other. Default 60,000. */
  readonly stale: number
  /** Answers that are stored. Default 1,000. */
  readonly entries: number
  /** Bytes of all that are kept, about. Default 16 MiB. */
  readonly bytes: number
}

export type CacheOptions = Partial<CachePolicy> & {
  /** About how many bytes a value takes. Default: a look at its texts, numbers, lists and objects. */
  readonly sizeOf?: (value: unknown) => number
  /** Makes what is given out, so that nobody sees what another does with it. Default: the value itself. */
  readonly copy?: (value: unknown) => unknown
  readonly world?: PolicyWorld
}

export type CacheGuard = Guard & {
  /** Answers that are kept, and about how many bytes they take. */
  readonly size: () => { readonly entries: number; readonly bytes: number }
  readonly clear: () => void
}

const DEFAULTS: CachePolicy = { fresh: 0, stale: 60_000, entries: 1_000, bytes: 16_777_216 }
const NUMBERS: Ranges<CachePolicy> = { fresh: { ...KEEP, least: 0 }, stale: KEEP, entries: COUNT, bytes: BYTES }

/** @throws {TypeError} when a number cannot be used, or an answer would be stale before it is not fresh any more */
export function completeCache(given: Partial<CachePolicy>): CachePolicy {
  const policy = completeNumbers('cache answers', DEFAULTS, given, NUMBERS)
  if (policy.stale < policy.fresh)
    throw new TypeError(
      `Cannot cache answers: they are fresh for ${policy.fresh} ms and kept for ${policy.stale} ms; give a "stale" that is not less`,
    )
  return policy
}

/**
 * What was answered last is given again while the callee cannot answer (stale if error, RFC 5861), and for a short time without asking.
 * Bounded by number and bytes; what was used longest ago goes first. `guard.answer` tells such answers apart: `cache`, `stale`.
 * @throws {TypeError} when a number cannot be used; when called, when the call has no key
 *
 * @example
 * ```ts
 * import { cache } from 'dure/resilience'
 *
 * let down = false
 * const ask = async (): Promise<number> => {
 *   if (down) throw new Error('down')
 *   return 42
 * }
 * const guard = cache({ stale: 60_000 })
 * console.log(await guard.answer(ask, { key: 'rate' })) // → { value: 42, from: 'callee' }
 * down = true
 * console.log(await guard.answer(ask, { key: 'rate' })) // → { value: 42, from: 'stale' }
 * ```
 */
export function cache(options: CacheOptions = {}): CacheGuard {
  const { sizeOf = roughSize, copy = (value) => value, world = realWorld(), ...given } = options
  const { fresh, stale, entries, bytes } = completeCache(given)
  const { clock } = world
  const stored = new Map<string, Entry>()
  let total = 0

  /** The newest, which needs no new place when it is told again. */
  let newest: Entry | undefined

  const remove = (entry: Entry): void => {
    stored.delete(entry.key)
    total -= entry.size
    if (entry === newest) newest = undefined
  }
  const moveToEnd = (entry: Entry): void => {
    if (entry === newest) return
    stored.delete(entry.key)
    stored.set(entry.key, entry)
    newest = entry
  }
  const keep = (key: string, given: unknown, at: number): void => {
    const value = copy(given)
    // What an answer has beside itself: its key, its place.
    const size = sizeOf(value) + key.length * 2 + 64
    const before = stored.get(key)
    // One that would drive out all others is not worth it.
    if (!(size <= bytes / 2)) return before === undefined ? undefined : remove(before)
    const entry: Entry = before ?? { key, value, at: 0, size: 0 }
    total += size - entry.size
    entry.value = value
    // What was answered is as old as the question.
    entry.at = at
    entry.size = size
    moveToEnd(entry)
    if (stored.size <= entries && total <= bytes) return
    for (const oldest of stored.values()) {
      remove(oldest)
      if (stored.size <= entries && total <= bytes) return
    }
  }
  const find = (key: string, ms: number, now: number): Entry | undefined => {
    const entry = stored.get(key)
    if (entry === undefined || now - entry.at >= ms) return undefined
    moveToEnd(entry)
    return entry
  }

  const wrap =
    (next: Step): Step =>
    (call, done) => {
      const { key } = call.options
      if (key === undefined) return done(false, keyMissing('cache'))
      const known = fresh > 0 ? find(key, fresh, call.at) : undefined
      if (known !== undefined) {
        call.answeredBy('cache')
        return finish(done, () => copy(known.value))
      }
      const asked = call.at
      next(call, (ok, result) => {
        if (ok)
          return finish(done, () => {
            keep(key, result, asked)
            return result
          })
        const before = !call.ended && isMissing(result) ? find(key, stale, clock.monotonic()) : undefined
        if (before === undefined) return done(false, result)
        call.answeredBy('stale')
        finish(done, () => copy(before.value))
      })
    }
  const clear = (): void => {
    stored.clear()
    total = 0
    newest = undefined
  }
  return { ...guardOf([{ kind: 'cache', world, wrap }]), size: () => ({ entries: stored.size, bytes: total }), clear }
}

type Entry = { readonly key: string; value: unknown; at: number; size: number }

/** Bytes that a value takes, about: enough to keep a bound. What it has twice counts once. */
export function roughSize(value: unknown, seen?: Set<unknown>): number {
  if (typeof value === 'string') return value.length * 2 + 16
  if (typeof value !== 'object' || value === null) return 8
  const all = seen ?? new Set()
  if (all.has(value)) return 8
  all.add(value)
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return value.byteLength + 64
  let size = 32
  const parts: Iterable<unknown> =
    value instanceof Map
      ? [...value].flat()
      : value instanceof Set || Array.isArray(value)
        ? (value as Iterable<unknown>)
        : Object.entries(value).flat()
  for (const part of parts) size += 8 + roughSize(part, all)
  return size
}
