import { CallError } from '../../../contract/contract.ts'
import { type Runtime } from '../../../runtime/runtime.ts'
import { inTime } from '../../../runtime/internal.ts'
import type { Logger } from '../../../telemetry/telemetry.ts'
import { subscriptionOf, UNBOUNDED, type Subscription } from '../../adapter.ts'
import { SessionOver, type BrokerClient, type Outcome, type Parcel } from './contract.ts'
import type { Member } from './member.ts'
import { mayPass, patiently, type Pauses } from './trying.ts'

/**
 * This process's members at the broker. They live in a session; when the broker says that it is over (this process was
 * frozen or cut off too long, or the broker was started again), another is opened and all join again by themselves.
 */
export type Membership = {
  /** Resolves when the member is one. */
  readonly add: (member: Member) => Promise<Subscription>
  readonly stop: (timeout: number) => Promise<void>
}

/** One session as its client sees it. */
type Live = {
  readonly id: string
  readonly beat: number
  /** Parcels that came and whose settling the broker has not confirmed. */
  readonly inHand: Set<number>
  /** Aborts when the session is over. */
  readonly over: AbortController
  outcomes: Outcome[]
  scheduled: boolean
}

export type MembershipOptions = {
  readonly client: BrokerClient
  readonly runtime: Runtime
  readonly log: Logger
  readonly name: string
  readonly pauses: Pauses
  readonly patience: number
}

/** Outcomes in one call, at most. */
const MOST_OUTCOMES = 500
/** Milliseconds: a fresh stream takes the place of one that is half as old. */
const LONGEST_STREAM = 3_600_000
/** Milliseconds for which it is tried, at most, to tell the broker that a member leaves; it answers within a quarter of that. */
const LEAVE = 2_000

