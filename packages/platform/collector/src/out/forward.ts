/** What was stored goes on to others: bounded, tried again while there is room, and what is lost is counted. */
import type { Runtime } from 'dure/runtime'
import { readText } from 'dure/runtime/internal'
import { UndeliverableError, type Logger } from 'dure/telemetry'
import { batchingSink, type BatchingSink } from 'dure/telemetry/internal'
import type { Batch, LogRecord, MetricRecord, SpanRecord } from '../record.ts'
import { bulkBody, refusedOf } from './bulk.ts'
import { logsRequest, metricsRequest, tracesRequest } from './otlp.ts'
import { remoteWriteBody } from './remote-write.ts'

type Kind = 'logs' | 'spans' | 'metrics'

export type ForwardTarget = {
  /** Logs, spans and metrics by OTLP over HTTP; lines by Elasticsearch's `_bulk`; metrics by Prometheus' remote write. */
  readonly to: 'otlp' | 'bulk' | 'remote-write'
  /**
   * `http://127.0.0.1:4318`, to which OTLP's paths are added, and `/_bulk`; of a remote write the whole address, such as
   * `http://127.0.0.1:9090/api/v1/write`.
   */
  readonly url: string
  /** Sent with each request, such as `{ authorization: 'Bearer …' }`. Never logged. */
  readonly headers?: Readonly<Record<string, string>>
  /** Where `_bulk` puts them. Default `logs`. */
  readonly index?: string
  /** What of it goes there. Default: all that is taken. */
  readonly only?: readonly Kind[]
}

export type Forward = {
  /** Never waits. */
  readonly take: (batch: Batch) => void
  /** What was not delivered, by where it should have gone. */
  readonly dropped: () => Readonly<Record<string, number>>
  readonly close: () => Promise<void>
}

/** Items of a kind that wait for one receiver, and that are sent at once. */
const LIMITS = { capacity: 20_000, batch: 2_000, interval: 1_000 }
/** Milliseconds that one request may take. */
const TIMEOUT = 10_000
/** Characters of an answer. */
const LONGEST = 2 ** 20

type World = { readonly runtime: Runtime; readonly log: Logger }
type Sent = {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array<ArrayBuffer>
}
type Sinks = { readonly [K in Kind]?: BatchingSink<Batch[K][number]> }

/** @throws {TypeError} when an address is none of http */
export function forward(targets: readonly ForwardTarget[], world: World): Forward {
  const all = targets.map((target) => ({ name: nameOf(target), sinks: sinksOf(target, world) }))
  const of = (sinks: Sinks): readonly BatchingSink<never>[] => Object.values(sinks)
  return {
    take: ({ logs, spans, metrics }) => {
      for (const { sinks } of all) {
        if (sinks.logs) for (const each of logs) sinks.logs.take(each)
        if (sinks.spans) for (const each of spans) sinks.spans.take(each)
        if (sinks.metrics) for (const each of metrics) sinks.metrics.take(each)
      }
    },
    dropped: () =>
      Object.fromEntries(all.map(({ name, sinks }) => [name, of(sinks).reduce((sum, sink) => sum + sink.dropped(), 0)])),
    close: async () => void (await Promise.all(all.flatMap(({ sinks }) => of(sinks)).map((sink) => sink.stop()))),
  }
}

/** Without what nobody else may know: an address may have a password. */
function nameOf({ to, url }: ForwardTarget): string {
  const at = URL.parse(url)
  if (at === null || !/^https?:$/.test(at.protocol))
    throw new TypeError(`Cannot send telemetry on to "${url}": give an address that begins with http:// or https://`)
  return `${to} ${at.origin}${at.pathname}`
}

function sinksOf(target: ForwardTarget, { runtime, log }: World): Sinks {
  const { to, only = ['logs', 'spans', 'metrics'], index = 'logs' } = target
  const name = nameOf(target)
  const sink = <T>(make: (items: readonly T[]) => Sent, refused: (answer: string) => number = rejected): BatchingSink<T> =>
    batchingSink<T>({
      ...{ name, runtime, log, limits: LIMITS },
      deliver: async (items, signal) => {
        const lost = refused(await post({ target, runtime, signal, request: make(items) }))
        if (lost > 0) throw new UndeliverableError(`${lost} of ${items.length} were refused`, lost)
      },
    })
  const json = (path: string, value: object): Sent => ({
    path,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(value),
  })
  const wants = (kind: Kind): boolean => only.includes(kind)
  if (to === 'bulk') {
    const headers = { 'content-type': 'application/x-ndjson' }
    return wants('logs')
      ? { logs: sink<LogRecord>((logs) => ({ path: '/_bulk', headers, body: bulkBody(logs, index) }), refusedOf) }
      : {}
  }
  if (to === 'remote-write') {
    const headers = {
      ...{ 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy' },
      'x-prometheus-remote-write-version': '0.1.0',
    }
    const body = (metrics: readonly MetricRecord[]): Uint8Array<ArrayBuffer> => Uint8Array.from(remoteWriteBody(metrics))
    return wants('metrics')
      ? {
          metrics: sink<MetricRecord>(
            (metrics) => ({ path: '', headers, body: body(metrics) }),
            () => 0,
          ),
        }
      : {}
  }
  return {
    ...(wants('logs') && { logs: sink<LogRecord>((logs) => json('/v1/logs', logsRequest(logs))) }),
    ...(wants('spans') && { spans: sink<SpanRecord>((spans) => json('/v1/traces', tracesRequest(spans))) }),
    ...(wants('metrics') && { metrics: sink<MetricRecord>((metrics) => json('/v1/metrics', metricsRequest(metrics))) }),
  }
}

/** The answer. What is not taken now is tried again, what is refused is not. */
async function post(options: {
  readonly target: ForwardTarget
  readonly request: Sent
  readonly runtime: Runtime
  readonly signal: AbortSignal
}): Promise<string> {
  const { target, request, runtime, signal } = options
  if (runtime.fetch === undefined) throw new Error('This runtime leads to no network; give its "fetch"')
  const response = await runtime.fetch(
    new Request(`${target.url.replace(/\/+$/, '')}${request.path}`, {
      method: 'POST',
      headers: { ...target.headers, ...request.headers },
      body: request.body,
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT)]),
    }),
  )
  const answer = await readText(response, LONGEST)
  if (response.status >= 200 && response.status < 300) return answer
  const why = `it answered ${response.status}: ${answer.slice(0, 200)}`
  if (response.status !== 429 && response.status < 500) throw new UndeliverableError(why)
  const seconds = Number(response.headers.get('retry-after') ?? 0)
  throw Object.assign(new Error(why), Number.isFinite(seconds) ? { retryAfter: seconds * 1_000 } : {})
}

/** OTLP's `partialSuccess`. */
function rejected(answer: string): number {
  try {
    const { partialSuccess = {} } = JSON.parse(answer) as { readonly partialSuccess?: Readonly<Record<string, unknown>> }
    return Math.max(
      0,
      ...Object.entries(partialSuccess).map(([name, value]) => (name.startsWith('rejected') ? Number(value) : 0)),
    )
  } catch {
    return 0
  }
}
