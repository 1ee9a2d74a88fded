import type { OutboxRow } from './outbox-row.ts'
import type { OutboxRecords } from './records.ts'
import type { RelayLimits } from './relay-limits.ts'

/** Committed rows that wait to be handed over: in memory as far as they fit, and read from the table when they did not. */
export type Backlog = {
  readonly add: (rows: readonly OutboxRow[]) => void
  /** The next ones, in order; none when the table has fewer than were committed. */
  readonly next: () => Promise<readonly OutboxRow[]>
  /** The first of those in memory. */
  readonly first: () => OutboxRow | undefined
  /** Position of the last one that was committed. */
  readonly committed: () => number
}

export function createBacklog(options: {
  readonly records: Pick<OutboxRecords<never>, 'read'>
  readonly limits: RelayLimits
  readonly left: { readonly total: number; readonly first: number; readonly last: number }
}): Backlog {
  const { records, limits, left } = options
  /** Rows in order; those before `head` have been handed over. */
  let memory: OutboxRow[] = []
  let head = 0
  /** Characters of data in memory. */
  let size = 0
  let committed = left.last
  /** Position of the last one that is or was in memory. */
  let loaded = left.total > 0 ? left.first - 1 : left.last

  const load = async (): Promise<void> => {
    const rows = await records.read({ after: loaded, limit: limits.batch })
    for (const row of rows) size += row.message.data.length
    memory = [...rows]
    head = 0
    loaded = rows.at(-1)?.position ?? committed
  }

  return {
    add: (rows) => {
      for (const row of rows) {
        // Once one row is left in the table only, all after it are, or they would overtake it.
        const fits = loaded === committed && memory.length - head < limits.memory && size < limits.memorySize
        committed = row.position
        if (!fits) continue
        loaded = row.position
        memory.push(row)
        size += row.message.data.length
      }
    },
    next: async () => {
      if (head === memory.length) await load()
      const batch = memory.slice(head, head + limits.batch)
      head += batch.length
      for (const row of batch) size -= row.message.data.length
      if (head === memory.length || head > 4096) {
        memory = memory.slice(head)
        head = 0
      }
      return batch
    },
    first: () => memory[head],
    committed: () => committed,
  }
}
