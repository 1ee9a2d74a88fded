import type { CallError } from '../contract/contract.ts'
import {
  checkNumbers,
  completeNumbers,
  COUNT,
  longestBackoff,
  WAIT,
  type BackoffPolicy,
  type Ranges,
} from '../runtime/internal.ts'
import { guardOf, realWorld, type Admitter, type Guard, type PolicyWorld } from './guard.ts'
import type { HostOutcome } from './outcome.ts'
import { refusal } from './refusal.ts'
import { countWindow, timeWindow, type Window } from './window.ts'

/** When a breaker opens, and how it closes. What is not given has a default. */
export type BreakerPolicy = {
  /** What is looked at: the last `calls`, or those of the last `time` milliseconds. Default: the last 10,000 milliseconds. */
  readonly window: { readonly calls: number } | { readonly time: number }
  /** It does not open before so many calls are in the window. Default 20. */
  readonly minimumCalls: number
  /** It opens when this part of the calls has failed, above 0 to 1. Default 0.5. */
  readonly failureRate: number
  /** It opens when this part of the calls was slow, above 0 to 1. Default 1. */
  readonly slowCallRate: number
  /** Milliseconds from which on a call is slow. Default 60,000. */
  readonly slowCall: number
  /** Milliseconds for which it is open; each opening after which no probe was answered is longer. Default 5,000 to 60,000. */
  readonly open: BackoffPolicy
  /** Calls let through, in HALF_OPEN, that decide. Default 3. */
  readonly probes: number
  /** Milliseconds they have; who has not answered by then has failed. Default 10,000. */
  readonly probeTime: number
  /** `open`: nobody is let through. `closed`: everybody is. Default: as it goes. */
  readonly force: 'open' | 'closed' | undefined
}

/** Calls are made, and looked at. */
export type Closed = {
  readonly state: 'CLOSED'
  readonly forced: boolean
  /** Calls in the window, and how many of them failed or were slow. */
  readonly calls: number
  readonly failed: number
  readonly slow: number
}
/** No call is made. */
export type Open = {
  readonly state: 'OPEN'
  readonly forced: boolean
  readonly because: 'FAILURES' | 'SLOW_CALLS' | 'PROBES_FAILED' | 'PROBES_SILENT' | 'FORCED'
  /** Monotonic milliseconds from which on a call is let through as a probe; Infinity when it is forced. */
  readonly until: number
  /** Openings in a row without an answered probe. */
  readonly openings: number
}
/** A few calls are made, and decide. */
export type HalfOpen = {
  readonly state: 'HALF_OPEN'
  /** Probes that may still be made, and those not answered yet. */
  readonly left: number
  readonly underWay: number
}
export type BreakerState = Closed | Open | HalfOpen

/** How it stands, and what has happened since it was made: numbers that only grow. */
export type BreakerReading = {
  readonly name: string
  readonly now: BreakerState
  readonly answered: number
  readonly failed: number
  readonly slow: number
  /** Calls that were not made. */
  readonly refused: number
  readonly opened: number
}

export type BreakerChange = { readonly name: string; readonly from: BreakerState['state']; readonly to: BreakerState }

export type BreakerOptions = Partial<BreakerPolicy> & {
  /** Who is called, for messages. Default: `a function`. */
  readonly name?: string
  readonly onChange?: (change: BreakerChange) => void
  readonly world?: PolicyWorld
}

export type Breaker = Guard & {
  readonly state: () => BreakerState
  readonly reading: () => BreakerReading
  /** Opens or closes it, whatever happens, until it is released (undefined): then it begins closed. */
  readonly force: (how: 'open' | 'closed' | undefined) => void
}

const DEFAULTS: BreakerPolicy = {
  window: { time: 10_000 },
  minimumCalls: 20,
  failureRate: 0.5,
  slowCallRate: 1,
  slowCall: 60_000,
  open: { first: 5_000, max: 60_000 },
  probes: 3,
  probeTime: 10_000,
  force: undefined,
}
const RATE = { least: 0.001, most: 1 }
const NUMBERS: Ranges<BreakerPolicy> = {
  minimumCalls: COUNT,
  failureRate: RATE,
  slowCallRate: RATE,
  slowCall: WAIT,
  probes: COUNT,
  probeTime: WAIT,
}
const OPEN: Ranges<BackoffPolicy> = { first: WAIT, factor: { least: 1, most: 1_000 }, max: WAIT }
const MOST_CALLS = 100_000

