import { CallError } from '../../../contract/contract.ts'
import { inTime } from '../../../runtime/internal.ts'
import { subscriptionOf, UNBOUNDED, type Subscription } from '../../broker-adapter.ts'
import { createConnection, type ConnectionOptions, type Live } from './connection.ts'
import { SessionOver, type Batch } from './contract.ts'
import type { Member } from './member.ts'
import { mayPass, patiently } from './trying.ts'

/**
 * This process's members at the broker. They live in a session; when the broker says that it is over (this process was
 * frozen or cut off too long, or the broker was started again), another is opened and all join again by themselves.
 */
export type Membership = {
  /** Resolves when the member is one. */
  readonly add: (member: Member) => Promise<Subscription>
  readonly stop: (timeout: number) => Promise<void>
}

/** Milliseconds for which it is tried, at most, to tell the broker that a member leaves; it answers within a quarter of that. */
const LEAVE = 2_000

export function createMembership(options: ConnectionOptions): Membership {
  const { client, runtime, log, name, pauses, patience } = options
  const members = new Map<number, Member>()
  const subscriptions = new Set<Subscription>()
  const connection = createConnection({
    ...options,
    opened: (within) => void rejoin(within),
    take: (within, batch) => void take(within, batch),
    members: () => members.size,
  })
  const { ask, current, lose } = connection

  const rejoin = async (within: Live): Promise<void> => {
    await Promise.all([...members.values()].filter(({ joined }) => joined).map((member) => rejoinOne(within, member)))
  }

  const rejoinOne = async (within: Live, member: Member): Promise<void> => {
    for (let failed = 1; current() === within && member.joined; failed++) {
      try {
        return await ask(within, () => member.join(within.id, { timeout: patience }))
      } catch (error) {
        if (mayPass(error)) connection.lost(error)
        else member.onError(error)
        await pauses.pause(failed)
      }
    }
  }

  const take = async (within: Live, batch: Batch): Promise<void> => {
    const { number } = batch
    if (within.inHand.has(number)) return
    within.inHand.add(number)
    const member = members.get(batch.member)
    if (member === undefined) return refuse(within, batch)
    const outcome = await member.take(batch, () => current() === within)
    if (outcome !== undefined) within.settle(outcome)
  }

  /** A member that was given up while it joined may have become one all the same: it leaves, and others get what it has. */
  const refuse = async (within: Live, { number, member }: Batch): Promise<void> => {
    const leaving = ask(within, () => client.leave({ session: within.id, member }, { timeout: LEAVE }))
    within.settle({ number, error: `Client "${name}" has no member ${member} any more`, errorName: 'Error' })
    // When that is lost, it is said again with the next batch.
    await leaving.catch(() => {})
  }

  const leave = async (member: Member): Promise<void> => {
    const within = current()
    // From here on no further session has it.
    member.joined = false
    if (within !== undefined) await leaveSession(within, member)
    await member.idle()
    members.delete(member.number)
  }

  const leaveSession = async (within: Live, member: Member): Promise<void> => {
    const span = Math.min(LEAVE, patience)
    let until = runtime.clock.monotonic() + span
    while (current() === within) {
      try {
        const request = { session: within.id, member: member.number }
        const { left } = await ask(within, () => client.leave(request, { timeout: span }))
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
          const within = await connection.session(timeout)
          await ask(within, () => member.join(within.id, { timeout }))
          if (current() !== within) throw SessionOver()
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
      await connection.stop()
    },
  }
}
