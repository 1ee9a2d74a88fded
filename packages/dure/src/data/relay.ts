import { CallError } from '../contract/contract.ts'
import type { Runtime, Timer } from '../runtime/runtime.ts'
import { backoff, inTime, timeLeft } from '../runtime/internal.ts'
import type { Logger } from '../telemetry/telemetry.ts'
import type { Aside, SqlTransaction } from './database.ts'
import { createDelivery } from './delivery.ts'
import type { OutboxMessage, OutboxRow } from './outbox-row.ts'
import type { RelayLimits } from './relay-limits.ts'

/**
 * Hands committed rows over in order, one batch at a time, and takes delivered ones out of the table later, a few
 * at a time, in transactions that happen anyway. Rows go from the commit to the broker through memory; only when
 * too many wait, or after a start, are they read from the table.
 */
export type Relay = {
  /** Rows that have just been committed. */
  readonly take: (rows: readonly OutboxRow[]) => void
  /** Removes a few delivered rows inside a transaction, if there are enough to be worth a statement. */
  readonly sweep: (tx: SqlTransaction) => Promise<void>
  readonly depth: () => number
  readonly oldest: () => number | undefined
  readonly flush: () => Promise<void>
  readonly stop: (options?: { readonly timeout?: number }) => Promise<void>
}

const DEFAULTS: RelayLimits = {
  batch: 512,
  memory: 10_000,
  memorySize: 64 * 1024 * 1024,
  backoff: [50, 5_000],
  patience: 30_000,
}
/** Delivered rows that are worth a DELETE, the most that one takes, and the milliseconds of quiet after which all go. */
const [WORTH, STEP, QUIET] = [64, 1024, 1_000]