/** @throws {TypeError} when a number cannot be used, or the policy makes no sense */
export function completeBreaker(given: Partial<BreakerPolicy>): BreakerPolicy {
  const what = 'guard calls by a breaker'
  const policy = completeNumbers(what, DEFAULTS, given, NUMBERS)
  checkNumbers(what, policy.open, OPEN)
  const { window, minimumCalls, open, force } = policy
  const no = (why: string): never => {
    throw new TypeError(`Cannot ${what}: ${why}`)
  }
  if (open.max < open.first) no(`"open" is ${open.first} ms at first and ${open.max} ms at most; give a "max" that is not less`)
  if (force !== undefined && force !== 'open' && force !== 'closed')
    no(`"force" is ${String(force)}; give "open", "closed" or nothing`)
  if ('calls' in window) {
    checkNumbers(what, window, { calls: { ...COUNT, most: MOST_CALLS } })
    if (minimumCalls > window.calls)
      no(
        `it would never open: "minimumCalls" is ${minimumCalls}, and its window holds the last ${window.calls} calls; give fewer, or a larger window`,
      )
  } else checkNumbers(what, window, { time: WAIT })
  return policy
}

const WELL = 0
const FAILED = 1
const SLOW = 2
const FAILED_SLOWLY = 3

/**
 * A circuit breaker (M. Nygard, "Release It!"; Hystrix, Resilience4j): when too many calls fail or are slow, no more are made for a
 * while; then a few decide. What was refused by a limit on the way, and what its caller gave up, does not count.
 * @throws {TypeError} when the policy makes no sense
 *
 * @example
 * ```ts
 * import { breaker } from 'dure/resilience'
 *
 * const rates = breaker({ name: 'rates', window: { calls: 4 }, minimumCalls: 2 })
 * const rate = rates.around(async (currency: string): Promise<number> => {
 *   throw new Error(`no rate of ${currency}`)
 * })
 * for (let i = 0; i < 3; i++) await rate('EUR').catch((error: Error) => console.log(error.message.slice(0, 28)))
 * // → no rate of EUR
 * // → no rate of EUR
 * // → Call of "rates" was not made
 * console.log(rates.state().state) // → OPEN
 * ```
 */
export function breaker(options: BreakerOptions = {}): Breaker {
  const { name = 'a function', onChange, world = realWorld(), ...given } = options
  const machine = createBreaker({ name, onChange, world, policy: completeBreaker(given) })
  const { admitter, ...control } = machine
  return { ...guardOf([{ kind: 'breaker', world, admitter }]), ...control }
}

/** Calls that decide, in HALF_OPEN. */
function createProbes({ probes, failureRate, slowCallRate }: BreakerPolicy) {
  let [admitted, ended, failed, slow] = [0, 0, 0, 0]
  return {
    begin: (): void => {
      admitted = ended = failed = slow = 0
    },
    admit: (): boolean => admitted < probes && ++admitted > 0,
    /** It was given up: another one may decide. */
    giveBack: (): void => {
      admitted--
    },
    /** What they come to, once all have ended. */
    ended: (isFailed: boolean, isSlow: boolean): 'failed' | 'answered' | undefined => {
      if (isFailed) failed++
      if (isSlow) slow++
      if (++ended < probes) return undefined
      return failed >= probes * failureRate || slow >= probes * slowCallRate ? 'failed' : 'answered'
    },
    reading: () => ({ left: probes - admitted, underWay: admitted - ended }),
  }
}

function countsOf(window: Window, now: number): Omit<Closed, 'state' | 'forced'> {
  const failedSlowly = window.count(FAILED_SLOWLY, now)
  const failed = window.count(FAILED, now) + failedSlowly
  const slow = window.count(SLOW, now) + failedSlowly
  return { calls: window.count(WELL, now) + failed + slow - failedSlowly, failed, slow }
}

type Machine = Omit<Breaker, keyof Guard> & { readonly admitter: Admitter }

