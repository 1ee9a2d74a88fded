import { describeThrown } from 'dure/contract/internal'
import { createPartitionLoop, type Member, type PartitionLoop } from 'dure/messaging/adapter'
import type { SubscribeOptions } from 'dure/messaging'
import type { Runtime } from 'dure/runtime'
import { createAlarm } from 'dure/runtime/internal'
import type { Connection } from './connection.ts'
import { isGone } from './errors.ts'
import { createReader, type Budget, type Position, type Reader } from './reader.ts'
import { COMMIT, SHARE } from './scripts.ts'
import type { WakeUps } from './wake-ups.ts'

/**
 * One member of a group on one topic. It holds its place in Redis by a lease, is told there which partitions are its own, and
 * gives those back that others are to have. Whose a partition is stands in Redis with an epoch: a member that was frozen reads
 * nothing more once its lease is over, and its commits do nothing once another has the partition.
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

type Held = {
  readonly partition: number
  readonly epoch: string
  readonly member: Member
  reader: Reader | undefined
  lost: boolean
  giving: boolean
}

export async function joinGroup(
  world: MembershipWorld,
  request: {
    readonly topic: string
    readonly key: string
    readonly groupKey: string
    readonly broker: string
    readonly options: SubscribeOptions
    /** Makes the topic and the group, where the server has lost them. */
    readonly declare: () => Promise<unknown>
  },
): Promise<Membership> {
  const { connection, wakeUps, runtime, budget, lease } = world
  const { topic, key, groupKey, options, declare } = request
  /** Which data these are; '' when the topic or the group is to be made again. */
  let broker = request.broker
  const { clock } = runtime
  const id = runtime.ids.next()
  const held = new Map<number, Held>()
  const loops = new Map<number, PartitionLoop>()
  /** Epochs of partitions whose giving back has not been heard of. */
  const given = new Set<string>()
  /** The reader of whoever has a partition now: the one before it has ended when it is another. */
  const readers = new Map<number, Reader>()
  let mode: 'stay' | 'leave' | 'left' = 'stay'
  let validUntil = 0
  let unwatch = (): void => {}
  let freed = (): void => {}
  const failed = (error: unknown): void => options.onError?.(error)

  const loopOf = (partition: number): PartitionLoop => {
    const known = loops.get(partition)
    if (known !== undefined) return known
    const valid = (): boolean => clock.monotonic() < validUntil
    const loop = createPartitionLoop(runtime, {
      ...{ topic, partition },
      next: (limit) => (valid() ? readers.get(partition)!.next(limit) : []),
      more: () => valid() && readers.get(partition)!.more(),
      settle: (batch, taken) => {
        readers.get(partition)!.settle(batch, taken)
        if (taken) commit().catch(() => {})
      },
      moveTo: (after) => readers.get(partition)!.moveTo(after),
      members: () => [],
      epoch: () => ({ epoch: 0, broker }),
    })
    loops.set(partition, loop)
    return loop
  }

  const take = (partition: number, epoch: string): Held => {
    const loop = loopOf(partition)
    const member: Member = {
      options: {
        ...options,
        assigned: async () => {
          readers.get(partition)?.stop()
          const make = {
            connection,
            wakeUps,
            runtime,
            budget,
            topic,
            key,
            group: options.group,
            partition,
            wake: loop.wake,
            failed,
          }
          readers.set(partition, (one.reader = createReader(make)))
          return options.assigned?.({ topic, partition, epoch: Number(epoch), broker })
        },
        revoked: async (place) => {
          if (!one.lost) await options.revoked?.(place)
        },
      },
      held: 0,
      leaving: false,
      released: () => {
        if (member.held === 0 && one.giving) void giveBack(one)
      },
    }
    const one: Held = { partition, epoch, member, reader: undefined, lost: false, giving: false }
    held.set(partition, one)
    // What could not be given back when it was to be has an epoch that is over.
    if (given.has(epoch)) give(one)
    else loop.assign(member)
    return one
  }

  /** Another has it, or may have: what is in hand ends by itself. */
  const lose = (one: Held): void => {
    one.lost = true
    one.reader?.stop()
    drop(one)
    const loop = loops.get(one.partition)
    if (loop?.wanted() === one.member) loop.assign(undefined)
  }

  const drop = (one: Held): void => {
    if (held.get(one.partition) === one) held.delete(one.partition)
    freed()
  }

  const give = (one: Held): void => {
    if (one.giving) return
    one.giving = true
    loops.get(one.partition)?.assign(undefined)
    one.member.released?.()
  }

  const giveBack = async (one: Held): Promise<void> => {
    if (one.lost) return drop(one)
    given.add(one.epoch)
    try {
      await commit(one)
      given.delete(one.epoch)
    } catch (error) {
      // It is given back with the next look, or when the lease is over.
      failed(error)
    }
    one.reader?.stop()
    drop(one)
    alarm.ring()
  }

  let writing: Promise<void> = Promise.resolve()
  let queued = false
  /** Writes how far the partitions have come, and gives one back: one call at a time, and what comes meanwhile goes in the next. */
  const commit = (giving?: Held): Promise<void> => {
    if (giving === undefined && queued) return writing
    queued ||= giving === undefined
    const turn = writing.then(() => {
      if (giving === undefined) queued = false
      return write(giving)
    })
    // What was not written is written with the next look.
    writing = turn.catch(() => {})
    return turn
  }

  const write = async (giving: Held | undefined): Promise<void> => {
    const moved: { readonly one: Held; readonly position: Position | undefined }[] = []
    for (const one of held.values()) {
      const position = one.reader?.moved()
      if (position !== undefined || one === giving) moved.push({ one, position })
    }
    if (moved.length === 0) return
    const values = moved.flatMap(({ one, position }) => [
      one.partition,
      one.epoch,
      position?.id ?? '',
      position?.count ?? '',
      one === giving ? 1 : 0,
    ])
    try {
      const refused = await connection.run<string[]>(
        `commit of group "${options.group}"`,
        COMMIT,
        [key, groupKey],
        [options.group, id, ...values],
      )
      for (const { one } of moved) if (refused.includes(String(one.partition))) lose(one)
    } catch (error) {
      for (const { one, position } of moved) if (position !== undefined) one.reader?.again(position)
      throw error
    }
  }

  const share = async (): Promise<void> => {
    const asked = clock.monotonic()
    type Answer = readonly [identity: string, change: string, mine: readonly (readonly [number, string, number])[]]
    const values = [id, lease, mode]
    const [identity, change, mine] = await connection.run<Answer>(`join group "${options.group}"`, SHARE, [key, groupKey], values)
    if (identity !== broker) {
      await declare()
      broker = identity
    }
    validUntil = asked + lease
    const epochs = new Map(mine.map(([partition, epoch]) => [partition, epoch]))
    for (const one of held.values()) if (epochs.get(one.partition) !== one.epoch) lose(one)
    for (const [partition, epoch, stays] of mine) {
      const one = held.get(partition) ?? take(partition, epoch)
      if (stays === 0) give(one)
      else if (!one.giving) loops.get(partition)!.wake()
    }
    unwatch()
    if (mode !== 'left') unwatch = wakeUps.watch(`${groupKey}:changes`, change, () => alarm.ring())
  }

  const look = async (): Promise<void> => {
    try {
      await share()
      await commit()
    } catch (error) {
      if (!isGone(error)) throw error
      broker = ''
      await declare()
      await share()
    }
  }

  await share()
  const alarm = createAlarm({ runtime, work: look, next: async () => undefined, longest: lease / 4, failed })

  const leave = async (): Promise<void> => {
    mode = 'leave'
    await share().catch((error: unknown) => failed(describeThrown(error)))
    for (const one of held.values()) give(one)
    while (held.size > 0) await new Promise<void>((resolve) => void (freed = resolve))
    mode = 'left'
    await alarm.stop()
    unwatch()
    // Where it cannot be said, the lease ends.
    await share().catch(failed)
    unwatch()
  }
  return { leave }
}
