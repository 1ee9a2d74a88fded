import type { OutboxMessage } from 'dure/data'
import type { Delivery } from 'dure/data/internal'
import type { Runtime } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'
import type { ClientConfig } from 'pg'
import { uniqueName } from '../../names.ts'
import type { Query } from '../rows.ts'
import { createWakeUp, type WakeUp } from '../wake-up.ts'
import type { WalLimits } from './limits.ts'
import { lsnOf, lsnText, type Lsn } from './lsn.ts'
import { readMessage } from './message.ts'
import { openReplication, type Replication, type ReplicationOptions } from './replication.ts'
import type { Place } from './slots.ts'
import { createTail, type Entry, type Tail } from './tail.ts'

/** The log as it comes over one connection and is handed on. */
export type Stream = {
  /** Rejects with what has ended it, unless it was told to end. */
  readonly broken: Promise<never>
  /** Resolves when all that is committed by now has been delivered; rejects when the stream ends before. */
  readonly flush: () => Promise<void>
  readonly deliveredTo: () => Lsn
  readonly waiting: () => number
  readonly oldest: () => OutboxMessage | undefined
  /** Ends it in good order: what has been delivered is not sent again. */
  readonly end: () => Promise<void>
}

export type StreamOptions = {
  readonly name: string
  readonly connection: ClientConfig
  readonly place: Place
  /** Asks as whoever delivers the table. */
  readonly query: Query
  readonly runtime: Runtime
  readonly log: Logger
  readonly limits: WalLimits
  /** @param more whether others come behind those in hand */
  readonly delivery: (more: () => boolean) => Delivery<Entry>
}

/** Makes sure that the log goes on beyond what is committed by now, and is written out that far. */
const MARK = `SELECT set_config('synchronous_commit', 'local', true), pg_logical_emit_message(true, 'dure/flush', '')`
const FLUSHED = `
  SELECT pg_current_wal_flush_lsn(), (SELECT setting::int FROM pg_settings WHERE name = 'wal_sender_timeout')`

/** Where all that is committed by now has its end. */
export async function endOf(query: Query): Promise<Lsn> {
  await query(MARK)
  const [[end] = []] = await query(FLUSHED)
  return lsnOf(String(end))
}

/** @throws what the server says when the slot cannot be read */
export async function openStream(options: StreamOptions): Promise<Stream> {
  const { name, connection, place, query, runtime, log, limits, ...hooks } = options
  const over = new AbortController()
  const news = createWakeUp(runtime.timers)
  over.signal.addEventListener('abort', news.set)
  const tail = createTail(limits)
  const { promise: broken, reject } = Promise.withResolvers<never>()
  broken.catch(() => {})
  const fail = (error: unknown): void => {
    if (!over.signal.aborted) reject(error)
    over.abort()
  }
  const open: { replication?: Replication } = {}
  const waiters = createWaiters(tail)
  let holding = false
  /** Something came, or was delivered. What is too much is left at the server. */
  const moved = (): void => {
    if (tail.waiting() > 0) news.set()
    const { replication } = open
    if (replication === undefined) return
    if (tail.deliveredTo() > 0n) replication.confirm(tail.deliveredTo())
    waiters.settle()
    if (holding === tail.full()) return
    holding = tail.full()
    if (holding) replication.pause()
    else replication.resume()
  }
  const [[, timeout] = []] = await query(FLUSHED)
  const interval = Number(timeout) === 0 ? limits.heartbeat : Math.min(limits.heartbeat, Math.max(50, Number(timeout) / 4))
  open.replication = await openReplication({
    ...{ connection, runtime, interval, patience: Math.max(Number(timeout), 2 * limits.heartbeat, 30_000) },
    slot: place.name,
    name: uniqueName('application', 'dure', 'wal', name),
    reader: readerOf({ name, place, log, tail, moved }),
  })
  const { replication } = open
  void replication.over.then(fail)
  moved()
  const working = handOn({ tail, news, moved, limits, over: over.signal, ...hooks }).catch(fail)

  return {
    broken,
    flush: async () => {
      const upTo = await endOf(query)
      if (over.signal.aborted) throw new Error(OVER)
      const flushed = waiters.add(upTo)
      replication.ask()
      await flushed
    },
    deliveredTo: tail.deliveredTo,
    waiting: tail.waiting,
    oldest: tail.oldest,
    end: async () => {
      const whole = !over.signal.aborted
      over.abort()
      waiters.fail()
      // What is being delivered should not come after what the next connection brings. Another relay waits no longer either.
      await Promise.race([working, runtime.timers.sleep(limits.lease)])
      if (!whole) return replication.destroy(new Error(OVER))
      moved()
      await replication.end()
    },
  }
}

const OVER = 'the stream is over'

function readerOf(to: {
  readonly name: string
  readonly place: Place
  readonly log: Logger
  readonly tail: Tail
  readonly moved: () => void
}): ReplicationOptions['reader'] {
  const { name, place, log, tail, moved } = to
  let commit: Lsn = 0n
  const reached = (lsn: Lsn): void => {
    tail.reached(lsn)
    moved()
  }
  return {
    begin: (lsn) => void (commit = lsn),
    message: (prefix, content) => {
      if (prefix !== place.prefix) return
      const found = readMessage(content)
      if ('id' in found) tail.add(found)
      else {
        log.error(
          `A message in the log cannot be read and is passed over: ${found.unreadable}. To do: look at the transaction that commits at ${lsnText(commit)} (pg_walinspect), and publish again what it said`,
          { relay: name, slot: place.name, place: lsnText(commit) },
        )
      }
      moved()
    },
    commit: reached,
    position: reached,
  }
}

/** Delivers what is in the tail, until it is over. */
async function handOn(to: {
  readonly tail: Tail
  readonly news: WakeUp
  readonly moved: () => void
  readonly limits: WalLimits
  readonly over: AbortSignal
  readonly delivery: StreamOptions['delivery']
}): Promise<void> {
  const { tail, news, moved, limits, over } = to
  let inHand = 0
  const delivery = to.delivery(() => tail.waiting() > inHand)
  while (!over.aborted) {
    const batch = tail.next()
    if (batch.length === 0) {
      await news.wait(limits.poll)
      continue
    }
    inHand = batch.length
    const { sent, aside } = await delivery.deliver(batch, over)
    if (sent.length + aside.length === batch.length) tail.delivered(batch.length)
    else if (!over.aborted) throw new Error('another relay reads the log by now')
    else {
      // Those before the first that was left need not come again.
      const done = new Set([...sent, ...aside])
      tail.delivered(batch.findIndex((entry) => !done.has(entry)))
    }
    moved()
  }
}

/** Those who wait until all is delivered up to a place. */
function createWaiters({ deliveredTo }: Tail) {
  let waiters: { readonly upTo: Lsn; readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = []
  return {
    add: (upTo: Lsn): Promise<void> =>
      upTo <= deliveredTo()
        ? Promise.resolve()
        : new Promise((resolve, reject) => void (waiters = [...waiters, { upTo, resolve, reject }])),
    settle: (): void => {
      if (waiters.length === 0) return
      const delivered = deliveredTo()
      for (const { upTo, resolve } of waiters) if (upTo <= delivered) resolve()
      waiters = waiters.filter(({ upTo }) => upTo > delivered)
    },
    fail: (): void => {
      for (const { reject } of waiters) reject(new Error(OVER))
      waiters = []
    },
  }
}
