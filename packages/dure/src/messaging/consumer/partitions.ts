import { CallError } from '../../contract/contract.ts'
import type { Fence, Raised, Store } from '../../data/data.ts'
import { UNPARTITIONED } from '../../data/internal.ts'
import type { Runtime, Timer } from '../../runtime/runtime.ts'
import type { Logger } from '../../telemetry/telemetry.ts'
import type { Assignment } from '../topics.ts'

/**
 * The partitions of one consumer that are this member's. In this order: the epoch is raised; what is still open of an earlier
 * one is waited for; what is parked is loaded; then messages come. One that is given back is stopped first and then noted as
 * released; one that was lost is dropped, and nothing is written of it. Work that has no partitions is one of its own, which
 * nobody takes away.
 */
export type Partitions<Work> = {
  readonly assigned: (assignment: Assignment) => Promise<void>
  readonly revoked: (partition: number) => Promise<void>
  /** What reads this partition; begun again after `lost`, when the broker still brings it here. */
  readonly of: (partition: number) => Promise<Work>
  /** Another member has it by now. */
  readonly lost: (partition: number) => void
  readonly all: () => readonly Work[]
  /** How many are this member's and still to be loaded; and when those that are so now have been, or could not be. */
  readonly opening: () => number
  readonly settled: () => Promise<void>
  /** Gives back what there is, … */
  readonly stop: () => Promise<void>
  /** … or drops it. */
  readonly drop: () => void
}

/** What reads a partition. `stop` begins nothing more at once, and resolves when what was begun has ended. */
export type PartitionWork = { readonly stop: () => Promise<void> }

/** How a partition is found. */
export type Found = {
  readonly fence: Fence
  /** Members before, in a row, that were ended by a crash, perhaps by a message. */
  readonly crashes: number
  /** The one before has not given it back, and was another than this. */
  readonly crashed: boolean
  /** To be told when what was found turns out to be another member's by now. */
  readonly lost: () => void
}

type Slot<Work> = {
  readonly assignment: Assignment
  readonly opened: Promise<{ readonly fence: Fence; readonly work: Work; readonly timer: Timer | undefined }>
  work: Work | undefined
  /** Lost, or it could not be opened. */
  over: boolean
}

/** Milliseconds for which what a lost member has begun may go on. */
const TIMEOUT = 1_000
/** Whoever has lived this long was not started to crash at once. */
const HEALTHY = 30_000

export function createPartitions<Work extends PartitionWork>(options: {
  readonly store: Store
  readonly runtime: Runtime
  readonly log: Logger
  readonly consumer: string
  readonly open: (found: Found) => Promise<Work>
}): Partitions<Work> {
  const { store, runtime, log, consumer, open } = options
  const { ownership } = store.records
  const slots = new Map<number, Slot<Work>>()

  const raise = async ({ topic, partition, epoch: token, broker }: Assignment): Promise<Raised> => {
    const claim = { consumer, topic, partition, member: store.member, broker, token }
    const raised = await store.transaction((tx) => ownership.raise(tx, claim), { isolated: false })
    if (raised === undefined)
      throw new CallError(
        'ABORTED',
        `Taking partition ${partition} of "${topic}" for consumer "${consumer}" failed: its broker has given it to another member since. To do: nothing`,
        { inside: true },
      )
    if (raised.broker !== undefined && raised.broker !== broker)
      log.warn('A partition is brought by another broker than before', {
        consumer,
        topic,
        partition,
        broker,
        before: raised.broker,
      })
    return raised
  }

  const begin = async (assignment: Assignment, lost: () => void) => {
    const { topic, partition } = assignment
    const { epoch, before, unclean, crashes } = await raise(assignment)
    const foreign = before !== store.member
    // Who has given it back has nothing open. Work without partitions is everybody's.
    if (unclean && partition !== UNPARTITIONED) {
      await store.waitOut?.({ before: foreign ? before : undefined, patience: TIMEOUT })
    }
    const fence = { consumer, topic, partition, epoch }
    const work = await open({ fence, crashes, crashed: unclean && foreign, lost })
    return { fence, work, timer: crashes === 0 ? undefined : runtime.timers.after(HEALTHY, () => void noteWell(fence)) }
  }

  const noteWell = (fence: Fence): Promise<void> =>
    store
      .transaction((tx) => ownership.well(tx, fence), { isolated: false })
      .catch((error: unknown) => log.warn('Cannot note that the consumer is well', { consumer, error }))

  const drop = (slot: Slot<Work>): void => {
    slot.over = true
    slot.opened.then(
      ({ work, timer }) => {
        timer?.cancel()
        void work.stop()
      },
      () => {},
    )
  }

  const assigned = async (assignment: Assignment): Promise<void> => {
    const { partition } = assignment
    const before = slots.get(partition)
    if (before !== undefined) drop(before)
    const opened = begin(assignment, () => drop(slot))
    const slot: Slot<Work> = { assignment, opened, work: undefined, over: false }
    slots.set(partition, slot)
    try {
      slot.work = (await slot.opened).work
    } catch (error) {
      slot.over = true
      throw error
    }
  }

  const revoked = async (partition: number): Promise<void> => {
    const slot = slots.get(partition)
    slots.delete(partition)
    if (slot === undefined || slot.over) return
    const { fence, work, timer } = await slot.opened
    timer?.cancel()
    await work.stop()
    await store.transaction((tx) => ownership.release(tx, fence), { isolated: false })
  }

  return {
    assigned,
    revoked,
    of: async (partition) => {
      const slot = slots.get(partition)
      if (slot?.over === true) await assigned(slot.assignment)
      const { work } = slots.get(partition) ?? {}
      if (work !== undefined) return work
      throw new CallError(
        'ABORTED',
        `Taking messages of partition ${partition} failed: it is not of consumer "${consumer}" here`,
        {
          inside: true,
        },
      )
    },
    lost: (partition) => {
      const slot = slots.get(partition)
      if (slot !== undefined) drop(slot)
    },
    all: () => [...slots.values()].flatMap(({ work, over }) => (work === undefined || over ? [] : [work])),
    opening: () => [...slots.values()].filter(isOpening).length,
    settled: async () => void (await Promise.allSettled([...slots.values()].map(({ opened }) => opened))),
    stop: async () => {
      for (const partition of slots.keys())
        await revoked(partition).catch((error: unknown) =>
          log.warn('Cannot note that a partition was given back', { consumer, partition, error }),
        )
    },
    drop: () => {
      for (const slot of slots.values()) drop(slot)
    },
  }
}

function isOpening({ work, over }: Slot<unknown>): boolean {
  return work === undefined && !over
}
