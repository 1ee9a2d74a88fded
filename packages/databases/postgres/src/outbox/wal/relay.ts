import { backoff, completeNumbers } from 'dure/runtime/internal'
import { CallError } from 'dure/contract'
import type { SqlTransaction } from 'dure/data'
import { createDelivery } from 'dure/data/internal'
import { createBacklog } from '../backlog.ts'
import { createLeases, WAL_RELAY, oursIn } from '../leases.ts'
import { createRelay, type Relay, type RelayOptions } from '../polling/polling.ts'
import { createWakeUp } from '../wake-up.ts'
import { createBell, type Alarm } from './alarm.ts'
import { createConditions } from './conditions.ts'
import type { Control } from './control.ts'
import { WAL_LIMITS, WAL_NUMBERS, type WalLimits } from './limits.ts'
import { prefixOf } from './payload.ts'
import { checkServer, explainRefusal, unfit } from './requirements.ts'
import { createSlotLifecycle } from './slot-lifecycle.ts'
import type { Slot } from './slots.ts'
import type { Entry } from './tail.ts'
import { createStreaming, type Streaming } from './streaming.ts'

export type Mode = 'wal' | 'polling'

export type WalRelayState = {
  /**
   * How messages are delivered at this moment. `standby`: another relay reads the log. `none`: the database cannot be
   * reached, or there is nothing left that could be read.
   */
  readonly by: Mode | 'standby' | 'none'
  readonly wanted: Mode
  /** Messages committed and not yet delivered: with the table all there are, as of the last look; without it what is known here. */
  readonly depth: number
  /** When the oldest of them that is in hand was published (milliseconds since the epoch). */
  readonly oldest: number | undefined
  /** What the server said last of the slot. */
  readonly slot: (Slot & { readonly name: string }) | undefined
  /** What is wrong with the slot; undefined when nothing is. */
  readonly alarm: Alarm | undefined
  /** How often each alarm has rung. */
  readonly rung: Readonly<Record<Alarm['kind'], number>>
}

export type WalRelayOptions = Omit<RelayOptions, 'limits'> & {
  readonly limits?: Partial<WalLimits> | undefined
  /** The service whose messages are in the log alone; undefined: there is a table. */
  readonly service?: string | undefined
  readonly slot?: string | undefined
  readonly acceptLoss?: boolean | undefined
  readonly way?: Mode | undefined
}

export type WalRelay = {
  /**
   * Resolves when messages are being delivered, by the log or (until the slot is made) by polling.
   * Rejects with a CallError FAILED_PRECONDITION when the server or the role cannot do it, which says what to do.
   */
  readonly ready: Promise<void>
  /** Goes over to the other way, while messages are published; resolves when it is the one that delivers. */
  readonly use: (way: Mode) => Promise<void>
  readonly state: () => WalRelayState
  /** Resolves when all that is committed by now has been delivered, by this relay or another. */
  readonly flush: () => Promise<void>
  /** Waits up to `timeout` milliseconds (default 5,000) for delivery, then stops. The slot stays for the next start. */
  readonly stop: (options?: { readonly timeout?: number }) => Promise<void>
}

/** What the process that publishes tells its relay: there is something new, as far as it does not come from the log. Cheap. */
type Told = Pick<Relay, 'wake' | 'tell' | 'committed'>

/**
 * `fit` settles sooner than `ready`: the server and the role can do it, and what is published from now on will be found. Who
 * has the lanes or the slot of a process that was killed may keep them for a lease yet.
 */
type Fit = { readonly fit: Promise<void> }

/**
 * Delivers the outbox by the way that is wanted: from the log, with polling while there is no slot, or by polling alone.
 * Begins to work at once, whether or not the database can be reached.
 */
