import type { Runtime } from '../../runtime/runtime.ts'
import { backoff } from '../../runtime/internal.ts'
import type { Delivery, SubscribeOptions } from '../topics.ts'
import { READ_BYTES, type Partition, type Reader } from './partition.ts'
import { sizeOf } from './rows.ts'

/** One subscriber of a group. */
export type Member = {
  readonly options: SubscribeOptions
  /** Partitions that are its own, until they have been revoked. */
  held: number
  /** Takes nothing new. */
  leaving: boolean
  /** Called when a partition is its own no more. */
  released: (() => void) | undefined
}

/** Bytes that all readers of a broker may still take in hand, about; who finds none left takes one message at a time. */
export type Budget = { left: number }

/** A group's place in one partition, and the loop that hands its messages to whoever owns it. */
export type Cursor = {
  readonly partition: Partition
  /** Offset of the next message to hand over. */
  readonly position: () => number
  /** Messages thrown away before they were handed over. */
  readonly lost: () => number
  /** Whose it is, or is about to be. */
  readonly wanted: () => Member | undefined
  /** Gives the partition to a member (or to nobody) as soon as the batch in hand is settled and its owner has given it back. */
  readonly assign: (member: Member | undefined) => void
  readonly move: (position: number) => void
}

const RETRY = { first: 50, max: 10_000 }

export function createCursor(options: {
  runtime: Runtime
  partition: Partition
  position: number
  lost: number
  budget: Budget
  /** The next of the epochs of this broker. */
  epoch: () => number
  moved: (cursor: Cursor) => void
}): Cursor {
  const { runtime, partition, budget, epoch, moved } = options
  let owner: Member | undefined
  let wanted: Member | undefined
  let running = false
  let failures = 0
  let lost = options.lost
  /** Where the batch in hand ends: what is thrown away before that is not lost. */
  let handedTo = 0
  const pauses = createPause(runtime)

  const place = { topic: partition.topic, partition: partition.number }
  const reader: Reader = { position: options.position, wake: () => void (running || run()) }

  const run = async (): Promise<void> => {
    running = true
    for (;;) {
      while (owner !== wanted) await handOver()
      if (owner === undefined) break
      const outcome = await deliver(owner)
      if (wanted !== owner) continue
      // Nothing can have come since the look: a look that finds nothing does not wait for anything.
      if (outcome === 'none' && reader.position >= partition.next()) break
      // A long backlog must not keep the event loop from everybody else.
      if (outcome === 'failed') await pauses.pause(backoff(RETRY, failures, runtime.random))
      else if (reader.position < partition.next()) await new Promise<void>((resolve) => runtime.timers.soon(resolve))
    }
    running = false
  }

  /** Takes it from its owner, then gives it to the one that is to have it by then. */
  const handOver = async (): Promise<void> => {
    const before = owner
    owner = undefined
    if (before !== undefined) {
      try {
        await before.options.revoked?.(place)
      } catch (error) {
        // Who cannot even be told has lost it.
        before.options.onError?.(error)
      }
      before.held--
      before.released?.()
    }
    const next = wanted
    if (next === undefined) return
    next.held++
    try {
      const answer = await next.options.assigned?.({ ...place, epoch: epoch() })
      if (answer !== undefined) reader.position = Math.min(Math.max(answer.from, partition.floor()), partition.next())
      failures = 0
      owner = next
    } catch (error) {
      next.options.onError?.(error)
      next.held--
      next.released?.()
      failures++
      if (wanted === next) await pauses.pause(backoff(RETRY, failures, runtime.random))
    }
  }

  const deliver = async (member: Member): Promise<'done' | 'none' | 'failed'> => {
    let batch: readonly Delivery[]
    try {
      skip()
      const shared = partition.inMemory(reader.position)
      batch = partition.read(reader.position, member.options.batch ?? 256, Math.min(READ_BYTES, budget.left))
      if (batch.length === 0) return 'none'
      const size = shared ? 0 : batch.reduce((sum, { message }) => sum + sizeOf(message), 0)
      budget.left -= size
      handedTo = batch.at(-1)!.offset + 1
      try {
        await member.options.deliver(batch, place)
      } finally {
        handedTo = 0
        budget.left += size
      }
    } catch (error) {
      failures++
      member.options.onError?.(error)
      return 'failed'
    }
    failures = 0
    reader.position = batch.at(-1)!.offset + 1
    partition.forget()
    moved(cursor)
    return 'done'
  }

  const missing = (): number => Math.max(0, partition.floor() - Math.max(reader.position, handedTo))

  /** Goes on at the oldest message there is. */
  const skip = (): void => {
    const gone = missing()
    if (gone === 0) return
    lost += gone
    reader.position = partition.floor()
    moved(cursor)
  }

  const cursor: Cursor = {
    partition,
    position: () => Math.max(reader.position, partition.floor()),
    lost: () => lost + missing(),
    wanted: () => wanted,
    assign: (member) => {
      wanted = member
      if (member) partition.readers.add(reader)
      else {
        partition.readers.delete(reader)
        partition.forget()
      }
      if (owner !== member) pauses.end()
      if (!running && owner !== member) void run()
    },
    move: (position) => {
      skip()
      reader.position = position
      moved(cursor)
    },
  }
  return cursor
}

/** A pause that can be cut short. */
function createPause(runtime: Runtime): { readonly pause: (ms: number) => Promise<void>; readonly end: () => void } {
  let over: (() => void) | undefined
  return {
    end: () => over?.(),
    pause: (ms) =>
      new Promise((resolve) => {
        const timer = runtime.timers.after(ms, () => over?.())
        over = () => {
          over = undefined
          timer.cancel()
          resolve()
        }
      }),
  }
}
