import type { Runtime, Timer } from '../../runtime/runtime.ts'
import { checkNumbers, WAIT } from '../../runtime/internal.ts'
import type { LogRecord } from '../log-tap.ts'
import {
  batchingSink,
  UndeliverableError,
  type Exporter,
  type ExporterWorld,
  type SinkLimits,
  type TelemetrySink,
} from '../sink.ts'
import type { Span } from '../span.ts'
import { logsRequest, metricsRequest, tracesRequest, type Resource } from './otlp-json.ts'

export type OtlpOptions = {
  /** Where the receiver listens: `/v1/traces`, `/v1/logs` and `/v1/metrics` are added. Default http://127.0.0.1:4318. */
  readonly endpoint?: string
  /** Sent with every request: `{ authorization: 'Bearer …' }`. Never logged. */
  readonly headers?: Readonly<Record<string, string>>
  /** Milliseconds one request may take. Default 10,000. */
  readonly timeout?: number
  /** Milliseconds between two reports of the metrics. Default 15,000; false for none. */
  readonly metrics?: number | false
  readonly limits?: Partial<SinkLimits>
}

/**
 * Exports spans, log lines and metrics by OTLP over HTTP, as JSON. What the receiver cannot take now is tried again while there
 * is room for it; what it refuses is dropped and counted. Source: OTLP 1.x, "OTLP/HTTP".
 * @throws {TypeError} when the endpoint is no http or https address
 *
 * @example
 * ```ts
 * import { contract, query } from 'dure/contract'
 * import { service, system } from 'dure/service'
 * import { otlp } from 'dure/telemetry'
 * import { z } from 'zod'
 *
 * const Clock = contract('clock', { version: '1.0.0', owner: 'team-time', operations: { now: query({ output: z.date() }) } })
 * const clock = service(Clock, { handlers: { now: (_, { clock }) => new Date(clock.now()) } })
 * const exporters = [otlp({ endpoint: 'http://localhost:4318' })] // your collector
 * const time = system('time', { services: [clock], telemetry: { exporters, sampling: 0.1 } })
 * console.log(time.telemetry !== false && time.telemetry.sampling) // → 0.1
 * ```
 */
export function otlp(options: OtlpOptions = {}): Exporter {
  const {
    endpoint = 'http://127.0.0.1:4318',
    headers = {},
    timeout = 10_000,
    metrics = 15_000,
    limits = {},
  } = checkNumbers('export telemetry', options, { timeout: WAIT, metrics: WAIT })
  const base = baseOf(endpoint)
  return (world) => {
    const send: Send = (path, body, signal) => post(world.runtime, { url: `${base}${path}`, body, headers, timeout, signal })
    return otlpSink(world, { name: 'otlp', send, limits, metrics })
  }
}

/** Spans, log lines and metrics to one receiver, whatever way leads there. */
export function otlpSink(
  world: ExporterWorld,
  options: {
    readonly name: string
    readonly send: Send
    readonly limits: Partial<SinkLimits>
    /** Milliseconds between two reports; false for none. */
    readonly metrics: number | false
    /** Whether metrics are to be read for it now. Default: always. */
    readonly wanted?: () => boolean
  },
): TelemetrySink & { readonly log: (line: LogRecord) => void } {
  const { name, send, limits, metrics, wanted } = options
  const { runtime, log, system, version } = world
  const resource: Resource = { namespace: system, instance: runtime.ids.next(), version }
  const reports = metrics === false ? undefined : reportMetrics({ world, resource, send, interval: metrics, name, wanted })
  const shared = { name, runtime, log, limits }
  const lines = batchingSink<LogRecord>({
    ...shared,
    deliver: (batch, signal) => deliver(send('/v1/logs', logsRequest(batch, resource), signal), 'rejectedLogRecords'),
  })
  const spans = batchingSink<Span>({
    ...shared,
    deliver: (batch, signal) => deliver(send('/v1/traces', tracesRequest(batch, resource), signal), 'rejectedSpans'),
    close: (signal) => reports?.stop(signal),
  })
  return {
    name,
    take: spans.take,
    log: lines.take,
    dropped: () => spans.dropped() + lines.dropped(),
    flush: async () => void (await Promise.all([spans.flush(), lines.flush()])),
    stop: async (how) => void (await Promise.all([spans.stop(how), lines.stop(how)])),
  }
}

function baseOf(endpoint: string): string {
  const url = URL.parse(endpoint)
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new TypeError(`Cannot export telemetry to "${endpoint}": give an address that begins with http:// or https://`)
  }
  return endpoint.replace(/\/+$/, '')
}

