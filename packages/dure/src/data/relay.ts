import { CallError } from '../contract/contract.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { backoff, inTime, timeLeft } from '../runtime/internal.ts'
import type { Logger } from '../telemetry/telemetry.ts'
import { createBacklog } from './backlog.ts'
import type { Aside, Store, StoreTransaction } from './database.ts'
import { createDelivery } from './delivery.ts'
import { dataSize, type OutboxMessage, type OutboxRow } from './outbox-row.ts'
import type { RelayLimits } from './relay-limits.ts'
import { createRemoval } from './removal.ts'

/**
 * Hands committed rows over in order, one batch at a time, and takes delivered ones out of the table later, a few
 * at a time, in transactions that happen anyway. Rows go from the commit to the broker through memory; only when
 * too many wait, or after a start, are they read from the table.
 */
export type Relay = {
  /** Rows that have just been committed. */
  readonly take: (rows: readonly OutboxRow[]) => void
  /** Removes a few delivered rows inside a transaction, if there are enough to be worth a statement. */
  readonly sweep: (tx: StoreTransaction) => Promise<void>
  readonly depth: () => number
  readonly size: () => number
  readonly oldest: () => number | undefined
  readonly flush: (options?: { readonly removed?: boolean }) => Promise<void>
  readonly stop: (options?: { readonly timeout?: number }) => Promise<void>
}

export const RELAY_DEFAULTS: RelayLimits = {
  batch: 512,
  memory: 10_000,
  memorySize: 64 * 1024 * 1024,
  backoff: [50, 5_000],
  patience: 30_000,
}
export function createRelay(options: {
  readonly store: Pick<Store, 'service' | 'records' | 'transaction'>
  readonly runtime: Runtime
  readonly log: Logger
  readonly deliver: (messages: readonly OutboxMessage[]) => Promise<void>
  readonly aside: Aside | undefined
  readonly limits?: Partial<RelayLimits> | undefined
  /** What an earlier run left in the table. */
  readonly left: { readonly total: number; readonly bytes: number; readonly first: number; readonly last: number }
}): Relay {
  const { store, runtime, log, deliver, aside, left } = options
  const { service } = store
  const { outbox: records } = store.records
  const { timers } = runtime
  const limits = { ...RELAY_DEFAULTS, ...options.limits }
  const backlog = createBacklog({ records, limits, left })
  const removal = createRemoval({ store, timers, log, from: left.total > 0 ? left.first - 1 : left.last })
  let depth = left.total
  /** Bytes of their data. */
  let size = left.bytes
  let inHand: readonly OutboxRow[] = []
  let waiters: { readonly position: number; readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = []
  let pumping: Promise<void> | undefined
  const stopping = new AbortController()
  const delivery = createDelivery<OutboxRow>({
    ...{ name: service, runtime, log, backoff: limits.backoff, patience: limits.patience, deliver, aside },
    more: () => depth > inHand.length,
    remove: (tx, rows) => records.remove(tx, { positions: rows.map(({ position }) => position) }),
  })

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
        if (inHand.length === 0) inHand = await backlog.next()
      } catch (error) {
        const [first, max] = limits.backoff
        if (failures === 0) log.warn('The outbox could not be read; it is tried again', { service, depth, error })
        await timers.sleep(backoff({ first, max }, ++failures, runtime.random), stopping.signal)
        continue
      }
      failures = 0
      if (inHand.length === 0) allGone()
      else {
        const { sent, aside } = await delivery.deliver(inHand, stopping.signal)
        done(aside.length === 0 ? sent : [...sent, ...aside])
      }
    }
    if (!stopping.signal.aborted) removal.later()
  }

  /** The table has less than was committed: somebody removed rows by hand. There is nothing to wait for. */
  const allGone = (): void => {
    log.warn('Outbox rows are gone from the table before they were delivered', { service, rows: depth })
    depth = size = 0
    deliveredTo(backlog.committed())
  }

  const done = (rows: readonly OutboxRow[]): void => {
    const { position: last } = inHand.at(-1)!
    depth -= rows.length
    // What was edited in between is of another size.
    size = depth === 0 ? 0 : Math.max(0, size - dataSize(rows.map(({ message }) => message)))
    const gone = rows.length === inHand.length ? undefined : new Set(rows)
    inHand = gone === undefined ? [] : inHand.filter((row) => !gone.has(row))
    // Some are left when it was told to stop meanwhile.
    deliveredTo(inHand.length === 0 ? last : inHand[0]!.position - 1)
  }

  const deliveredTo = (position: number): void => {
    removal.delivered(position)
    if (waiters.length === 0) return
    const ready = waiters.filter((waiter) => waiter.position <= position)
    waiters = waiters.filter((waiter) => waiter.position > position)
    for (const waiter of ready) waiter.resolve()
  }

  const delivered = (): Promise<void> => {
    if (depth === 0) return Promise.resolve()
    if (stopping.signal.aborted) return Promise.reject(stopped(service, depth))
    return new Promise((resolve, reject) => void waiters.push({ position: backlog.committed(), resolve, reject }))
  }

  const flush: Relay['flush'] = async ({ removed = false } = {}) => {
    await delivered()
    if (removed) await removal.now()
  }

  const stop: Relay['stop'] = async ({ timeout = 5_000 } = {}) => {
    const left = timeLeft(runtime.clock, timeout)
    const settled = (task: Promise<unknown>): Promise<unknown> => inTime(timers, left(), task, () => {})
    await settled(flush().catch(() => {}))
    stopping.abort()
    // A delivery that never settles must not keep the service from stopping; its rows stay in the table.
    await settled(pumping ?? Promise.resolve())
    for (const waiter of waiters.splice(0)) waiter.reject(stopped(service, depth))
    await settled(removal.stop())
    if (depth > 0) log.warn('The outbox stopped with messages left; the next start delivers them', { service, depth })
  }

  wake()
  return {
    take: (rows) => {
      depth += rows.length
      size += dataSize(rows.map(({ message }) => message))
      backlog.add(rows)
      wake()
    },
    sweep: removal.some,
    depth: () => depth,
    size: () => size,
    oldest: () => (inHand[0] ?? backlog.first())?.message.time,
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
