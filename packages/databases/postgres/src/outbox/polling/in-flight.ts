import type { OutboxRow } from '../rows.ts'

/**
 * What has been read and not yet removed, so that a row which is met again is known. Holds no more than two batches and
 * what waits to be removed.
 */
export type InFlight = {
  /** Of these rows, the ones to deliver: not in hand, and not delivered before. */
  readonly take: (rows: readonly OutboxRow[]) => readonly OutboxRow[]
  /** These have been delivered: they wait to be removed from the table. */
  readonly delivered: (rows: readonly OutboxRow[]) => void
  /** These will not be delivered by us. */
  readonly drop: (rows: readonly OutboxRow[]) => void
  /** Delivered and still in the table, at most `limit`; they count as being removed from here on. */
  readonly toRemove: (limit: number) => readonly OutboxRow[]
  readonly waiting: () => number
  readonly removed: (rows: readonly OutboxRow[]) => void
  /** They are there still: somebody has them locked. */
  readonly kept: (rows: readonly OutboxRow[]) => void
  /** Rows delivered and not yet known to be removed. */
  readonly unremoved: () => number
  /** Rows read and not delivered. */
  readonly undelivered: () => number
  /** When the first that is not delivered was published. */
  readonly oldest: () => number | undefined
  /**
   * The connection was lost. What was delivered is removed when it is met again under the same position and id, and not
   * before: the server that comes back may have given the position to another.
   */
  readonly lost: () => void
  /** All that is in the table has been met: what was delivered before and not met is not there. */
  readonly met: () => void
}

export function createInFlight(): InFlight {
  /** Position to id, of all in hand. */
  const inHand = new Map<number, string>()
  const undelivered = new Map<number, OutboxRow>()
  let done: OutboxRow[] = []
  let removing = 0
  let before = new Map<number, string>()
  const forget = (rows: readonly OutboxRow[]): void => {
    for (const { position } of rows) inHand.delete(position)
  }

  return {
    take: (rows) =>
      rows.filter((row) => {
        const { position, message } = row
        if (inHand.get(position) === message.id) return false
        inHand.set(position, message.id)
        if (before.get(position) === message.id) {
          before.delete(position)
          done.push(row)
          return false
        }
        undelivered.set(position, row)
        return true
      }),
    delivered: (rows) => {
      for (const row of rows) {
        undelivered.delete(row.position)
        done.push(row)
      }
    },
    drop: (rows) => {
      forget(rows)
      for (const { position } of rows) undelivered.delete(position)
    },
    toRemove: (limit) => {
      const some = done.splice(0, limit)
      removing += some.length
      return some
    },
    waiting: () => done.length,
    removed: (rows) => {
      removing -= rows.length
      forget(rows)
    },
    kept: (rows) => {
      removing -= rows.length
      done.push(...rows)
    },
    unremoved: () => done.length + removing,
    undelivered: () => undelivered.size,
    oldest: () => undelivered.values().next().value?.message.time,
    met: () => before.clear(),
    lost: () => {
      for (const { position } of undelivered.values()) inHand.delete(position)
      before = new Map([...before, ...inHand])
      inHand.clear()
      undelivered.clear()
      done = []
      removing = 0
    },
  }
}
