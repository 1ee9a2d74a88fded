import { CallError } from 'dure/contract'
import type { OutboxMessage } from 'dure/data'
import type { Aside } from 'dure/data/internal'
import type { Runtime } from 'dure/runtime'
import { backoff, completeNumbers } from 'dure/runtime/internal'
import type { Logger } from 'dure/telemetry'
import type { ClientConfig } from 'pg'
import { createConditions, type Conditions } from './conditions.ts'
import { createRelay, type Relay, type RelayState } from './polling/polling.ts'
import { createWakeUp } from './wake-up.ts'
import {
  createLogRelay,
  explainRefusal,
  WAL_LIMITS,
  WAL_NUMBERS,
  type Alarm,
  type LogRelay,
  type Mode,
  type Slot,
  type WalLimits,
} from './wal/wal.ts'

export type WalRelayState = {
  /**
   * How messages are delivered at this moment. `standby`: another relay reads the log. `none`: the database cannot be
   * reached.
   */
  readonly by: Mode | 'standby' | 'none'
  readonly wanted: Mode
  /** Messages committed and not yet delivered: those in the table as of the last look, and those that have come from the log. */
  readonly depth: number
  /** When the oldest of them that is in hand was published (milliseconds since the epoch). */
  readonly oldest: number | undefined
  /** What the server said last of the slot, while this relay reads it. */
  readonly slot: (Slot & { readonly name: string }) | undefined
  /** What is wrong with the slot; undefined when nothing is. */
  readonly alarm: Alarm | undefined
  /** How often each alarm has rung. */
  readonly rung: Readonly<Record<Alarm['kind'], number>>
}

export type OutboxRelayOptions = {
  /** To the outbox's tables, … */
  readonly connection: ClientConfig
  /** … and to the database as a role that may replicate. */
  readonly reading: ClientConfig
  readonly name: string
  readonly mode: Mode
  readonly acceptLoss?: boolean | undefined
  readonly limits?: Partial<WalLimits> | undefined
  readonly runtime: Runtime
  readonly log: Logger
  readonly deliver: (messages: readonly OutboxMessage[]) => Promise<void>
  readonly aside?: Aside | undefined
}

export type OutboxRelay = {
  /** Resolves when the server and the role are known to do it. @throws {CallError} FAILED_PRECONDITION when they cannot */
  readonly fit: Promise<void>
  /** Resolves when messages are being delivered, by the table as long as there is no slot. Rejects as `fit` does. */
  readonly ready: Promise<void>
  readonly use: (mode: Mode) => Promise<void>
  readonly state: () => WalRelayState
  /** Of the table's part. */
  readonly polling: () => RelayState
  readonly flush: () => Promise<void>
  readonly stop: (options?: { readonly timeout?: number }) => Promise<void>
  /** A transaction of this process has committed these. */
  readonly committed: (messages: readonly OutboxMessage[]) => void
  /** Some of this process went into the log. */
  readonly logged: () => void
}

/**
 * Delivers an outbox: always what is in the table, and what is in the log where that is wanted or needed. Begins to work at
 * once, whether or not the database can be reached.
 */
