import type { Runtime } from '../../runtime/runtime.ts'
import { createPartitionLoop, type Member, type PartitionLoop, type PartitionSource } from '../partition-loop.ts'
import { offsetAfter, READ_BYTES, type Partition, type Reader } from './partition.ts'
import { sizeOf } from './rows.ts'

/** Bytes that all readers of a broker may still take in hand, about; who finds none left takes one message at a time. */
export type Budget = { left: number }

/** A group's place in one partition, and the loop that hands its messages to whoever owns it. */
export type Cursor = {
  readonly partition: Partition
  /** Offset of the next message to hand over. */
  readonly position: () => number
  /** Messages thrown away before they were handed over. */
  readonly lost: () => number
  readonly wanted: () => Member | undefined
  readonly assign: (member: Member | undefined) => void
  readonly wake: () => void
  readonly move: (position: number) => void
}

export function createCursor(options: {
  runtime: Runtime
  partition: Partition
  position: number
  lost: number
  budget: Budget
  /** The next of the epochs of this broker. */
  epoch: PartitionSource['epoch']
  members: PartitionSource['members']
  moved: (cursor: Cursor) => void
}): Cursor {
  const { runtime, partition, budget, epoch, members, moved } = options
  let lost = options.lost
  /** Where the batch in hand ends: what is thrown away before that is not lost. */
  let handedTo = 0
  /** Bytes in hand that are in memory for this reader alone. */
  let inHand = 0

  const reader: Reader = { position: options.position, wake: () => loop.wake() }
  const missing = (): number => Math.max(0, partition.floor() - Math.max(reader.position, handedTo))

  /** Goes on at the oldest message there is. */
  const skip = (): void => {
    const gone = missing()
    if (gone === 0) return
    lost += gone
    reader.position = partition.floor()
    moved(cursor)
  }

  const loop: PartitionLoop = createPartitionLoop(runtime, {
    topic: partition.topic,
    partition: partition.number,
    epoch,
    members,
    next: (limit) => {
      skip()
      const shared = partition.inMemory(reader.position)
      const batch = partition.read(reader.position, limit, Math.min(READ_BYTES, budget.left))
      if (batch.length === 0) return batch
      inHand = shared ? 0 : batch.reduce((sum, { message }) => sum + sizeOf(message), 0)
      budget.left -= inHand
      handedTo = batch.at(-1)!.offset + 1
      return batch
    },
    settle: (batch, taken) => {
      handedTo = 0
      budget.left += inHand
      if (!taken) return
      reader.position = offsetAfter(batch.at(-1)!.position)
      partition.forget()
      moved(cursor)
    },
    more: () => reader.position < partition.next(),
    moveTo: (after) => void (reader.position = Math.min(Math.max(offsetAfter(after), partition.floor()), partition.next())),
  })

  const cursor: Cursor = {
    partition,
    position: () => Math.max(reader.position, partition.floor()),
    lost: () => lost + missing(),
    wanted: loop.wanted,
    assign: (member) => {
      if (member) partition.readers.add(reader)
      else {
        partition.readers.delete(reader)
        partition.forget()
      }
      loop.assign(member)
    },
    wake: loop.wake,
    move: (position) => {
      skip()
      reader.position = position
      moved(cursor)
    },
  }
  return cursor
}