export function createRelay(options: {
  readonly service: string
  readonly runtime: Runtime
  readonly log: Logger
  readonly deliver: (messages: readonly OutboxMessage[]) => Promise<void>
  readonly aside: Aside | undefined
  readonly limits?: Partial<RelayLimits> | undefined
  /** What an earlier run left in the table. */
  readonly left: { readonly total: number; readonly first: number; readonly last: number }
  readonly read: (after: number, limit: number) => Promise<readonly OutboxRow[]>
  readonly transaction: (work: (tx: SqlTransaction) => Promise<void>) => Promise<void>
}): Relay {
  const { service, runtime, log, left, read, transaction } = options
  const { timers } = runtime
  const limits = { ...DEFAULTS, ...options.limits }
  /** Rows in memory, in order; those before `head` have been handed over. */
  let memory: OutboxRow[] = []
  let head = 0
  let size = 0
  let depth = left.total
  let inHand: readonly OutboxRow[] = []
  /** Positions: committed last, last one that is or was in memory, delivered last, removed last. */
  let committed = left.last
  let loaded = left.total > 0 ? left.first - 1 : left.last
  let delivered = loaded
  let removed = loaded
  let waiters: { readonly position: number; readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = []
  let pumping: Promise<void> | undefined
  let sweeper: Timer | undefined
  const stopping = new AbortController()
  const delivery = createDelivery<OutboxRow>({
    ...{ name: service, runtime, log, backoff: limits.backoff, patience: limits.patience },
    ...{ deliver: options.deliver, aside: options.aside },
    more: () => depth > inHand.length,
    remove: (tx: SqlTransaction, rows) =>
      tx.run(
        `DELETE FROM dure_outbox WHERE position IN (${rows.map(() => '?').join(', ')})`,
        rows.map(({ position }) => position),
      ),
  })

  const take: Relay['take'] = (rows) => {
    for (const row of rows) {
      // Once one row is left in the table only, all after it are, or they would overtake it.
      const fits = loaded === committed && memory.length - head < limits.memory && size < limits.memorySize
      committed = row.position
      depth++
      if (!fits) continue
      loaded = row.position
      memory.push(row)
      size += row.message.data.length
    }
    wake()
  }

  const wake = (): void => {
    if (pumping !== undefined || depth === 0 || stopping.signal.aborted) return
    pumping = pump().finally(() => {
      pumping = undefined
      wake()
    })
  }

  const pump = async (): Promise<void> => {
    // Everyone who shares the commit has a turn first, so that one batch takes them all.
    await Promise.resolve()
    for (let failures = 0; depth > 0 && !stopping.signal.aborted;) {
      try {
        if (inHand.length === 0) inHand = await nextBatch()
      } catch (error) {
        const [first, max] = limits.backoff
        if (failures === 0) log.warn('The outbox could not be read; it is tried again', { service, depth, error })
        await timers.sleep(backoff({ first, max }, ++failures, runtime.random), stopping.signal)
        continue
      }
      failures = 0
      const { sent, aside } = await delivery.deliver(inHand, stopping.signal)
      done(aside.length === 0 ? sent : [...sent, ...aside])
    }
    if (removed < delivered && !stopping.signal.aborted) sweepLater()
  }

  const nextBatch = async (): Promise<readonly OutboxRow[]> => {
    if (head === memory.length) await load()
    const batch = memory.slice(head, head + limits.batch)
    head += batch.length
    for (const row of batch) size -= row.message.data.length
    if (head === memory.length || head > 4096) {
      memory = memory.slice(head)
      head = 0
    }
    return batch
  }

  const load = async (): Promise<void> => {
    const rows = await read(loaded, limits.batch)
    for (const row of rows) size += row.message.data.length
    memory = [...rows]
    head = 0
    if (rows.length > 0) loaded = rows.at(-1)!.position
    else {
      // The table has less than was committed: somebody removed rows by hand. There is nothing to wait for.
      log.warn('Outbox rows are gone from the table before they were delivered', { service, rows: depth })
      loaded = delivered = committed
      depth = 0
      answer()
    }
  }

  const done = (rows: readonly OutboxRow[]): void => {
    const last = inHand.at(-1)
    if (last === undefined) return
    depth -= rows.length
    if (rows.length === inHand.length) inHand = []
    else {
      const gone = new Set(rows)
      inHand = inHand.filter((row) => !gone.has(row))
    }
    // Some are left when it was told to stop meanwhile.
    delivered = inHand.length === 0 ? last.position : inHand[0]!.position - 1
    answer()
  }

  const answer = (): void => {
    if (waiters.length === 0) return
    const ready = waiters.filter((waiter) => waiter.position <= delivered)
    waiters = waiters.filter((waiter) => waiter.position > delivered)
    for (const waiter of ready) waiter.resolve()
  }

  const removeSome = async (tx: SqlTransaction): Promise<void> => {
    const upTo = Math.min(delivered, removed + STEP)
    await tx.run('DELETE FROM dure_outbox WHERE position <= ?', [upTo])
    // If the transaction rolls back the rows stay, and the next DELETE takes them.
    removed = upTo
  }

  const sweepAll = async (): Promise<void> => {
    while (removed < delivered) await transaction(removeSome)
  }

  const sweepLater = (): void => {
    sweeper ??= timers.after(QUIET, () => {
      sweeper = undefined
      sweepAll().catch((error: unknown) => log.warn('Removing delivered rows from the outbox failed', { service, error }))
    })
  }

  const flush = (): Promise<void> => {
    if (depth === 0) return Promise.resolve()
    if (stopping.signal.aborted) return Promise.reject(stopped(service, depth))
    return new Promise((resolve, reject) => void waiters.push({ position: committed, resolve, reject }))
  }

  const stop: Relay['stop'] = async ({ timeout = 5_000 } = {}) => {
    const left = timeLeft(runtime.clock, timeout)
    const settled = (task: Promise<unknown>): Promise<unknown> => inTime(timers, left(), task, () => {})
    await settled(flush().catch(() => {}))
    stopping.abort()
    // A delivery that never settles must not keep the service from stopping; its rows stay in the table.
    await settled(pumping ?? Promise.resolve())
    for (const waiter of waiters.splice(0)) waiter.reject(stopped(service, depth))
    sweeper?.cancel()
    sweeper = undefined
    const swept = sweepAll()
    await settled(swept.catch((error: unknown) => log.warn('Removing delivered rows from the outbox failed', { service, error })))
    if (depth > 0) log.warn('The outbox stopped with messages left; the next start delivers them', { service, depth })
  }

  wake()
  return {
    take,
    sweep: async (tx) => {
      if (delivered - removed >= WORTH) await removeSome(tx)
    },
    depth: () => depth,
    oldest: () => (inHand[0] ?? memory[head])?.message.time,
    flush,
    stop,
  }
}

function stopped(service: string, depth: number): CallError {
  return new CallError(
    'UNAVAILABLE',
    `Waiting for the outbox of service "${service}" failed: it stopped with ${depth} messages left, which the next start delivers`,
  )
}