export function createOutboxRelay(options: OutboxRelayOptions): OutboxRelay {
  const { connection, reading, name, runtime, log, deliver, aside, acceptLoss = false } = options
  const { timers, clock, random } = runtime
  const limits = completeNumbers('read the log with these limits', WAL_LIMITS, options.limits ?? {}, WAL_NUMBERS)
  const stopping = new AbortController()
  const { until, changed } = createConditions()
  const look = createWakeUp(timers)
  const fit = Promise.withResolvers<void>()
  let isFit = false
  /** Aborted to look again at what is wanted. */
  let interrupt = new AbortController()
  /** Nobody writes into the log, and nobody wants it. */
  let isIdle = false
  /** Why nothing is done any more. */
  let failed: CallError | undefined
  const over = (): boolean => stopping.signal.aborted || failed !== undefined
  const polling: Relay = createRelay({ connection, name, runtime, log, deliver, aside, limits: pollingLimits(limits) })
  const inLog = createLogRelay({
    ...{ relay: name, connection: reading, table: polling, runtime, log, limits, deliver, aside, acceptLoss, changed, fit: fits },
    stopping: stopping.signal,
  })

  function fits(): void {
    isFit = true
    fit.resolve()
  }
  const again = (): void => {
    isIdle = false
    interrupt.abort(new Error('it is looked at again'))
    look.set()
    changed()
  }

  const attend = async (): Promise<void> => {
    isIdle = false
    isIdle = (await inLog.attend(wanted.mode, interrupt.signal)) === 'idle'
    changed()
    if (isIdle) await look.wait(limits.rescan)
  }

  const tell = (error: unknown, first: boolean): void => {
    const misfit = explainRefusal(name, error)
    if (misfit !== undefined && first) log.error(misfit.message, { relay: name })
    const told = misfit ?? (error instanceof CallError ? error : undefined)
    if (told !== undefined && wanted.refused(told)) return
    if (misfit === undefined) {
      if (first) log.warn('The outbox relay lost the log; it keeps trying', { relay: name, error })
    } else if (wanted.mode() === 'polling') inLog.orphaned(misfit)
    else if (!isFit) failed = misfit
  }

  const live = async (): Promise<void> => {
    await polling.ready
    if (wanted.mode() === 'polling') fits()
    for (let failures = 0; !over();) {
      interrupt = new AbortController()
      const began = clock.monotonic()
      try {
        await attend()
        failures = 0
      } catch (error) {
        if (over() || interrupt.signal.aborted) continue
        if (clock.monotonic() - began > limits.lease) failures = 0
        tell(error, failures++ === 0)
        changed()
        const [first, max] = limits.backoff
        await timers.sleep(backoff({ first, max }, failures, random), interrupt.signal)
      }
    }
    if (failed !== undefined) await polling.stop({ timeout: 0 })
    fit.reject(stopped())
    changed()
  }
  const stopped = (): CallError =>
    failed ??
    new CallError('UNAVAILABLE', `Waiting for the outbox relay "${name}" failed: it stopped with ${depth()} messages left`)

  const depth = (): number => polling.state().depth + inLog.depth()

  const wanted = createWanted({
    ...{ name, mode: options.mode, until, stopped: () => (over() ? stopped() : undefined) },
    changed: again,
    by: () => (isIdle ? 'polling' : inLog.by()),
  })
  const living = live()

  const flush = async (): Promise<void> => {
    while (!over()) {
      if ((await settled(polling.flush().then(() => inLog.flush(stopping.signal)))) && !over()) return
      await timers.sleep(limits.backoff[0], stopping.signal)
    }
    throw stopped()
  }

  return {
    fit: fit.promise,
    ready: polling.ready.then(() => fit.promise),
    use: wanted.use,
    state: () => stateOf(inLog, polling.state(), wanted.mode(), depth()),
    polling: polling.state,
    flush,
    stop: async ({ timeout = 5_000 } = {}) => {
      const done = new AbortController()
      const late = timers.sleep(timeout, done.signal)
      if (!over()) await Promise.race([flush().catch(() => {}), late])
      if (inLog.depth() > 0) log.warn(LEFT, { relay: name, depth: inLog.depth() })
      stopping.abort()
      again()
      await Promise.all([Promise.race([living, late]), polling.stop({ timeout: Math.min(timeout, 1_000) })])
      done.abort()
    },
    committed: (messages) => {
      if (inLog.by() !== undefined) return
      polling.committed(messages)
    },
    // Somebody else has switched, and may be gone by now.
    logged: () => {
      if (isIdle) look.set()
    },
  }
}

/** The way that is wanted, and who waits for it. */
function createWanted(options: {
  readonly name: string
  readonly mode: Mode
  /** The way that delivers; `standby`: another relay reads the log. */
  readonly by: () => Mode | 'standby' | undefined
  readonly until: Conditions['until']
  readonly stopped: () => CallError | undefined
  /** Another one is wanted than before. */
  readonly changed: () => void
}) {
  const { name, by, until, stopped, changed } = options
  let wanted = options.mode
  let wish: { readonly before: Mode; error?: CallError } | undefined
  const failure = (code: 'ABORTED' | 'FAILED_PRECONDITION', mode: Mode, why: string): CallError =>
    new CallError(code, `Switching the outbox "${name}" to ${mode === 'wal' ? 'the log' : 'polling'} failed: ${why}`)

  return {
    mode: (): Mode => wanted,
    /** It cannot be. @returns whether somebody is told who asked for it: then it is as before */
    refused: (error: CallError): boolean => {
      if (wish === undefined) return false
      wish.error = error
      wanted = wish.before
      return true
    },
    use: async (mode: Mode): Promise<void> => {
      const own: NonNullable<typeof wish> = { before: wanted }
      wish = own
      if (wanted !== mode) {
        wanted = mode
        changed()
      }
      const there = (): boolean => by() === mode || (mode === 'wal' && by() === 'standby')
      const elsewhere = (): boolean => mode === 'polling' && by() === 'standby'
      const over = (): boolean => stopped() !== undefined || there() || elsewhere() || own.error !== undefined
      await until(() => over() || wish !== own)
      const overtaken = wish !== own
      if (!overtaken) wish = undefined
      const error = stopped() ?? own.error
      if (error !== undefined) throw error
      if (there() && wanted === mode) return
      if (overtaken) throw failure('ABORTED', mode, `"${wanted}" was asked for meanwhile`)
      throw failure('FAILED_PRECONDITION', mode, 'another relay reads the log. To do: ask that one, or stop it')
    },
  }
}

function settled(task: Promise<void>): Promise<boolean> {
  return task.then(
    () => true,
    () => false,
  )
}

function stateOf(inLog: LogRelay, table: RelayState, wanted: Mode, depth: number): WalRelayState {
  return {
    by: inLog.by() ?? (table.connected ? 'polling' : 'none'),
    wanted,
    depth,
    oldest: table.oldest ?? inLog.oldest()?.time,
    slot: inLog.slot(),
    alarm: inLog.alarm(),
    rung: inLog.rung(),
  }
}

const LEFT = 'The outbox relay stopped with messages left; the next one delivers them'

/** Those that are not the log's alone. */
function pollingLimits({
  heartbeat: _,
  lag: __,
  drain: ___,
  ...limits
}: WalLimits): Omit<WalLimits, 'heartbeat' | 'lag' | 'drain'> {
  return limits
}
