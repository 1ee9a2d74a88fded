import type { SubscribeOptions } from 'dure/messaging'
import { holdPartition, type HeldPartition } from 'dure/messaging/adapter'
import type { Runtime, Timer } from 'dure/runtime'
import { createAlarm } from 'dure/runtime/internal'
import { createCommit, type Giving } from './commit.ts'
import type { Connection } from './connection.ts'
import { isGone } from './errors.ts'
import { createReader, type Budget, type Reader } from './reader.ts'
import { SHARE } from './scripts/membership.ts'
import type { WakeUps } from './wake-ups.ts'

/**
 * One member of a group on one topic. It holds its place in Redis by a lease, is told there which partitions are its own, and
 * gives those back that others are to have. Whose a partition is stands in Redis with an epoch: a member that was frozen hands
 * nothing out once its lease is over, and its commits do nothing once another has the partition.
 */
export type Membership = { readonly leave: () => Promise<void> }

export type MembershipWorld = {
  readonly connection: Connection
  readonly wakeUps: WakeUps
  readonly runtime: Runtime
  readonly budget: Budget
  /** Milliseconds that a member keeps its partitions without a sign of life. */
  readonly lease: number
}

export type MembershipRequest = {
  readonly topic: string
  readonly key: string
  readonly groupKey: string
  readonly identity: string
  readonly options: SubscribeOptions
  /** Makes the topic and the group, where the server has lost them. */
  readonly declare: () => Promise<unknown>
}

/** Milliseconds between writings of what is read: each is a flush of the server's. What was read since comes again after a crash. */
const SAVE_EVERY = 100

/** A partition that is the member's in one epoch. */
export type Held = {
  readonly partition: number
  readonly epoch: number
  readonly reader: Reader
  readonly hold: HeldPartition
  isEnding: boolean
  isLost: boolean
}

/** The topic's identity, the last change of the group, and of each partition that is the member's: number, epoch, whether it stays. */
type Shares = readonly [identity: string, change: string, mine: readonly (readonly [number, string, number])[]]

export async function joinGroup(world: MembershipWorld, request: MembershipRequest): Promise<Membership> {
  const { connection, wakeUps, runtime, budget, lease } = world
  const { topic, key, groupKey, options, declare } = request
  /** Which data these are; '' when topic and group are to be made again. */
  let { identity } = request
  const id = runtime.ids.next()
  const held = new Map<number, Held>()
  /** Those that are not over: of some that are lost, a batch is still in hand. */
  const open = new Set<Held>()
  /** When the last that there was of a partition is over. */
  const lives = new Map<number, Promise<void>>()
  /** Epochs whose giving back has not been heard of. */
  const given = new Set<number>()
  let mode: 'stay' | 'leave' | 'left' = 'stay'
  let validUntil = 0
  let unwatch = (): void => {}
  let closed = (): void => {}
  let saving: Timer | undefined
  const failed = (error: unknown): void => options.onError?.(error)
  const commit = createCommit({ connection, key, groupKey, group: options.group, member: id, held, lose })

  const save = (): void => {
    saving = undefined
    commit().catch(() => {})
  }

  const giveBack = async (giving: Giving): Promise<void> => {
    const { partition, epoch } = giving.one
    given.add(epoch)
    try {
      await commit(giving)
      given.delete(epoch)
    } catch (error) {
      // It is given back with the next look, or when the lease is over.
      failed(error)
    }
    if (held.get(partition)?.epoch === epoch) held.delete(partition)
    alarm.ring()
  }

  const end = (one: Held, settled: Promise<void>, how: Giving['how'] = 'given'): void => {
    if (one.isEnding) return
    one.isEnding = true
    const over = async (): Promise<void> => {
      await settled
      one.reader.stop()
      if (!one.isLost) await giveBack({ one, how })
      open.delete(one)
      closed()
    }
    lives.set(one.partition, over())
  }

  function lose(one: Held): void {
    if (held.get(one.partition) === one) held.delete(one.partition)
    one.isLost = true
    one.reader.stop()
    end(one, one.hold.lose())
  }

  const begin = (partition: number, epoch: number): Held => {
    const make = { connection, wakeUps, runtime, budget, topic, key, group: options.group, partition, failed }
    const reader = createReader({ ...make, wake: () => hold.wake() })
    const hold = holdPartition(runtime, {
      ...{ assignment: { topic, partition, epoch, broker: identity }, member: options, after: lives.get(partition) },
      open: (after) => (after === undefined ? undefined : reader.moveTo(after)),
      next: reader.next,
      taken: (batch) => {
        reader.taken(batch)
        saving ??= runtime.timers.after(SAVE_EVERY, save)
      },
      isMine: () => runtime.clock.monotonic() < validUntil,
      refused: () => end(one, hold.give(), 'passed'),
    })
    const one: Held = { partition, epoch, reader, hold, isEnding: false, isLost: false }
    return one
  }

  const share = async (): Promise<void> => {
    const asked = runtime.clock.monotonic()
    const values = [id, lease, mode]
    const [found, change, mine] = await connection.run<Shares>(`join group "${options.group}"`, SHARE, [key, groupKey], values)
    if (found !== identity) await declare()
    identity = found
    validUntil = asked + lease
    const epochs = new Map(mine.map(([partition, epoch]) => [partition, Number(epoch)]))
    for (const one of held.values()) if (epochs.get(one.partition) !== one.epoch) lose(one)
    for (const [partition, text, stays] of mine) {
      const epoch = Number(text)
      if (given.has(epoch) && !held.has(partition)) {
        void giveBack({ one: { partition, epoch }, how: 'given' })
        continue
      }
      const one = held.get(partition) ?? begin(partition, epoch)
      held.set(partition, one)
      open.add(one)
      if (stays === 0) end(one, one.hold.give())
      else one.hold.wake()
    }
    unwatch()
    if (mode !== 'left') unwatch = wakeUps.watch(`${groupKey}:changes`, change, () => alarm.ring())
  }

  const look = async (): Promise<void> => {
    // The broker has not waited for what is in hand.
    if (connection.isClosed()) return void alarm.stop()
    try {
      await share()
      await commit()
    } catch (error) {
      if (!isGone(error)) throw error
      await declare()
      await share()
    }
  }

  const leave = async (): Promise<void> => {
    mode = 'leave'
    await share().catch(failed)
    for (const one of held.values()) end(one, one.hold.give())
    while (open.size > 0) await new Promise<void>((resolve) => void (closed = resolve))
    mode = 'left'
    await alarm.stop()
    saving?.cancel()
    // Where it cannot be said, the lease ends.
    await share().catch(failed)
    unwatch()
  }

  await share()
  const alarm = createAlarm({ runtime, work: look, next: async () => undefined, longest: lease / 4, failed })
  return { leave }
}