export function createWalRelay(options: WalRelayOptions): WalRelay & Told & Fit {
  const { connection, name, runtime, log, deliver, aside, service, acceptLoss = false } = options
  const { timers, clock, random } = runtime
  const limits = completeNumbers('tail the log with these limits', WAL_LIMITS, options.limits ?? {}, WAL_NUMBERS)
  const table = service === undefined
  const stopping = new AbortController()
  const backlog = createBacklog()
  const { until, changed: moved } = createConditions()
  const changed = createWakeUp(timers)
  const { promise: ready, resolve: isReady, reject: notReady } = Promise.withResolvers<void>()
  const { promise: fit, resolve: isFit, reject: notFit } = Promise.withResolvers<void>()
  let working = false
  ready.then(isFit, notFit)
  fit.then(
    () => (working = true),
    () => {},
  )
  let wanted: Mode = options.way ?? 'wal'
  let polling: Relay | undefined
  let streaming: Streaming | undefined
  /** Aborted to leave what is being done, because something else is wanted. */
  let leaving = new AbortController()
  /** Why nothing will be delivered any more. */
  let failed: CallError | undefined
  const bell = createBell({ relay: name, slot: () => slot.name(), table, limits, clock, log })
  const over = (): boolean => stopping.signal.aborted || failed !== undefined

  const poll = async (): Promise<void> => {
    if (!table || polling !== undefined) return
    polling = createRelay({ connection, name, runtime, log, deliver, aside, limits })
    await polling.ready
    isReady()
    moved()
  }
  const pollNoMore = async (timeout: number): Promise<void> => {
    const ending = polling
    polling = undefined
    await ending?.stop({ timeout })
  }

  const slot = createSlotLifecycle({
    ...{ relay: name, connection, slot: options.slot, service, runtime, log, limits, bell },
    table: table ? { poll, flush: () => polling!.flush() } : undefined,
    leaving: () => leaving.signal,
    fail: (error) => void (failed = error),
  })

  /** One connection's worth of the log. */
  const byLog = async (): Promise<void> => {
    const control = await slot.open()
    try {
      await checkServer(control.query, { relay: name, table, acceptLoss })
      if (!(await slot.readable(control))) return
      isFit()
      await follow(control)
    } finally {
      void control.end()
    }
  }

  const follow = async (control: Control): Promise<void> => {
    slot.taken()
    const leases = table
      ? createLeases({ relay: `${WAL_RELAY}${name}/${runtime.ids.next()}`, lease: limits.lease, clock, all: true })
      : undefined
    const leave = leaving.signal
    streaming = createStreaming({
      ...{ name, connection, control, runtime, log, limits, backlog, bell, leave },
      slot: slot.name(),
      publication: slot.publication(),
      source: leases === undefined ? { prefix: prefixOf(service!) } : { leases },
      delivery: (more) =>
        createDelivery<Entry>({
          ...{ name, runtime, log, backoff: limits.backoff, patience: limits.patience, deliver, aside, more },
          ours: leases && oursIn(leases),
          remove: async (tx: SqlTransaction, entries) => leases?.remove(tx, entries),
        }),
      known: async () => aside?.reload(),
      began: () => {
        slot.serves()
        log.info('The outbox is delivered from the log', { relay: name, slot: slot.name() })
        void pollNoMore(0)
        isReady()
        moved()
      },
    })
    moved()
    try {
      await streaming.serve()
    } catch (error) {
      await slot.ended(error, control)
      throw error
    } finally {
      streaming = undefined
      moved()
    }
  }

  const byPolling = async (): Promise<void> => {
    await poll()
    const clear = await slot.leave()
    await changed.wait(clear ? 60_000 : limits.comeBack[1])
  }

  const live = async (): Promise<void> => {
    for (let failures = 0; !over();) {
      leaving = new AbortController()
      const began = clock.monotonic()
      try {
        await (wanted === 'wal' ? byLog() : byPolling())
      } catch (error) {
        if (over() || leaving.signal.aborted) continue
        const misfit = refusal(error)
        if (misfit !== undefined) await cannot(misfit)
        if (clock.monotonic() - began > limits.lease) failures = 0
        if (failures++ === 0 && misfit === undefined) {
          log.warn('The outbox relay lost the log; it keeps trying', { relay: name, slot: slot.name(), error })
        }
        const [first, max] = polling === undefined ? limits.backoff : limits.comeBack
        await timers.sleep(backoff({ first, max }, failures, random), leaving.signal)
      }
    }
    await pollNoMore(1_000)
    notReady(stopped())
    moved()
  }

  const refusal = (error: unknown): CallError | undefined =>
    error instanceof CallError && error.code === 'FAILED_PRECONDITION'
      ? error
      : explainRefusal(name, error, slot.publication(), table)

  /** The server's settings or our rights do not do: at the start that is an error, later the table is delivered. */
  const cannot = async (error: CallError): Promise<void> => {
    log.error(error.message, { relay: name })
    if (!working) {
      failed = error
      notReady(error)
    } else await poll()
  }

  const living = live()

  const stopped = (): CallError =>
    failed ??
    new CallError(
      'UNAVAILABLE',
      `Waiting for the outbox relay "${name}" failed: it stopped with ${backlog.depth()} messages left`,
    )

  const flush = async (): Promise<void> => {
    for (;;) {
      await until(() => over() || streaming !== undefined || polling !== undefined)
      if (over()) throw stopped()
      const [by, relay] = [streaming, polling]
      try {
        // While one takes over from the other, it is the one that is there already which delivers.
        return await (by !== undefined && (by.serving() || relay === undefined) ? by.flush() : relay!.flush())
      } catch {
        await until(() => over() || streaming !== by || polling !== relay || by?.serving() === true)
      }
    }
  }

  const state = (): WalRelayState => {
    const seen = streaming?.slot()
    const byPoll = polling?.state()
    return {
      by:
        streaming?.serving() === true ? 'wal' : polling !== undefined ? 'polling' : streaming !== undefined ? 'standby' : 'none',
      wanted,
      depth: byPoll?.connected === true ? byPoll.depth : backlog.depth(),
      oldest: byPoll?.oldest ?? streaming?.oldest()?.time,
      slot: seen === undefined ? undefined : { ...seen, name: slot.name() },
      alarm: bell.ringing(),
      rung: bell.rung(),
    }
  }

  return {
    ready,
    fit,
    use: async (way) => {
      if (!table && way === 'polling') {
        throw unfit(name, 'without the table there is nothing to poll', 'publish with the table')
      }
      wanted = way
      moved()
      const there = (): boolean =>
        way === 'wal' ? streaming?.serving() === true : streaming === undefined && polling !== undefined
      if (!there()) {
        leaving.abort(new Error('another way is wanted'))
        changed.set()
      }
      await until(() => over() || there() || wanted !== way)
      if (over()) throw stopped()
      if (!there()) {
        const text = `Going over to ${way === 'wal' ? 'the log' : 'polling'} failed for the outbox relay "${name}": "${wanted}" was asked for meanwhile`
        throw new CallError('ABORTED', text)
      }
    },
    state,
    flush,
    stop: async ({ timeout = 5_000 } = {}) => {
      const done = new AbortController()
      const late = timers.sleep(timeout, done.signal)
      const inTime = (task: Promise<unknown>): Promise<unknown> => Promise.race([task, late])
      if (!over()) await inTime(flush().catch(() => {}))
      stopping.abort()
      leaving.abort(stopped())
      changed.set()
      moved()
      const { by } = state()
      await inTime(living)
      done.abort()
      if (by !== 'polling' && backlog.depth() > 0) {
        log.warn('The outbox relay stopped with messages left; the next one delivers them', {
          relay: name,
          depth: backlog.depth(),
        })
      }
    },
    wake: () => polling?.wake(),
    tell: () => polling?.tell(),
    committed: (messages) => {
      backlog.committed(messages)
      polling?.committed(messages)
    },
  }
}