function createBreaker(options: {
  name: string
  policy: BreakerPolicy
  world: PolicyWorld
  onChange: ((change: BreakerChange) => void) | undefined
}): Machine {
  const { name, policy, onChange } = options
  const { clock, random } = options.world
  const { minimumCalls, failureRate, slowCallRate, slowCall, probes, probeTime } = policy
  const window: Window =
    'calls' in policy.window ? countWindow(policy.window.calls, 4) : timeWindow(policy.window.time, 4, clock.monotonic())
  const count = { answered: 0, failed: 0, slow: 0, refused: 0, opened: 0 }
  let state: BreakerState['state'] = 'CLOSED'
  let forced = false
  /** Counts the changes: a call that began before the last one says nothing of now. */
  let turn = 1
  let because: Open['because'] = 'FORCED'
  let until = 0
  let openings = 0
  const deciding = createProbes(policy)

  const counted = (now: number): ReturnType<typeof countsOf> => countsOf(window, now)
  const reading = (): BreakerState => {
    switch (state) {
      case 'CLOSED':
        return { state, forced, ...counted(clock.monotonic()) }
      case 'OPEN':
        return { state, forced, because, until, openings }
      case 'HALF_OPEN':
        return { state, ...deciding.reading() }
    }
  }
  const change = (to: BreakerState['state']): void => {
    const from = state
    state = to
    turn++
    deciding.begin()
    if (from === to || onChange === undefined) return
    try {
      onChange({ name, from, to: reading() })
    } catch {
      // Whoever is told must not keep a call from its end.
    }
  }
  const openUp = (why: Open['because'], now: number): void => {
    because = why
    openings++
    count.opened++
    // Callers whose breakers opened together do not probe together.
    until = now + longestBackoff(policy.open, openings) * (1 + random.number() / 10)
    change('OPEN')
  }
  const closeUp = (now: number): void => {
    openings = 0
    window.clear(now)
    change('CLOSED')
  }
  const halfOpen = (now: number): void => {
    until = now + probeTime
    change('HALF_OPEN')
  }

  const look = (now: number): void => {
    const { calls, failed, slow } = counted(now)
    if (calls < minimumCalls) return
    if (failed >= calls * failureRate) openUp('FAILURES', now)
    else if (slow >= calls * slowCallRate) openUp('SLOW_CALLS', now)
  }
  const probed = (isFailed: boolean, isSlow: boolean, now: number): void => {
    const found = deciding.ended(isFailed, isSlow)
    if (found === 'failed') openUp('PROBES_FAILED', now)
    else if (found === 'answered') closeUp(now)
  }

  const refuse = (now: number): CallError => {
    count.refused++
    return refusedAs({ name, state, probes, forced, because }, until - now)
  }

  const admitter: Admitter = {
    enter: (call, now) => {
      if (state === 'CLOSED') {
        call.breakerTurn = turn
        return undefined
      }
      if (state === 'OPEN') {
        if (now < until) return refuse(now)
        halfOpen(now)
      } else if (now >= until && deciding.reading().left === 0) {
        // Probes that never end would keep it half open for ever.
        openUp('PROBES_SILENT', now)
        return refuse(now)
      }
      if (!deciding.admit()) return refuse(now)
      call.breakerTurn = turn
      return undefined
    },
    leave: (call, outcome: HostOutcome, took, now) => {
      const isFailed = outcome === 'failed'
      // A place that was waited for is not the callee's doing.
      const isSlow = outcome !== 'unknown' && took - call.waited >= slowCall
      if (isFailed) count.failed++
      else if (outcome === 'answered') count.answered++
      if (isSlow) count.slow++
      if (call.breakerTurn !== turn || forced) return
      if (state === 'CLOSED') {
        if (outcome === 'unknown') return
        window.add((isFailed ? FAILED : WELL) + (isSlow ? SLOW : WELL), now)
        if (isFailed || isSlow) look(now)
      } else if (outcome === 'unknown') deciding.giveBack()
      else probed(isFailed, isSlow, now)
    },
  }

  const force = (how: 'open' | 'closed' | undefined): void => {
    if (how === undefined && !forced) return
    forced = how !== undefined
    if (how !== 'open') return closeUp(clock.monotonic())
    because = 'FORCED'
    until = Number.POSITIVE_INFINITY
    change('OPEN')
  }
  if (policy.force !== undefined) force(policy.force)
  return { admitter, state: reading, force, reading: () => ({ name, now: reading(), ...count }) }
}

/** @param left milliseconds until one is let through */
function refusedAs(
  {
    name,
    state,
    probes,
    forced,
    because,
  }: Pick<Open, 'because' | 'forced'> & {
    readonly name: string
    readonly state: BreakerState['state']
    readonly probes: number
  },
  left: number,
): CallError {
  const next =
    state === 'HALF_OPEN'
      ? `${probes} calls are under way to find out whether it is well again`
      : Number.isFinite(left)
        ? `one is let through in ${Math.max(1, Math.ceil(left))} ms`
        : 'it is held open'
  const why = forced ? '' : `: ${REASONS[because]}`
  return refusal('breaker', 'UNAVAILABLE', `Call of "${name}" was not made, as its breaker is open${why}; ${next}`)
}

const REASONS: Readonly<Record<Open['because'], string>> = {
  FAILURES: 'too many calls failed',
  SLOW_CALLS: 'too many calls were slow',
  PROBES_FAILED: 'calls that were to find out whether it is well again failed',
  PROBES_SILENT: 'calls that were to find out whether it is well again did not end',
  FORCED: 'somebody wants it to be',
}
