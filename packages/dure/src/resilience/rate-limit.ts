import type { CallError } from '../contract/contract.ts'
import type { Clock } from '../runtime/runtime.ts'
import { checkNumbers, completeNumbers, COUNT, WAIT, type Ranges } from '../runtime/internal.ts'
import { guardOf, realWorld, type Admitter, type Guard, type PolicyWorld } from './guard.ts'
import { refusal } from './refusal.ts'

/** So many calls in a time, spread over it. */
export type RatePolicy = {
  /** Calls. */
  readonly rate: number
  /** In so many milliseconds. Default 1,000. */
  readonly per: number
  /** Calls that may come at once, when none have come for a while. Default: `rate`. */
  readonly burst: number
}

/** Whether one more may be made now, or after how many milliseconds. */
export type Taken = { readonly ok: true } | { readonly ok: false; readonly after: number }

/** The port of a rate limit: in this process (`createRateLimit`), or shared by many, on a clock that is the same for all of them. */
export type RateLimit = {
  /** Takes one of the calls that there may be of a key. It does not throw where it is in process; a shared one may fail. */
  readonly take: (key: string, now?: number) => Taken | Promise<Taken>
}

/** The same in this process: it answers at once. */
export type OwnRateLimit = {
  readonly take: (key: string, now?: number) => Taken
  /** So many calls of a key were made elsewhere, by whoever shares the limit: later ones here wait for them, for `per` beyond the burst at most. */
  readonly charge: (key: string, calls: number, now?: number) => void
  /** Keys that are remembered: those which could not do with all of their burst now. */
  readonly keys: () => number
}

const NUMBERS: Ranges<RatePolicy> = { rate: COUNT, per: WAIT, burst: COUNT }
/** Keys that are remembered. Of more, the one that was first heard of is forgotten: it may begin anew. */
const MOST_KEYS = 10_000
const ADMITTED: Taken = { ok: true }

/** @throws {TypeError} when a number cannot be used */
export function completeRate(given: Partial<RatePolicy> & Pick<RatePolicy, 'rate'>): RatePolicy {
  const { rate, per = 1_000, burst = rate } = given
  return completeNumbers('limit the rate of calls', { rate, per, burst }, {}, NUMBERS)
}

/**
 * The generic cell rate algorithm (ITU-T I.371): of each key one time is remembered, when the next call would be on its beat. It is the same
 * as a bucket of `burst` that fills evenly, without anything that fills it.
 * @throws {TypeError} when a number cannot be used
 *
 * @example
 * ```ts
 * import { createRateLimit } from 'dure/resilience'
 * import { virtualRuntime } from 'dure/runtime'
 *
 * const world = virtualRuntime()
 * const limit = createRateLimit({ rate: 10, burst: 2, clock: world.clock })
 * console.log(limit.take('a').ok, limit.take('a').ok, limit.take('a')) // → true true { ok: false, after: 100 }
 * await world.advance(100)
 * console.log(limit.take('a').ok) // → true
 * ```
 */
export function createRateLimit(
  options: Partial<RatePolicy> & Pick<RatePolicy, 'rate'> & { readonly clock: Clock; readonly keys?: number },
): OwnRateLimit {
  const { clock, keys: most = MOST_KEYS, ...given } = options
  checkNumbers('limit the rate of calls', { most }, { most: COUNT })
  const { rate, per, burst } = completeRate(given)
  const interval = per / rate
  const tolerance = (burst - 1) * interval
  /** When the next call of a key is due, by key; who is due already is as good as unknown. */
  const due = new Map<string, { at: number }>()
  const forget = (now: number): void => {
    for (const [key, { at }] of due) {
      if (at > now && due.size < most) return
      due.delete(key)
    }
  }
  return {
    take: (key, now = clock.monotonic()) => {
      const known = due.get(key)
      const next = known === undefined || known.at < now ? now : known.at
      // A hair's breadth of tolerance for floating point: beats are fractions of milliseconds.
      const early = next - now - tolerance
      if (early > 1e-6) return { ok: false, after: early }
      if (known !== undefined) known.at = next + interval
      else {
        if (due.size >= most) forget(now)
        due.set(key, { at: next + interval })
      }
      return ADMITTED
    },
    charge: (key, calls, now = clock.monotonic()) => {
      const known = due.get(key)
      const at = Math.min(Math.max(known?.at ?? now, now) + calls * interval, now + tolerance + per)
      if (known !== undefined) known.at = Math.max(known.at, at)
      else {
        if (due.size >= most) forget(now)
        due.set(key, { at })
      }
    },
    keys: () => {
      const now = clock.monotonic()
      for (const [key, { at }] of due) if (at <= now) due.delete(key)
      return due.size
    },
  }
}

export type RateLimitOptions = {
  /** What is called, for messages. */
  readonly name?: string
  readonly world?: PolicyWorld
} & (
  | (Partial<RatePolicy> & Pick<RatePolicy, 'rate'>)
  | {
      /** One that others share. */
      readonly limit: RateLimit
      /** What is done when it cannot be asked: `allow` the call (the default), or `refuse` it. */
      readonly unreachable?: 'allow' | 'refuse'
    }
)

/**
 * A rate limit: calls above it are refused with RESOURCE_EXHAUSTED, and `details.retryAfter` says in how many milliseconds one may be made.
 * Counted by the `key` of a call.
 * @throws {TypeError} when a number cannot be used
 *
 * @example
 * ```ts
 * import { rateLimit } from 'dure/resilience'
 *
 * const limit = rateLimit({ rate: 2, per: 60_000, name: 'letters' })
 * const send = limit.around(async (to: string) => `sent to ${to}`, { key: (to) => to })
 * console.log(await send('Ida'), await send('Ida'), await send('Bo')) // → sent to Ida sent to Ida sent to Bo
 * console.log(await send('Ida').catch((error: { code: string }) => error.code)) // → RESOURCE_EXHAUSTED
 * ```
 */
export function rateLimit(options: RateLimitOptions): Guard {
  const { name = 'a function', world = realWorld() } = options
  const limit: RateLimit = 'limit' in options ? options.limit : createRateLimit({ ...ratesOf(options), clock: world.clock })
  const refuse = (after: number): CallError =>
    refusal(
      'rateLimit',
      'RESOURCE_EXHAUSTED',
      `Call of "${name}" was not made: its rate limit is reached; one may be made in ${Math.ceil(after)} ms`,
      { retryAfter: Math.ceil(after) },
    )
  const decide = (taken: Taken): CallError | undefined => (taken.ok ? undefined : refuse(taken.after))
  const unreachable = (error: unknown): CallError | undefined =>
    'limit' in options && options.unreachable === 'refuse'
      ? refusal('rateLimit', 'UNAVAILABLE', `Call of "${name}" was not made: its rate limit cannot be asked (${String(error)})`)
      : undefined
  const admitter: Admitter = {
    enter: (call, now) => {
      const taken = limit.take(call.options.key ?? '', now)
      return taken instanceof Promise ? taken.then(decide, unreachable) : decide(taken)
    },
    leave: () => {},
  }
  return guardOf([{ kind: 'rateLimit', world, admitter }])
}

function ratesOf(options: Partial<RatePolicy> & Pick<RatePolicy, 'rate'>): RatePolicy {
  const { rate, per, burst } = options
  return completeRate({ rate, ...(per === undefined ? {} : { per }), ...(burst === undefined ? {} : { burst }) })
}
