import { CallError } from 'dure/contract'
import type { OutboxMessage } from 'dure/data'
import { createBackoff } from 'dure/resilience'
import type { Runtime } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'
import type { ClientConfig } from 'pg'
import { createDelivery, createGauge, createLeases, createRelay, createSignal, LOG_RELAY, type Relay } from '../outbox/outbox.ts'
import { createBell, type Alarm } from './alarm.ts'
import { openControl, type Control } from './control.ts'
import { LOG_LIMITS, type LogLimits } from './limits.ts'
import { makeSlot, makeSlotForMessages } from './making.ts'
import { prefixOf } from './payload.ts'
import { checkServer, explainRefusal, unfit } from './requirements.ts'
import { dropSlot, hasPublication, slotNamed, slotOfService, slotOfTable, type Slot } from './slots.ts'
import { createStreaming, TOO_MUCH, type Streaming } from './streaming.ts'

export type Way = 'log' | 'polling'

export type LogRelayState = {
  /**
   * How messages are delivered at this moment. `standby`: another relay reads the log. `none`: the database cannot be
   * reached, or there is nothing left that could be read.
   */
  readonly by: Way | 'standby' | 'none'
  readonly wanted: Way
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

export type LogRelayOptions = {
  readonly connection: ClientConfig
  readonly name: string
  readonly runtime: Runtime
  readonly log: Logger
  readonly deliver: (messages: readonly OutboxMessage[]) => Promise<void>
  readonly limits?: Partial<LogLimits> | undefined
  /** The service whose messages are in the log alone; undefined: there is a table. */
  readonly service?: string | undefined
  readonly slot?: string | undefined
  readonly acceptLoss?: boolean | undefined
  readonly way?: Way | undefined
}

/** @see logRelay */
export type LogRelay = {
  readonly ready: Promise<void>
  readonly use: (way: Way) => Promise<void>
  readonly state: () => LogRelayState
  readonly flush: () => Promise<void>
  readonly stop: (options?: { readonly timeout?: number }) => Promise<void>
  /** There is something new, as far as it does not come from the log; cheap. */
  readonly wake: () => void
  readonly tell: () => void
  readonly committed: (messages: number) => void
}

/** Begins to work at once, whether or not the database can be reached. */
export function createLogRelay(options: LogRelayOptions): LogRelay {
  const { connection, name, runtime, log, deliver, service, acceptLoss = false } = options
  const { timers, clock, random } = runtime
  const limits = { ...LOG_LIMITS, ...options.limits }
  const table = service === undefined
  const stopping = new AbortController()
  const gauge = createGauge()
  const changed = createSignal(timers)
  const comeBack = createBackoff({ random, policy: { base: limits.comeBack[0], longest: limits.comeBack[1] } })
  const again = createBackoff({ random, policy: { base: limits.backoff[0], longest: limits.backoff[1] } })
  const { promise: ready, resolve: isReady, reject: notReady } = Promise.withResolvers<void>()
  ready.catch(() => {})
  let wanted: Way = options.way ?? 'log'
  let slot = options.slot ?? ''
  let publication = ''
  let polling: Relay | undefined
  let streaming: Streaming | undefined
  /** Aborted to leave what is being done, because something else is wanted. */
  let leaving = new AbortController()
  /** Why nothing will be delivered any more. */
  let failed: CallError | undefined
  /** A slot was there in the life of this relay: that there is none is a loss. */
  let had = false
  let fruitless = 0
  let waiters: { readonly resolve: () => void; readonly until: () => boolean }[] = []
  const bell = createBell({ relay: name, slot: () => slot, table, limits, clock, log })

  /** The way or the state is another one: who waits for that looks again. */
  const moved = (): void => {
    const now = waiters.filter(({ until }) => until())
    waiters = waiters.filter((waiter) => !now.includes(waiter))
    for (const { resolve } of now) resolve()
  }
  const until = (condition: () => boolean): Promise<void> =>
    condition() ? Promise.resolve() : new Promise((resolve) => void (waiters = [...waiters, { resolve, until: condition }]))
  const over = (): boolean => stopping.signal.aborted || failed !== undefined

  const poll = async (): Promise<void> => {
    if (!table || polling !== undefined) return
    polling = createRelay({ connection, name, runtime, log, deliver, limits })
    await polling.ready
    isReady()
    moved()
  }
  const pollNoMore = async (timeout: number): Promise<void> => {
    const ending = polling
    polling = undefined
    await ending?.stop({ timeout })
  }

  const open = async (): Promise<Control> => {
    const control = await openControl({ connection, name: `dure log control ${name}` })
    const named = service === undefined ? await slotOfTable(control.query) : await slotOfService(control.query, service)
    slot = options.slot ?? named.slot
    publication = named.publication
    return control
  }

  /** One connection's worth of the log. */
  const byLog = async (): Promise<void> => {
    const control = await open()
    try {
      await checkServer(control.query, { relay: name, table, acceptLoss })
      const found = await slotNamed(control.query, slot)
      if (found !== undefined && found.status !== 'lost') {
        if (await hasPublication(control.query, publication)) return await follow(control)
        // A publication that is made anew does not publish what the slot still has to tell.
        log.warn('The publication of the replication slot is gone, and the slot cannot be read without it', { relay: name, slot })
        had = false
        if (table) await dropWhenFree(control)
      }
      if (table) await goOver(control, found?.status === 'lost' ? found : undefined)
      else await beginMessages(control, found)
    } finally {
      void control.end()
    }
  }

  const follow = async (control: Control): Promise<void> => {
    had = true
    const leases = table
      ? createLeases({ relay: `${LOG_RELAY}${name}/${runtime.ids.next()}`, lease: limits.lease, clock, all: true })
      : undefined
    const lanes = leases?.held ?? ((): { has: () => boolean } => ({ has: () => true }))
    const leave = leaving.signal
    streaming = createStreaming({
      ...{ name, connection, control, slot, publication, runtime, log, limits, gauge, bell, leave },
      source: leases === undefined ? { prefix: prefixOf(service!) } : { leases },
      delivery: createDelivery({ name, runtime, log, backoff: limits.backoff, deliver, lanes }),
      began: () => {
        fruitless = 0
        if (bell.ringing()?.kind !== 'lag') bell.quiet()
        log.info('The outbox is delivered from the log', { relay: name, slot })
        void pollNoMore(0)
        isReady()
        moved()
      },
    })
    moved()
    try {
      await streaming.serve()
    } catch (error) {
      await ended(error, control)
      throw error
    } finally {
      streaming = undefined
      moved()
    }
  }

  /** The stream broke off. Whether the slot is gone shows when it is looked at again; some things only the error says. */
  const ended = async (error: unknown, control: Control): Promise<void> => {
    const said = error instanceof Error ? error.message : String(error)
    if (said === TOO_MUCH) {
      bell.ring(
        'let-go',
        `The relay "${name}" let go of the replication slot "${slot}", which held more of the log than it may, and delivers from the table. To do: see why nothing was delivered (is the broker reachable?); it goes back to the log by itself`,
      )
      await dropWhenFree(control)
    } else if (/publication .* does not exist/i.test(said)) {
      log.warn('The replication slot cannot be read: its publication was made after it', { relay: name, slot })
      await dropWhenFree(control)
    }
  }

  const dropWhenFree = async ({ query }: Control): Promise<void> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return void (await dropSlot(query, slot))
      } catch (error) {
        if ((error as { code?: string }).code !== '55006' || attempt === 100) throw error
        await timers.sleep(50, leaving.signal)
      }
    }
  }

  /** There is no slot, or no use in it: the table is delivered by polling, and a new slot is made meanwhile. */
  const goOver = async (control: Control, found: Slot | undefined): Promise<void> => {
    if (found !== undefined || (had && bell.ringing()?.kind !== 'let-go')) {
      const [state, advice] =
        found === undefined
          ? ['gone: somebody has removed it', 'see who, and leave it to the relay']
          : ['lost: the server dropped what it held', 'if this comes again, give the log more room (max_slot_wal_keep_size)']
      bell.ring(
        'lost',
        `The replication slot "${slot}" is ${state}. Nothing is lost, the relay "${name}" delivers from the table and makes a new slot. To do: ${advice}`,
      )
    }
    had = false
    await poll()
    if (fruitless++ > 0) await timers.sleep(comeBack.delay(fruitless), leaving.signal)
    if (leaving.signal.aborted) return
    const made = await makeSlot({
      ...{ name, control, slot, publication, runtime, log },
      drain: limits.drain,
      flush: polling!.flush,
      signal: leaving.signal,
    })
    if (!made) await timers.sleep(limits.poll, leaving.signal)
  }

  const beginMessages = async (control: Control, found: Slot | undefined): Promise<void> => {
    if (had || found !== undefined) {
      const text =
        `The replication slot "${slot}" is ${found === undefined ? 'gone' : 'lost'}, and with it what the relay "${name}" had not delivered. ` +
        'To do: find what was published since then in the tables of the service, publish it again, remove the slot (`removeSlot`) and start again'
      bell.ring('lost', text)
      throw (failed = new CallError('DATA_LOSS', text))
    }
    log.warn('A replication slot is made: what was published before is not delivered', { relay: name, slot })
    await makeSlotForMessages(control, slot, publication, leaving.signal)
  }

  /** Polling is wanted: a slot that nobody reads would hold the log until the disk is full. */
  const byPolling = async (): Promise<void> => {
    await poll()
    const control = await open()
    let clear = true
    try {
      const left = await slotNamed(control.query, slot)
      const others = await control.query(OTHERS)
      // Another relay that reads the log is left all lanes, and looks after its slot.
      clear = left === undefined || left.pid !== undefined || others.length > 0 || (await dropped(control))
    } finally {
      void control.end()
    }
    await changed.wait(clear ? 60_000 : limits.comeBack[1])
  }

  const dropped = async ({ query }: Control): Promise<boolean> => {
    try {
      await dropSlot(query, slot)
      if (bell.ringing() !== undefined) bell.quiet()
      log.info('The replication slot is removed: the outbox is delivered by polling', { relay: name, slot })
      return true
    } catch (error) {
      const said = error instanceof Error ? error.message : String(error)
      bell.ring(
        'orphan',
        `The outbox "${name}" is delivered by polling, and its replication slot "${slot}" is there still: it holds the log until the disk is full. It could not be removed (${said}). To do: SELECT pg_drop_replication_slot('${slot}')`,
      )
      return false
    }
  }

  const live = async (): Promise<void> => {
    for (let failures = 0; !over();) {
      leaving = new AbortController()
      const began = clock.monotonic()
      try {
        await (wanted === 'log' ? byLog() : byPolling())
      } catch (error) {
        if (over() || leaving.signal.aborted) continue
        const misfit = refusal(error)
        if (misfit !== undefined) await cannot(misfit)
        if (clock.monotonic() - began > limits.lease) failures = 0
        if (failures++ === 0 && misfit === undefined) {
          log.warn('The outbox relay lost the log; it keeps trying', { relay: name, slot, error })
        }
        const delay = polling === undefined ? again.delay(failures) : comeBack.delay(failures)
        await timers.sleep(delay, leaving.signal)
      }
    }
    await pollNoMore(1_000)
    moved()
  }

  const refusal = (error: unknown): CallError | undefined =>
    error instanceof CallError && error.code === 'FAILED_PRECONDITION' ? error : explainRefusal(name, error, publication, table)

  let working = false
  void ready.then(
    () => (working = true),
    () => {},
  )
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
    new CallError('UNAVAILABLE', `Waiting for the outbox relay "${name}" failed: it stopped with ${gauge.depth()} messages left`)

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

  const state = (): LogRelayState => {
    const seen = streaming?.slot()
    const byPoll = polling?.state()
    return {
      by:
        streaming?.serving() === true ? 'log' : polling !== undefined ? 'polling' : streaming !== undefined ? 'standby' : 'none',
      wanted,
      depth: byPoll?.connected === true ? byPoll.depth : gauge.depth(),
      oldest: byPoll?.oldest ?? streaming?.oldest()?.time,
      slot: seen === undefined ? undefined : { ...seen, name: slot },
      alarm: bell.ringing(),
      rung: bell.rung(),
    }
  }

  return {
    ready,
    use: async (way) => {
      if (!table && way === 'polling') {
        throw unfit(name, 'without the table there is nothing to poll', 'publish with the table')
      }
      wanted = way
      const right = way === 'log' ? streaming?.serving() === true : streaming === undefined && polling !== undefined
      if (!right) {
        leaving.abort(new Error('another way is wanted'))
        changed.set()
      }
      await until(
        () => over() || (way === 'log' ? streaming?.serving() === true : streaming === undefined && polling !== undefined),
      )
      if (over()) throw stopped()
    },
    state,
    flush,
    stop: async ({ timeout = 5_000 } = {}) => {
      const inTime = (task: Promise<unknown>): Promise<unknown> => {
        const done = new AbortController()
        return Promise.race([task, timers.sleep(timeout, done.signal)]).finally(() => done.abort())
      }
      if (!over()) await inTime(flush().catch(() => {}))
      stopping.abort()
      leaving.abort(stopped())
      changed.set()
      moved()
      const { by } = state()
      await inTime(living)
      if (by !== 'polling' && gauge.depth() > 0) {
        log.warn('The outbox relay stopped with messages left; the next one delivers them', { relay: name, depth: gauge.depth() })
      }
    },
    wake: () => polling?.wake(),
    tell: () => polling?.tell(),
    committed: (messages) => {
      gauge.committed(messages)
      polling?.committed(messages)
    },
  }
}

const OTHERS = `SELECT 1 FROM dure_outbox_relays WHERE relay LIKE '${LOG_RELAY}%' AND expires > clock_timestamp()`
