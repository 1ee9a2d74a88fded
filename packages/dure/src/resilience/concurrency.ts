import type { CallError } from '../contract/contract.ts'
import { checkNumbers, COUNT, COUNT_OR_NONE, SHARE, WAIT } from '../runtime/internal.ts'
import { gradient, type Limit } from './adaptive.ts'
import { createBulkhead, type Admission } from './bulkhead.ts'
import { guardOf, realWorld, type Admitter, type Entrant, type Guard, type PolicyWorld, type Priority } from './guard.ts'
import { markRefused, refusal } from './refusal.ts'
import { sharedDeadlines } from './shared-deadlines.ts'

/** The part of a limit that calls of a priority may fill: the rest is kept for those above them. */
export type Shares = Readonly<Record<Priority, number>>

export type LimitOptions = {
  /** Calls at once: a number, or an algorithm that finds it (`gradient`, `aimd`). Default: `gradient()`. */
  readonly limit?: Limit | number
  /** Default: high 1, normal 0.9, low 0.5. */
  readonly shares?: Partial<Shares>
  /** What is called, for messages. */
  readonly name?: string
  readonly world?: PolicyWorld
}

export type LimitGuard = Guard & { readonly limit: () => number; readonly inside: () => number }

export const SHARES: Shares = { high: 1, normal: 0.9, low: 0.5 }

/**
 * So many calls at once, a number that finds itself: nobody waits, and when there is not room for all, those of low priority are refused
 * first (load shedding). Calls that were refused or given up are no samples.
 * @throws {TypeError} when a number cannot be used, or a priority may have more than one above it
 *
 * @example
 * ```ts
 * import { limit } from 'dure/resilience'
 *
 * const guard = limit({ limit: 2, name: 'search' })
 * const busy = [guard.run(() => new Promise<void>(() => {}))]
 * console.log(busy.length, guard.inside()) // → 1 1
 * const low = guard.run(async () => 'found', { priority: 'low' })
 * console.log(await low.catch((error: { code: string }) => error.code)) // → RESOURCE_EXHAUSTED
 * console.log(await guard.run(async () => 'found', { priority: 'high' })) // → found
 * ```
 */
export function limit(options: LimitOptions = {}): LimitGuard {
  const { name = 'a function', world = realWorld() } = options
  const shares: Shares = checkNumbers('shed load', { ...SHARES, ...options.shares }, { high: SHARE, normal: SHARE, low: SHARE })
  if (shares.low > shares.normal || shares.normal > shares.high)
    throw new TypeError(
      `Cannot shed load: calls of low priority may fill ${shares.low} of the limit, normal ones ${shares.normal} and high ones ${shares.high}; give none more than those above it`,
    )
  const algorithm = limitOf(options.limit ?? gradient())
  let inside = 0
  let wanted = false
  const refuse = (priority: Priority): CallError => {
    wanted = true
    return refusal(
      'limit',
      'RESOURCE_EXHAUSTED',
      `Call of "${name}" was not made: ${inside} are under way of ${algorithm.limit()} at once, and those of ${priority} priority may fill ${shares[priority]} of that; try again later, or send less`,
    )
  }
  const admitter: Admitter = {
    enter: (call) => {
      const priority = call.options.priority ?? 'normal'
      // One is always let through, or the smallest limit would refuse some for ever.
      if (inside >= Math.max(1, Math.floor(algorithm.limit() * shares[priority]))) return refuse(priority)
      inside++
      return undefined
    },
    leave: (call, outcome, took) => {
      if (outcome !== 'unknown') {
        algorithm.sample({ took: took - call.waited, inside, dropped: outcome === 'failed', wanted })
        wanted = false
      }
      inside--
    },
  }
  return { ...guardOf([{ kind: 'limit', world, admitter }]), limit: algorithm.limit, inside: () => inside }
}

function limitOf(given: Limit | number): Limit {
  if (typeof given !== 'number') return given
  checkNumbers('limit calls at once', { limit: given }, { limit: COUNT })
  return { limit: () => given, sample: () => {} }
}

export type BulkheadGuardOptions = {
  /** Calls at once. */
  readonly concurrency: number
  /** Calls that may wait for a place. Default 0. */
  readonly queue?: number
  /** Milliseconds for which one waits. Default 10,000. */
  readonly wait?: number
  /** What is called, for messages. */
  readonly name?: string
  readonly world?: PolicyWorld
}

export type BulkheadGuard = Guard & { readonly inside: () => number; readonly waiting: () => number }

/**
 * A bulkhead around a function: so many at once, a few may wait, and whoever could not be served in time is told so at once. A function that
 * is not told of its end keeps its place until it ends.
 * @throws {TypeError} when a number cannot be used
 *
 * @example
 * ```ts
 * import { bulkhead } from 'dure/resilience'
 *
 * const printer = bulkhead({ concurrency: 1, name: 'the printer' })
 * const first = printer.run(async () => 'printed')
 * console.log(await printer.run(async () => 'printed').catch((error: { code: string }) => error.code)) // → RESOURCE_EXHAUSTED
 * console.log(await first) // → printed
 * ```
 */
export function bulkhead(options: BulkheadGuardOptions): BulkheadGuard {
  const { concurrency, queue = 0, wait = 10_000, name = 'a function', world = realWorld() } = options
  checkNumbers('protect by a bulkhead', { concurrency, queue, wait }, { concurrency: COUNT, queue: COUNT_OR_NONE, wait: WAIT })
  const { clock } = world
  const deadlines = { ...sharedDeadlines(world), expireAll: () => {}, stop: () => {} }
  const places = createBulkhead({ name: `"${name}"`, limit: concurrency, queue, clock, deadlines })
  const decide = (call: Entrant, admission: Admission, began: number): CallError | undefined => {
    call.waited += clock.monotonic() - began
    if (admission !== 'entered') return markRefused('bulkhead', places.refusal(admission))
    if (!call.ended) return undefined
    places.leave()
    return markRefused('bulkhead', places.refusal('ended'))
  }
  const admitter: Admitter = {
    enter: (call, now) => {
      if (places.enter()) return undefined
      if (queue === 0) return markRefused('bulkhead', places.refusal('full'))
      const until = Math.min(now + wait, call.options.deadline ?? Number.POSITIVE_INFINITY)
      return places.wait(until, call.signal).then((admission) => decide(call, admission, now))
    },
    leave: () => places.leave(),
  }
  return { ...guardOf([{ kind: 'bulkhead', world, admitter }]), inside: places.inside, waiting: places.waiting }
}
