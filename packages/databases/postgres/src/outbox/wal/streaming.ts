import type { OutboxMessage } from 'dure/data'
import type { Delivery } from 'dure/data/internal'
import type { Runtime, Timer } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'
import type { ClientConfig } from 'pg'
import type { Backlog } from '../backlog.ts'
import type { Leases } from '../leases.ts'
import { rowOf } from '../rows.ts'
import { LANES } from '../schema.ts'
import { CHANNEL } from '../names.ts'
import { createWakeUp } from '../wake-up.ts'
import { uniqueName } from '../../names.ts'
import type { Bell } from './alarm.ts'
import { createCleaning } from './cleaning.ts'
import type { Control } from './control.ts'
import { createLedger, LANES_LOST, type Ledger } from './ledger.ts'
import type { WalLimits } from './limits.ts'
import { lsnOf, lsnText, type Lsn } from './lsn.ts'
import { readPayload } from './payload.ts'
import { openReplication, type Replication } from './replication.ts'
import { publicationAltered, publicationState, slotNamed, type Slot } from './slots.ts'
import { createTail, type Entry } from './tail.ts'

/** What a relay does while the log comes to it over one connection. */
export type Streaming = {
  /** Works until the connection is over, the slot or the lanes are lost, or it is told to leave. @throws what ended it */
  readonly serve: () => Promise<void>
  /** Resolves when all that is committed by now has been delivered; rejects when the stream ends before. */
  readonly flush: () => Promise<void>
  /** As the server said last. */
  readonly slot: () => Slot | undefined
  /** Whether it is this relay that the log comes to; otherwise it waits for another one to let go. */
  readonly serving: () => boolean
  readonly oldest: () => OutboxMessage | undefined
}

export type StreamingOptions = {
  readonly name: string
  readonly connection: ClientConfig
  readonly control: Control
  readonly slot: string
  readonly publication: string
  /** The lanes of the table, all of which it takes; or, without a table, the prefix of its messages. */
  readonly source: { readonly leases: Leases } | { readonly prefix: string }
  readonly runtime: Runtime
  readonly log: Logger
  readonly limits: WalLimits
  /** @param more whether others come behind those in hand */
  readonly delivery: (more: () => boolean) => Delivery<Entry>
  /** Finds out what has been set aside so far. */
  readonly known: () => Promise<void>
  readonly backlog: Backlog
  readonly bell: Bell
  /** Tells it to leave in good order. */
  readonly leave: AbortSignal
  readonly began: () => void
}

/** Milliseconds between looks at a slot or lanes that another relay has. */
const ELSEWHERE = 200
/** Milliseconds until what is counted is counted again, when nothing of it has come. */
const AGAIN = 25