export function createMembership(options: MembershipOptions): Membership {
  const { client, runtime, log, name, pauses, patience } = options
  const members = new Map<number, Member>()
  const subscriptions = new Set<Subscription>()
  let live: Live | undefined
  let opening: Promise<Live> | undefined
  let running: Promise<void> | undefined
  let stopped = false
  let reached = true

  const lost = (error: unknown): void => {
    if (reached && !stopped) log.warn('The broker cannot be reached; it is tried again and again', { client: name, error })
    reached = false
  }
  const found = (): void => {
    if (!reached) log.info('The broker is reached again', { client: name })
    reached = true
  }

  /** The session there is, or another. */
  const session = (timeout: number): Promise<Live> => {
    if (live !== undefined) return Promise.resolve(live)
    opening ??= open(timeout).finally(() => void (opening = undefined))
    return opening
  }

  const open = async (timeout: number): Promise<Live> => {
    const { session: id, beat } = await client.open({ name }, { timeout })
    if (stopped) throw new CallError('CANCELLED', 'Cannot open a session with the broker: this client has stopped')
    live = { id, beat, inHand: new Set(), over: new AbortController(), outcomes: [], scheduled: false }
    void signsOfLife(live)
    void stream(live)
    void rejoin(live)
    return live
  }

  const lose = (within: Live): void => {
    if (live !== within) return
    live = undefined
    within.over.abort()
    if (stopped || members.size === 0) return
    log.warn('The session with the broker is over; its members join again', { client: name, members: members.size })
    running ??= reopen().finally(() => void (running = undefined))
  }

  const reopen = async (): Promise<void> => {
    for (let failed = 1; live === undefined && !stopped; failed++) {
      try {
        await session(patience)
      } catch (error) {
        lost(error)
        await pauses.pause(failed)
      }
    }
  }

  /** One call within a session; whoever hears that it is over ends it here. */
  const ask = async <T>(within: Live, call: () => Promise<T>): Promise<T> => {
    try {
      return await call()
    } catch (error) {
      if (SessionOver.is(error)) lose(within)
      throw error
    }
  }

  const rejoin = async (within: Live): Promise<void> => {
    await Promise.all([...members.values()].filter(({ joined }) => joined).map((member) => rejoinOne(within, member)))
  }

  const rejoinOne = async (within: Live, member: Member): Promise<void> => {
    for (let failed = 1; live === within && member.joined; failed++) {
      try {
        return await ask(within, () => member.join(within.id, { timeout: patience }))
      } catch (error) {
        if (mayPass(error)) lost(error)
        else member.onError(error)
        await pauses.pause(failed)
      }
    }
  }

  const signsOfLife = async (within: Live): Promise<void> => {
    let deaf = 0
    while (live === within) {
      await runtime.timers.sleep(within.beat, within.over.signal)
      if (live !== within) return
      try {
        const { streaming } = await ask(within, () => client.beat({ session: within.id }, { timeout: within.beat * 5 }))
        found()
        // Either side may think that a stream is there when the other has none; then the whole is made new.
        deaf = streaming ? 0 : deaf + 1
        if (deaf === 4) lose(within)
      } catch {
        // The stream tells of trouble; a sign of life that is lost is followed by another.
      }
    }
  }

  const stream = async (within: Live): Promise<void> => {
    let failed = 0
    while (live === within) {
      try {
        await listen(within, () => void (failed = 0))
      } catch (error) {
        if (SessionOver.is(error)) return lose(within)
        lost(error)
      }
      if (live === within) await pauses.pause(++failed)
    }
  }

  /**
   * Takes what comes until the session is over, or it is time for a fresh stream. The stream is left then, not cancelled
   * and not out of time: that it ends is no failure, and neither side is to tell of one.
   */
  const listen = async (within: Live, onNews: () => void): Promise<void> => {
    const asked = client.deliveries({ session: within.id, have: [...within.inHand] }, { timeout: LONGEST_STREAM })
    const incoming = asked[Symbol.asyncIterator]()
    const left = Promise.withResolvers<void>()
    const { signal } = within.over
    const leave = (): void => {
      onNews()
      left.resolve()
      incoming.return?.().catch(() => {})
    }
    const turn = runtime.timers.after(LONGEST_STREAM / 2, leave)
    signal.addEventListener('abort', leave, { once: true })
    const takeAll = async (): Promise<void> => {
      for (let next = await incoming.next(); next.done !== true; next = await incoming.next()) {
        onNews()
        for (const parcel of next.value.parcels) void take(within, parcel)
      }
    }
    try {
      await Promise.race([takeAll(), left.promise])
    } finally {
      turn.cancel()
      signal.removeEventListener('abort', leave)
    }
  }

  const take = async (within: Live, parcel: Parcel): Promise<void> => {
    const { number } = parcel
    if (within.inHand.has(number)) return
    within.inHand.add(number)
    const member = members.get(parcel.member)
    if (member === undefined) return refuse(within, parcel)
    const outcome = await member.take(parcel, () => live === within)
    if (outcome !== undefined) settle(within, outcome)
  }

  /** A member that was given up while it joined may have become one all the same: it leaves, and others get what it has. */
  const refuse = async (within: Live, { number, member }: Parcel): Promise<void> => {
    const leaving = ask(within, () => client.leave({ session: within.id, member }, { timeout: LEAVE }))
    settle(within, { number, error: `Client "${name}" has no member ${member} any more`, errorName: 'Error' })
    // When that is lost, it is said again with the next parcel.
    await leaving.catch(() => {})
  }

  /** What ends in one turn is settled in one call. */
  const settle = (within: Live, outcome: Outcome): void => {
    within.outcomes.push(outcome)
    if (within.scheduled) return
    within.scheduled = true
    runtime.timers.soon(() => {
      within.scheduled = false
      const all = within.outcomes
      within.outcomes = []
      for (let at = 0; at < all.length; at += MOST_OUTCOMES) void settleSome(within, all.slice(at, at + MOST_OUTCOMES))
    })
  }

  const settleSome = async (within: Live, outcomes: readonly Outcome[]): Promise<void> => {
    for (let failed = 1; live === within; failed++) {
      try {
        await ask(within, () => client.settle({ session: within.id, outcomes }, { timeout: within.beat * 5 }))
        for (const { number } of outcomes) within.inHand.delete(number)
        return
      } catch (error) {
        if (live === within && !mayPass(error))
          log.warn('Outcomes cannot be settled; they are tried again', { client: name, error })
        await runtime.timers.sleep(Math.min(1000, failed * 20), within.over.signal)
      }
    }
  }

  const leave = async (member: Member): Promise<void> => {
    const within = live
    // From here on no further session has it.
    member.joined = false
    if (within !== undefined) await leaveSession(within, member)
    await member.idle()
    members.delete(member.number)
  }

  const leaveSession = async (within: Live, member: Member): Promise<void> => {
    const span = Math.min(LEAVE, patience)
    let until = runtime.clock.monotonic() + span
    while (live === within) {
      try {
        const wish = { session: within.id, member: member.number }
        const { left } = await ask(within, () => client.leave(wish, { timeout: span }))
        if (left) return
        until = runtime.clock.monotonic() + span
      } catch {
        // What is in hand is waited for in any case. When the broker cannot be reached after that, the session is given
        // up: in it the broker would go on handing things to a member that is not there.
        if (member.inHand() === 0 && runtime.clock.monotonic() > until) lose(within)
        else await runtime.timers.sleep(20)
      }
    }
  }

  return {
    add: async (member) => {
      members.set(member.number, member)
      try {
        await patiently({ runtime, pauses, patience }, async (timeout) => {
          const within = await session(timeout)
          await ask(within, () => member.join(within.id, { timeout }))
          if (live !== within) throw SessionOver()
          member.joined = true
        })
      } catch (error) {
        members.delete(member.number)
        if (SessionOver.is(error))
          throw new CallError('UNAVAILABLE', 'Cannot join: the session with the broker is lost again and again')
        throw error
      }
      const subscription = subscriptionOf(runtime.timers, () =>
        leave(member).finally(() => void subscriptions.delete(subscription)),
      )
      subscriptions.add(subscription)
      return subscription
    },
    stop: async (timeout) => {
      const left = Promise.all([...subscriptions].map((subscription) => subscription.stop(UNBOUNDED)))
      await inTime(runtime.timers, timeout, left, () =>
        log.warn('The broker was left with messages in hand; it brings them again', { client: name }),
      )
      stopped = true
      const last = live
      live = undefined
      last?.over.abort()
      // The broker would find out by itself; this is quicker.
      if (last !== undefined) await client.close({ session: last.id }, { timeout: 1000 }).catch(() => {})
    },
  }
}
