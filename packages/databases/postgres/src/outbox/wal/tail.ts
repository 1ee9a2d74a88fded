import type { OutboxRow } from '../rows.ts'
import type { Lsn } from './lsn.ts'

/** A message as the log told it. */
export type Entry = OutboxRow & {
  /** The how-manieth it is of this connection. */
  readonly at: number
  /** The transaction's id; empty where there is no table. */
  readonly xid: string
  /** Where in the log its transaction commits. */
  readonly commit: Lsn
  readonly size: number
}

/**
 * What has come from the log and is not done with, and how far that is. A place in the log may be confirmed when all that
 * came before it is done with. Bounded by whoever pauses the log when it is `full`.
 */
export type Tail = {
  /** One more, of the transaction that commits at `commit`. */
  readonly add: (row: OutboxRow, xid: string, commit: Lsn) => void
  /** All before this place has been added. */
  readonly reached: (lsn: Lsn) => void
  /** The next to be delivered, in order: at most a batch. They stay in hand. */
  readonly next: () => readonly Entry[]
  readonly delivered: (entries: readonly Entry[]) => void
  /** Nothing is left to be done about them. */
  readonly done: (entries: readonly Entry[]) => void
  /** Before this place all is delivered, … */
  readonly deliveredTo: () => Lsn
  /** … and done with. */
  readonly doneTo: () => Lsn
  readonly empty: () => boolean
  readonly full: () => boolean
  /** Delivered, and not yet done with. */
  readonly undone: () => number
  /** Not yet delivered. */
  readonly waiting: () => number
  readonly oldest: () => Entry | undefined
}

export function createTail(limits: { readonly batch: number; readonly bytes: number }): Tail {
  let queue: Entry[] = []
  let head = 0
  let bytes = 0
  let added = 0
  /** Delivered and not done with, in any order. */
  const undone = new Set<number>()
  /** Places in order, each with how many entries come before it. */
  let marks: { readonly after: number; readonly lsn: Lsn }[] = []
  let [deliveredTo, doneTo] = [0n, 0n]

  const firstWaiting = (): number => queue[head]?.at ?? added
  const settle = (): void => {
    const waiting = firstWaiting()
    // The set keeps the order in which they were delivered, and what comes first is mostly done with first.
    let first = waiting
    for (const at of undone) first = Math.min(first, at)
    let passed = 0
    for (const { after, lsn } of marks) {
      if (after > waiting) break
      if (lsn > deliveredTo) deliveredTo = lsn
      if (after > first) continue
      passed++
      if (lsn > doneTo) doneTo = lsn
    }
    if (passed > 0) marks = marks.slice(passed)
  }

  return {
    add: (row, xid, commit) => {
      const size = row.message.data.length + OVERHEAD
      queue.push({ ...row, at: added++, xid, commit, size })
      bytes += size
    },
    reached: (lsn) => {
      if (marks.at(-1)?.after === added) marks.pop()
      marks.push({ after: added, lsn })
      if (head === queue.length) settle()
    },
    next: () => {
      let size = 0
      let end = head
      while (end < queue.length && end - head < limits.batch && size < limits.bytes) size += queue[end++]!.size
      return queue.slice(head, end)
    },
    delivered: (entries) => {
      for (const { at, size } of entries) {
        undone.add(at)
        bytes -= size
      }
      head += entries.length
      if (head === queue.length || head > 4_096) {
        queue = queue.slice(head)
        head = 0
      }
      settle()
    },
    done: (entries) => {
      for (const { at } of entries) undone.delete(at)
      settle()
    },
    deliveredTo: () => deliveredTo,
    doneTo: () => doneTo,
    empty: () => head === queue.length,
    full: () => queue.length - head >= 4 * limits.batch || bytes >= 2 * limits.bytes,
    undone: () => undone.size,
    waiting: () => queue.length - head,
    oldest: () => queue[head],
  }
}

/** What a message takes beside its data, about. */
const OVERHEAD = 500