export function createStreaming(options: StreamingOptions): Streaming {
  const { name, control, slot, source, runtime, log, limits, backlog, bell, leave } = options
  const { timers, clock } = runtime
  const { query } = control
  const over = new AbortController()
  const signal = createWakeUp(timers)
  const tail = createTail(limits)
  let inHand = 0
  const delivery = options.delivery(() => tail.waiting() > inHand)
  const leases = 'leases' in source ? source.leases : undefined
  const ledger: Ledger | undefined = leases && createLedger(control, leases)
  const { promise: failing, reject: fail } = Promise.withResolvers<never>()
  failing.catch(() => over.abort())
  let replication: Replication | undefined
  let since: Lsn = 0n
  let seen: Slot | undefined
  let sweepAt = clock.monotonic() + limits.rescan
  let sweeping: { readonly positions: readonly string[]; readonly before: Lsn } | undefined
  let flushes: { readonly upTo: Lsn; readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = []

  const settled = (): void => {
    if (tail.doneTo() > 0n) replication?.confirm(tail.doneTo())
    if (flushes.length === 0) return
    const delivered = tail.deliveredTo()
    for (const { upTo, resolve } of flushes) if (upTo <= delivered) resolve()
    flushes = flushes.filter(({ upTo }) => upTo > delivered)
  }
  const cleaning = createCleaning({
    remove: async (entries) => (ledger === undefined ? [] : ledger.remove(entries)),
    done: (entries) => {
      tail.done(entries)
      settled()
    },
    failed: fail,
    timers,
  })

  let commit: Lsn = 0n
  const reader = {
    begin: (lsn: Lsn) => void (commit = lsn),
    row: (raw: Parameters<typeof rowOf>[0], xid: string) => {
      tail.add(rowOf(raw), xid, commit)
      hold()
    },
    message: (prefix: string, content: string) => {
      if (!('prefix' in source) || prefix !== source.prefix) return
      const { messages, unreadable } = readPayload(content)
      for (const message of messages) tail.add({ position: 0, bucket: 0, message }, '', commit)
      for (const words of unreadable) {
        log.error(
          `A message in the log cannot be read and is passed over: ${words}. To do: look at the transaction that commits at ${lsnText(commit)} (pg_walinspect), and publish again what it said`,
          { relay: name, slot, place: lsnText(commit) },
        )
      }
      hold()
    },
    commit: (end: Lsn) => {
      tail.reached(end)
      hold()
    },
    position: (lsn: Lsn) => {
      tail.reached(lsn)
      hold()
    },
  }
  let holding = false
  /** Something came. What is too much is left at the server. */
  const hold = (): void => {
    if (!tail.empty()) signal.set()
    else settled()
    if (holding === tail.full() || replication === undefined) return
    holding = tail.full()
    if (holding) replication.pause()
    else replication.resume()
  }

  /** All lanes, from relays that let go of them or are gone. */
  const claim = async (mine: Leases): Promise<void> => {
    for (let told = false; !over.signal.aborted; await timers.sleep(ELSEWHERE, over.signal)) {
      const { wanting } = await mine.renew(query)
      if (mine.held().size === LANES) return
      if (wanting && !told) await query(`SELECT pg_notify(${CHANNEL}, 'lanes')`)
      told = true
    }
  }

  /** Whoever reads from the slot holds no lanes any more: a relay that died without a word, or is frozen. */
  const free = async (): Promise<void> => {
    for (let told = false; !over.signal.aborted; await timers.sleep(ELSEWHERE, over.signal)) {
      seen = await slotNamed(query, slot)
      if (seen?.pid === undefined) return
      await leases?.renew(query)
      if (leases !== undefined) await query('SELECT pg_terminate_backend($1)', [seen.pid])
      if (told) continue
      told = true
      const advice = leases === undefined ? 'it is waited for' : 'that is ended'
      log.info(`The replication slot is read by another process: ${advice}`, { relay: name, slot, pid: seen.pid })
    }
  }

  const deliver = async (batch: readonly Entry[]): Promise<void> => {
    // What committed before all lanes were ours may have been delivered by another relay.
    const earlier = ledger !== undefined && batch[0]!.commit < since
    const left = earlier ? await ledger.left(batch) : batch
    inHand = batch.length
    const { sent, aside } = await delivery.deliver(left, over.signal)
    const done = sent.length + aside.length
    if (over.signal.aborted && done === 0 && left.length > 0) return
    if (done < left.length) throw new Error(LANES_LOST)
    backlog.delivered(left.length)
    tail.delivered(batch)
    if (ledger === undefined || left.length < batch.length) {
      const kept = new Set(ledger === undefined ? [] : left)
      tail.done(batch.filter((entry) => !kept.has(entry)))
    }
    if (ledger !== undefined) cleaning.add(left)
    settled()
    hold()
  }

  const work = async (): Promise<void> => {
    while (!over.signal.aborted) {
      if (!tail.empty()) {
        await deliver(tail.next())
        continue
      }
      const unsure = ledger !== undefined && backlog.depth() > 0
      await signal.wait(unsure ? AGAIN : limits.poll)
      if (unsure && tail.empty() && !over.signal.aborted) await count()
    }
  }

  const count = async (): Promise<void> => {
    if (ledger === undefined) return
    const mark = backlog.mark()
    const rows = await ledger.count()
    backlog.looked(Math.max(0, rows - tail.undone()), mark)
  }

  /** Rows that the log does not tell of, because somebody put them back by hand, or a removal was lost in a crash. */
  const sweep = async (): Promise<void> => {
    if (ledger === undefined) return
    if (sweeping === undefined && clock.monotonic() > sweepAt) sweeping = await ledger.first()
    if (sweeping === undefined || tail.doneTo() < sweeping.before) return
    const found = sweeping.positions.length === 0 ? [] : await ledger.still(sweeping.positions)
    sweeping = undefined
    sweepAt = clock.monotonic() + limits.rescan
    if (found.length > 0)
      log.warn('The table of the outbox had rows that the log did not tell of', { relay: name, rows: found.length })
    for (const { row, xid } of found) tail.add(row, xid, 0n)
    hold()
  }

  const watch = async (): Promise<void> => {
    const [found, state] = await Promise.all([
      slotNamed(query, slot),
      publicationState(query, options.publication, ledger !== undefined),
    ])
    seen = found
    if (state === 'altered') throw new Error(publicationAltered(options.publication))
    if (seen === undefined || seen.status === 'lost')
      throw new Error(`the replication slot "${slot}" is ${seen?.status ?? 'gone'}`)
    bell.look(seen)
    if (ledger !== undefined && seen.held > limits.hold) throw new Error(TOO_MUCH)
  }

  let later: Timer | undefined
  const look = async (): Promise<void> => {
    if (leases !== undefined) {
      await leases.renew(query)
      if (leases.held().size < LANES) throw new Error(LANES_LOST)
    }
    await Promise.all([watch(), backlog.depth() > 0 || !tail.empty() ? count() : undefined])
    await sweep()
    lookLater()
  }
  const lookLater = (): void => {
    if (!over.signal.aborted) later = timers.after(limits.lease / 4, () => void look().catch(fail))
  }

  const end = (): void => {
    over.abort()
    signal.set()
  }
  over.signal.addEventListener('abort', signal.set)
  leave.addEventListener('abort', end)
  if (leave.aborted) end()

  const begin = async (): Promise<void> => {
    if (leases !== undefined) await claim(leases)
    await free()
    await options.known()
    if (over.signal.aborted) return
    const [[now, timeout] = []] = await query(
      `SELECT pg_current_wal_insert_lsn(), (SELECT setting::int FROM pg_settings WHERE name = 'wal_sender_timeout')`,
    )
    since = lsnOf(String(now))
    const interval = Number(timeout) === 0 ? limits.heartbeat : Math.min(limits.heartbeat, Math.max(50, Number(timeout) / 4))
    const patience = Math.max(Number(timeout), 2 * limits.heartbeat, 30_000)
    replication = await openReplication({
      ...{ slot, reader, runtime, interval, patience },
      connection: options.connection,
      publication: options.publication,
      name: uniqueName('application', 'dure', 'wal', name),
      messages: ledger === undefined,
    })
    // The control connection may have ended meanwhile: a server that is shut down would wait for this one for ever.
    if (over.signal.aborted) return replication.destroy(new Error('the stream is over'))
    void replication.over.then(fail)
    await count()
    options.began()
    lookLater()
  }

  const serve = async (): Promise<void> => {
    void control.over.then(fail)
    let working: Promise<void> | undefined
    try {
      await Promise.race([begin(), failing])
      working = work()
      await Promise.race([working, failing])
      if (!leave.aborted) await failing
      await Promise.race([cleaning.now(), failing])
      settled()
      await replication?.end()
    } finally {
      end()
      leave.removeEventListener('abort', end)
      later?.cancel()
      cleaning.cancel()
      replication?.destroy(new Error('the stream is over'))
      for (const { reject } of flushes) reject(new Error('the stream is over'))
      flushes = []
      // What is being delivered must not come after what the next connection brings.
      await working?.catch(() => {})
      // A connection that is broken half-way answers nothing: then the leases end by themselves.
      if (leases !== undefined) await Promise.race([leases.leave(query).catch(() => {}), control.over])
    }
  }

  /** Another relay delivers: the table tells when it has. */
  const elsewhere = async (table: Ledger): Promise<void> => {
    const last = await table.last()
    while (!(await table.emptyTo(last))) {
      if (over.signal.aborted) throw new Error('the stream is over')
      await timers.sleep(AGAIN, over.signal)
    }
  }

  return {
    serve,
    flush: async () => {
      if (replication === undefined && ledger !== undefined) return elsewhere(ledger)
      // Makes sure that the log goes on beyond what is committed by now, and is written out that far.
      await query(`SELECT pg_logical_emit_message(true, 'dure/flush', '')`)
      const [[place] = []] = await query('SELECT pg_current_wal_flush_lsn()')
      const upTo = lsnOf(String(place))
      if (over.signal.aborted) throw new Error('the stream is over')
      if (tail.deliveredTo() >= upTo) return
      const flushed = new Promise<void>((resolve, reject) => void (flushes = [...flushes, { upTo, resolve, reject }]))
      replication?.ask()
      await flushed
    },
    slot: () => seen,
    serving: () => replication !== undefined && !over.signal.aborted,
    oldest: () => tail.oldest()?.message,
  }
}

/** Thrown when the slot holds more than it may. */
export const TOO_MUCH = 'the replication slot holds more of the log than it may'
