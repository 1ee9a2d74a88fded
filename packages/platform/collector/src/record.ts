/** What the collector takes in, by whatever protocol it came. Times are milliseconds since the epoch, with fractions. */
export type Value = string | number | boolean | null | readonly Value[] | { readonly [key: string]: Value }
/** Named as OpenTelemetry's semantic conventions name them. */
export type Attributes = Readonly<Record<string, Value>>

export type LogRecord = {
  readonly time: number
  /** OpenTelemetry's severity number: 1 to 4 trace, to 8 debug, to 12 info, to 16 warn, to 20 error, to 24 fatal. */
  readonly severity: number
  readonly service: string
  readonly body: string
  /** 32 lower-case hexadecimal digits, where it belongs to a trace. */
  readonly traceId?: string | undefined
  /** 16 of them. */
  readonly spanId?: string | undefined
  readonly attributes: Attributes
  /** Who said it: `service.version`, `host.name`, … */
  readonly resource: Attributes
}

export type SpanKind = 'internal' | 'server' | 'client' | 'producer' | 'consumer'

export type SpanRecord = {
  readonly traceId: string
  readonly spanId: string
  readonly parentId?: string | undefined
  readonly name: string
  readonly kind: SpanKind
  readonly service: string
  readonly start: number
  /** Milliseconds, with fractions. */
  readonly duration: number
  readonly failed: boolean
  /** What went wrong, in words. */
  readonly message?: string | undefined
  readonly attributes: Attributes
  readonly resource: Attributes
  readonly events: readonly SpanEvent[]
  readonly links: readonly SpanLink[]
}

export type SpanEvent = { readonly time: number; readonly name: string; readonly attributes: Attributes }
export type SpanLink = { readonly traceId: string; readonly spanId: string }

/** One number of a metric, or its histogram. */
export type MetricRecord = {
  readonly name: string
  readonly service: string
  /** UCUM: `s`, `By`, `{message}`. */
  readonly unit: string
  readonly help: string
  readonly kind: 'counter' | 'gauge' | 'histogram'
  readonly attributes: Attributes
  readonly time: number
  /** Of a counter: since it began. Of a histogram: how many were measured. */
  readonly value: number
  readonly histogram?: Histogram | undefined
}

export type Histogram = {
  readonly sum: number
  /** Upper bounds; the last count is of what is above all of them. */
  readonly bounds: readonly number[]
  readonly counts: readonly number[]
}

export type ExceptionRecord = {
  readonly time: number
  readonly service: string
  /** Of the service; empty when nobody has said. */
  readonly version: string
  readonly type: string
  readonly message: string
  readonly stack: string
  /** What it has in common with others of its group: `v1:` and hexadecimal digits. */
  readonly fingerprint: string
  /** What the fingerprint was made of, for people. */
  readonly groupedBy: string
  readonly traceId?: string | undefined
  readonly spanId?: string | undefined
  readonly attributes: Attributes
}

/** What came in one request, or was made of it. */
export type Batch = {
  readonly logs: readonly LogRecord[]
  readonly spans: readonly SpanRecord[]
  readonly metrics: readonly MetricRecord[]
  readonly exceptions: readonly ExceptionRecord[]
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
export const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

/** 0 debug and trace, 1 info, 2 warn, 3 error and fatal. */
export function rankOf(severity: number): number {
  return severity <= 8 ? 0 : severity <= 12 ? 1 : severity <= 16 ? 2 : 3
}

/** What programs call the level of a line, as a severity number; info when it is no word of theirs. */
export function severityOf(word: unknown): number {
  if (typeof word === 'number') return PINO.get(word) ?? (word >= 1 && word <= 24 ? Math.floor(word) : 9)
  return WORDS.get(String(word).toLowerCase()) ?? 9
}

const WORDS: ReadonlyMap<string, number> = new Map([
  ...(['trace', 'verbose', 'finest'] as const).map((word) => [word, 1] as const),
  ...(['debug', 'fine'] as const).map((word) => [word, 5] as const),
  ...(['info', 'information', 'informational', 'log'] as const).map((word) => [word, 9] as const),
  ['notice', 10],
  ...(['warn', 'warning'] as const).map((word) => [word, 13] as const),
  ...(['error', 'err', 'severe'] as const).map((word) => [word, 17] as const),
  ...(['fatal', 'critical', 'crit', 'alert', 'emerg', 'emergency', 'panic'] as const).map((word) => [word, 21] as const),
])
/** Pino's numbers, which are none of OpenTelemetry's. */
const PINO: ReadonlyMap<number, number> = new Map([
  [30, 9],
  [40, 13],
  [50, 17],
  [60, 21],
])
