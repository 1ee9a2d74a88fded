import type { OutboxMessage } from 'dure/data'
import type { Lsn } from './lsn.ts'

/** A message as the log told it. */
export type Entry = { readonly message: OutboxMessage; readonly size: number }

/**
 * What has come from the log and is not delivered, and how far that is. A place in the log may be confirmed when all that
 * came before it is delivered. Bounded by whoever pauses the log when it is `full`.
 */
export type Tail = {
  readonly add: (message: OutboxMessage) => void
  /** All before this place has been added. */
  readonly reached: (lsn: Lsn) => void
  /** The next to be delivered, in order: at most a batch. They stay in hand. */
  readonly next: () => readonly Entry[]
  /** So many of them have been. */
  readonly delivered: (count: number) => void
  /** Before this place all is delivered. */
  readonly deliveredTo: () => Lsn
  readonly full: () => boolean
  readonly waiting: () => number
  readonly oldest: () => OutboxMessage | undefined
}

export function createTail(limits: { readonly batch: number; readonly bytes: number }): Tail {
  let queue: Entry[] = []
  let head = 0
  let bytes = 0
  /** Messages ever added, and ever delivered. */
  let [added, done] = [0, 0]
  /** Places in order, each with how many messages come before it. */
  let marks: { readonly after: number; readonly lsn: Lsn }[] = []
  let deliveredTo = 0n

  const settle = (): void => {
    const passed = marks.findLastIndex(({ after }) => after <= done)
    if (passed < 0) return
    const { lsn } = marks[passed]!
    if (lsn > deliveredTo) deliveredTo = lsn
    marks = marks.slice(passed + 1)
  }

  return {
    add: (message) => {
      const size = message.data.length + OVERHEAD
      queue.push({ message, size })
      added++
      bytes += size
    },
    reached: (lsn) => {
      if (marks.at(-1)?.after === added) marks.pop()
      marks.push({ after: added, lsn })
      if (added === done) settle()
    },
    next: () => {
      let size = 0
      let end = head
      while (end < queue.length && end - head < limits.batch && size < limits.bytes) size += queue[end++]!.size
      return queue.slice(head, end)
    },
    delivered: (count) => {
      for (const { size } of queue.slice(head, head + count)) bytes -= size
      head += count
      done += count
      if (head === queue.length || head > 4_096) {
        queue = queue.slice(head)
        head = 0
      }
      settle()
    },
    deliveredTo: () => deliveredTo,
    full: () => queue.length - head >= 4 * limits.batch || bytes >= 2 * limits.bytes,
    waiting: () => queue.length - head,
    oldest: () => queue[head]?.message,
  }
}

/** What a message takes beside its data, about. */
const OVERHEAD = 500
