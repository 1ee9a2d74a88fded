import { type Clock, type Random } from '../runtime/runtime.ts'
import { completeNumbers, longestBackoff, COUNT, SHARE, WAIT, type Ranges } from '../runtime/internal.ts'

/**
 * Outlier ejection: a peer that fails or stalls several times in a row is left out for a time that grows with every
 * further one; then one call, the probe, decides whether it is back. Never more than a share of the peers is out at once: when
 * everybody fails the fault lies elsewhere, and sending all load to the last one left would only fell it too.
 */
export type EjectionPolicy = {
  /** Failures in a row that eject. Default 5. */
  readonly failures: number
  /**
   * Calls in a row that passed their deadline without an answer, and eject. Default 3. One is enough of a peer that has answered
   * nobody since it was sent that call.
   */
  readonly stalls: number
  /** Milliseconds of the first ejection; each one after that doubles it. Default 1,000. */
  readonly first: number
  /** Milliseconds no ejection exceeds (but for jitter, a tenth); a peer that was well for as long starts anew. Default 30,000. */
  readonly max: number
  /** Part of the peers (0 to 1) that may be out at once, rounded down: one peer alone is never ejected below 1. Default 0.5. */
  readonly share: number
}

export type Ejection = {
  /** From now on it goes by these; who is out stays out until its probe. @throws {TypeError} when a number cannot be used: the old ones go on */
  readonly use: (policy: Partial<EjectionPolicy>) => void
  /** Watches one more peer. `onChange` hears when it is left out and when it is back. */
  readonly join: (onChange?: (change: HealthChange) => void) => HostHealth
  /** The peer is gone. Others return early if too large a share would now be out. */
  readonly leave: (health: HostHealth) => void
  /** Peers left out now, those being probed included. */
  readonly out: () => number
  /** When the next probe is due: monotonic milliseconds; Infinity when nobody waits for one. */
  readonly nextProbe: () => number
}

export type HealthChange = 'ejected' | 'returned'

/** How one peer stands with its callers. Outcomes of ordinary calls count only while it is in. */
export type HostHealth = {
  readonly state: () => 'in' | 'out' | 'probing'
  readonly succeeded: () => void
  readonly failed: () => void
  /** @param silent it has answered nobody since the call was sent */
  readonly stalled: (silent?: boolean) => void
  /** Takes the one probe, if it is due: whoever gets true makes one call and tells how it went. */
  readonly probe: (now?: number) => boolean
  /** `unknown` (the call was given up) leaves the probe to the next caller. */
  readonly probed: (outcome: 'answered' | 'failed' | 'unknown') => void
  /** When its probe is due: monotonic milliseconds; Infinity while it is in or being probed. */
  readonly nextProbe: () => number
  /** Ejections in a row, each longer than the one before. */
  readonly ejections: () => number
}

type Member = HostHealth & { readonly giveBack: () => void }

const DEFAULTS: EjectionPolicy = { failures: 5, stalls: 3, first: 1_000, max: 30_000, share: 0.5 }
const NUMBERS: Ranges<EjectionPolicy> = { failures: COUNT, stalls: COUNT, first: WAIT, max: WAIT, share: SHARE }

/** @throws {TypeError} when a number cannot be used */
export function completeEjection(policy: Partial<EjectionPolicy>): EjectionPolicy {
  return completeNumbers('eject outliers', DEFAULTS, policy, NUMBERS)
}

/**
 * Leaves out peers that fail or stall in a row, and lets one call find out whether they are back.
 * @throws {TypeError} when a number of the policy cannot be used
 *
 * @example
 * ```ts
 * import { createEjection } from 'dure/resilience'
 * import { virtualRuntime } from 'dure/runtime'
 *
 * const { clock, random } = virtualRuntime()
 * const ejection = createEjection({ clock, random, policy: { failures: 2 } })
 * const [one, other] = [ejection.join(), ejection.join()]
 * one.failed()
 * one.failed()
 * console.log(one.state(), other.state(), ejection.out()) // → out in 1
 * ```
 */
export function createEjection(options: { clock: Clock; random: Random; policy?: Partial<EjectionPolicy> }): Ejection {
  const { clock, random, policy = {} } = options
  let { failures, stalls, first, max, share } = completeEjection(policy)
  const members = new Set<Member>()
  let out = 0
  let nextProbe = Number.POSITIVE_INFINITY

  const allowed = (): number => Math.floor(members.size * share + 1e-9)
  const findNextProbe = (): void => {
    nextProbe = Number.POSITIVE_INFINITY
    for (const member of members) if (member.nextProbe() < nextProbe) nextProbe = member.nextProbe()
  }

  const join = (onChange: (change: HealthChange) => void = () => {}): Member => {
    let state: 'in' | 'out' | 'probing' = 'in'
    let failed = 0
    let stalled = 0
    let ejections = 0
    let nextTry = Number.POSITIVE_INFINITY
    let returnedAt = Number.NEGATIVE_INFINITY

    const stayOut = (now: number): void => {
      state = 'out'
      // Callers that ejected it together do not probe it together.
      nextTry = now + longestBackoff({ first, max }, ++ejections) * (1 + random.number() / 10)
      findNextProbe()
    }
    const eject = (): void => {
      if (out >= allowed()) return
      const now = clock.monotonic()
      if (now - returnedAt >= max) ejections = 0
      out++
      stayOut(now)
      onChange('ejected')
    }
    const giveBack = (): void => {
      state = 'in'
      failed = 0
      stalled = 0
      nextTry = Number.POSITIVE_INFINITY
      returnedAt = clock.monotonic()
      out--
      findNextProbe()
      onChange('returned')
    }

    const member: Member = {
      state: () => state,
      succeeded: () => {
        // What was sent before the ejection says nothing about now; only the probe brings a peer back.
        if (state !== 'in') return
        failed = 0
        stalled = 0
      },
      failed: () => {
        if (state === 'in' && members.has(member) && ++failed >= failures) eject()
      },
      stalled: (silent = false) => {
        if (state === 'in' && members.has(member) && (++stalled >= stalls || silent)) eject()
      },
      probe: (now = clock.monotonic()) => {
        if (state !== 'out' || now < nextTry) return false
        state = 'probing'
        nextTry = Number.POSITIVE_INFINITY
        findNextProbe()
        return true
      },
      probed: (outcome) => {
        if (state !== 'probing' || !members.has(member)) return
        if (outcome === 'answered') return giveBack()
        const now = clock.monotonic()
        if (outcome === 'failed') return stayOut(now)
        state = 'out'
        nextTry = now
        findNextProbe()
      },
      nextProbe: () => nextTry,
      ejections: () => ejections,
      giveBack,
    }
    members.add(member)
    return member
  }

  const leave = (health: HostHealth): void => {
    const member = health as Member
    if (!members.delete(member)) return
    if (member.state() !== 'in') out--
    findNextProbe()
    while (out > allowed()) soonestBack().giveBack()
  }

  /** Whoever would be probed first; one that is being probed already comes before all others. */
  const soonestBack = (): Member => {
    let best: Member | undefined
    for (const member of members) {
      if (member.state() === 'probing') return member
      if (member.state() === 'out' && (best === undefined || member.nextProbe() < best.nextProbe())) best = member
    }
    return best!
  }

  const use = (next: Partial<EjectionPolicy>): void => {
    ;({ failures, stalls, first, max, share } = completeEjection(next))
    while (out > allowed()) soonestBack().giveBack()
  }

  return { use, join, leave, out: () => out, nextProbe: () => nextProbe }
}
