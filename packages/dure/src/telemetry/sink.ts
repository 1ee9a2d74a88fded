import { type Runtime, type Timer } from '../runtime/runtime.ts'
import { aliveFor, backoff, completeNumbers, COUNT, WAIT, WAIT_OR_NONE, type Ranges } from '../runtime/internal.ts'
import type { Logger } from './log.ts'
import type { LogRecord } from './log-tap.ts'
import type { Metrics } from './metrics.ts'
import type { Span } from './span.ts'

/** The TelemetrySink port: where spans and log lines go. Whoever hands them over never waits. */
export type TelemetrySink = {
  readonly name: string
  /** Takes a span, or drops and counts it when there is no room. Never throws. */
  readonly take: (span: Span) => void
  /** The same for a log line; undefined: it takes none. */
  readonly log?: (line: LogRecord) => void
  /** Spans and lines lost since the start. */
  readonly dropped: () => number
  /** Resolves when all that was taken has been delivered, or dropped. */
  readonly flush: () => Promise<void>
  /** Delivers what it can in a short while, `timeout` milliseconds at most, drops the rest, ends. Idempotent. */
  readonly stop: (options?: { readonly timeout?: number }) => Promise<void>
}

/** Makes a sink when a system starts. */
export type Exporter = (world: ExporterWorld) => TelemetrySink

export type ExporterWorld = {
  readonly system: string
  /** A folder of the system's own. */
  readonly directory: string
  readonly runtime: Runtime
  readonly log: Logger
  readonly metrics: Metrics
  /** Which build of the system this is; undefined: nobody says. */
  readonly version?: string | undefined
}

export type SinkLimits = {
  /** Spans kept in memory, and as many log lines; more are dropped. Default 4,096. */
  readonly capacity: number
  /** Spans delivered at once, at most. Default 512. */
  readonly batch: number
  /** Milliseconds between a first span and its delivery. Default 1,000. */
  readonly interval: number
  /** Tries of one batch before it is dropped. Default 8. */
  readonly attempts: number
  /** Milliseconds a stop may take. Default 2,000. */
  readonly shutdownTimeout: number
}

export const SINK_LIMITS: SinkLimits = { capacity: 4_096, batch: 512, interval: 1_000, attempts: 8, shutdownTimeout: 2_000 }

const NUMBERS: Ranges<SinkLimits> = {
  capacity: COUNT,
  batch: COUNT,
  interval: WAIT,
  attempts: COUNT,
  shutdownTimeout: WAIT_OR_NONE,
}

/** Milliseconds; a receiver that asks for more does not get it. */
const BACKOFF = { first: 500, max: 30_000 }

/**
 * Rejected with this, a batch is not tried again: it is lost, or only so many of its spans are.
 *
 * @example
 * ```ts
 * import { UndeliverableError } from 'dure/telemetry'
 *
 * // In an exporter of your own, when sending the batch again would not help: it is dropped, and counted.
 * const error = new UndeliverableError('The collector refused the batch: 400')
 * console.log(error instanceof UndeliverableError) // → true
 * ```
 */
export class UndeliverableError extends Error {
  override readonly name = 'UndeliverableError'
  readonly lost: number | undefined

  constructor(message: string, lost?: number) {
    super(message)
    this.lost = lost
  }
}

/** A sink of one kind of thing. */
export type BatchingSink<Item> = Omit<TelemetrySink, 'take' | 'log'> & { readonly take: (item: Item) => void }

/**
 * A sink that gathers spans, or whatever there are many of, and delivers them in batches, one at a time: what fails is tried
 * again after a pause that doubles, with jitter, while later ones wait up to the limit.
 */
export function batchingSink<Item = Span>(options: {
  name: string
  runtime: Runtime
  log: Logger
  /** Delivers a batch; the signal fires when nobody waits any longer. An error's `retryAfter` (milliseconds) is heeded. */
  deliver: (items: readonly Item[], signal: AbortSignal) => Promise<void> | void
  /** Called when all is delivered or dropped; the signal is the same. */
  close?: (signal: AbortSignal) => Promise<void> | void
  limits?: Partial<SinkLimits>
}): BatchingSink<Item> {
  const { name, runtime, log, deliver } = options
  const { timers, random } = runtime
  const limits = completeNumbers(`deliver telemetry to "${name}"`, SINK_LIMITS, options.limits ?? {}, NUMBERS)
  const waiting: Item[] = []
  const end = new AbortController()
  const ended = Promise.withResolvers<never>()
  ended.promise.catch(() => {})
  end.signal.addEventListener('abort', () => ended.reject(new Error('Nobody waits for it any longer')))
  let dropped = 0
  let timer: Timer | undefined
  let working: Promise<void> | undefined
  let stopping: Promise<void> | undefined
  let wake = (): void => {}
  let troubled = false

  const drop = (count: number): void => {
    dropped += waiting.splice(0, count).length
  }
  /** A pause that doubles, with jitter; longer when the receiver asks for it. */
  const waitOf = (error: unknown, failures: number): number => {
    const asked = (error as { retryAfter?: number } | null)?.retryAfter ?? 0
    return Math.min(BACKOFF.max, Math.max(asked, backoff(BACKOFF, failures, random)))
  }
  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const pausing = timers.after(ms, resolve)
      wake = () => {
        pausing.cancel()
        resolve()
      }
    })
  const deliverAll = async (): Promise<void> => {
    for (let failures = 0; waiting.length > 0;) {
      if (end.signal.aborted) return drop(waiting.length)
      const batch = waiting.slice(0, limits.batch)
      try {
        await Promise.race([deliver(batch, end.signal), ended.promise])
        waiting.splice(0, batch.length)
        failures = 0
        if (troubled) log.info('Telemetry is delivered again', { sink: name, dropped })
        troubled = false
      } catch (error) {
        failures++
        // Said once, not with every try: a receiver that is down is down for a while.
        if (!troubled) log.warn('Telemetry could not be delivered; it is tried again while there is room', { sink: name, error })
        troubled = true
        if (error instanceof UndeliverableError) {
          waiting.splice(0, batch.length)
          dropped += error.lost ?? batch.length
          failures = 0
        } else if (failures >= limits.attempts || stopping !== undefined) {
          drop(batch.length)
          failures = 0
        } else await pause(waitOf(error, failures))
      }
    }
  }
  const work = (): Promise<void> => {
    timer?.cancel()
    timer = undefined
    working ??= deliverAll().finally(() => {
      working = undefined
      schedule()
    })
    return working
  }
  const schedule = (): void => {
    if (timer !== undefined || working !== undefined || waiting.length === 0) return
    timer = timers.after(limits.interval, () => void work())
  }
  const stop = async (timeout: number): Promise<void> => {
    const patient = timers.after(Math.min(limits.shutdownTimeout, timeout), () => end.abort(), 'waited')
    wake()
    await work()
    drop(waiting.length)
    timer?.cancel()
    await options.close?.(end.signal)
    patient.cancel()
  }

  return {
    name,
    take: (item) => {
      if (stopping !== undefined || waiting.length >= limits.capacity) {
        dropped++
        return
      }
      waiting.push(item)
      if (waiting.length >= limits.batch && working === undefined) void work()
      else schedule()
    },
    dropped: () => dropped,
    flush: () => aliveFor(timers, async () => (waiting.length > 0 ? work() : working)),
    stop: ({ timeout = limits.shutdownTimeout } = {}) => (stopping ??= stop(timeout)),
  }
}