/** Posts JSON; rejects when no answer comes in time, or the signal fires. */
export type Send = (path: string, body: unknown, signal: AbortSignal) => Promise<Answer>

export type Answer = {
  readonly status: number
  /** The first of it, at most. */
  readonly body: string
  /** Milliseconds the receiver asks to wait. */
  readonly retryAfter: number | undefined
}

/** Characters of an answer that are kept. */
export const LONGEST_ANSWER = 65_536

/** Posts JSON. Rejects when there is no answer in time, or the signal fires. */
async function post(
  { fetch, clock }: Runtime,
  options: { url: string; body: unknown; headers: Readonly<Record<string, string>>; timeout: number; signal: AbortSignal },
): Promise<Answer> {
  const { url, timeout, signal } = options
  if (fetch === undefined) throw new Error('This runtime leads to no network; give its "fetch"')
  const response = await fetch(
    new Request(url, {
      method: 'POST',
      headers: { ...options.headers, 'content-type': 'application/json' },
      body: JSON.stringify(options.body),
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeout)]),
    }),
  )
  let body = ''
  for await (const part of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    body += part
    if (body.length >= LONGEST_ANSWER) break
  }
  return { status: response.status, body, retryAfter: waitOf(response.headers.get('retry-after'), clock.now()) }
}

/** `Retry-After` is seconds or a date. */
export function waitOf(header: string | null | undefined, now: number): number | undefined {
  if (header === null || header === undefined) return undefined
  const ms = /^\d+$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - now
  return Number.isFinite(ms) && ms > 0 ? ms : undefined
}

/** Status codes that OTLP says are worth another try. */
const RETRYABLE: ReadonlySet<number> = new Set([429, 502, 503, 504])

type Rejected = 'rejectedSpans' | 'rejectedLogRecords' | 'rejectedDataPoints'

async function deliver(sent: ReturnType<Send>, rejected: Rejected): Promise<void> {
  const { status, body, retryAfter } = await sent
  if (status >= 200 && status < 300) return refusedPart(body, rejected)
  const message = `The receiver answered ${status}`
  if (!RETRYABLE.has(status)) throw new UndeliverableError(message)
  throw Object.assign(new Error(message), { retryAfter })
}

/** A receiver that takes a request may still have dropped parts of it, which must not be sent again. */
function refusedPart(body: string, rejected: string): void {
  try {
    const partial = (JSON.parse(body) as { partialSuccess?: Readonly<Record<string, unknown>> }).partialSuccess
    const count = Number(partial?.[rejected] ?? 0)
    if (count > 0)
      throw new UndeliverableError(`The receiver refused ${count} of them: ${String(partial?.['errorMessage'] ?? '')}`, count)
  } catch (error) {
    // An empty answer, or one in another encoding, is a plain success.
    if (error instanceof UndeliverableError) throw error
  }
}

/** Numbers are cumulative: a report that fails is made good by the next one. */
function reportMetrics(options: {
  world: ExporterWorld
  resource: Resource
  send: Send
  interval: number
  name: string
  wanted: (() => boolean) | undefined
}): {
  stop: (signal: AbortSignal) => Promise<void>
} {
  const { world, resource, send, interval, name, wanted = () => true } = options
  const { clock, timers } = world.runtime
  const since = clock.now()
  let timer: Timer | undefined
  let sending: Promise<void> | undefined
  let stopped = false
  let troubled = false
  const end = new AbortController()

  const report = async (): Promise<void> => {
    if (!wanted()) return
    try {
      const request = metricsRequest(await world.metrics.read(), { resource, since, now: clock.now() })
      await deliver(send('/v1/metrics', request, end.signal), 'rejectedDataPoints')
      troubled = false
    } catch (error) {
      if (!troubled) world.log.warn('Metrics could not be reported; the next report makes it good', { sink: name, error })
      troubled = true
    }
  }
  const next = (): void => {
    timer = timers.after(interval, () => {
      sending = report().finally(() => {
        sending = undefined
        if (!stopped) next()
      })
    })
  }
  next()
  return {
    // What the spans have left of the time is the last report's.
    stop: async (signal) => {
      stopped = true
      timer?.cancel()
      const abort = (): void => end.abort()
      if (signal.aborted) abort()
      signal.addEventListener('abort', abort, { once: true })
      await sending
      if (!signal.aborted) await report()
    },
  }
}
