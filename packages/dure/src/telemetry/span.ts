import { describeThrown, isInstance, partOf } from '../contract/internal.ts'
import type { SpanPlace } from './trace-words.ts'

export type SpanKind = 'internal' | 'server' | 'client' | 'producer' | 'consumer'
export type AttributeValue = string | number | boolean
/** Named as OpenTelemetry's semantic conventions name them: `rpc.method`, `db.system.name`, … Never inputs, never secrets. */
export type Attributes = Readonly<Record<string, AttributeValue>>

/** A piece of work that is over, as sinks get it. */
export type Span = {
  readonly traceId: string
  readonly spanId: string
  /** The span it is part of; undefined for the first of a trace. */
  readonly parentId: string | undefined
  readonly tracestate: string | undefined
  /** W3C trace flags: 1 sampled, 2 random trace id. */
  readonly flags?: number
  /** `orders.place`, `publish order.placed`, `POST /orders`. */
  readonly name: string
  readonly kind: SpanKind
  /** The service (or door) that did it. */
  readonly service: string
  /** What the copy of the service is called that did it, `orders#2`; undefined: the first, or the only one. */
  readonly copy?: string
  /** Milliseconds since the epoch, with fractions. */
  readonly start: number
  /** Milliseconds, with fractions, measured by the monotonic clock. */
  readonly duration: number
  readonly attributes: Attributes
  readonly status: 'unset' | 'error'
  /** What went wrong, in words; undefined when nothing did. */
  readonly message: string | undefined
  readonly links: readonly SpanLink[]
}

/** Another span that led to this one, without being its parent. */
export type SpanLink = { readonly traceId: string; readonly spanId: string }

/** What all spans of one piece of work have in common. */
export type SpanShape = {
  readonly name: string
  readonly kind: SpanKind
  readonly service: string
  readonly attributes: Attributes
  /** Names of attributes that are numbers and differ: a record of what is not sampled holds up to four of them. */
  readonly numbers?: readonly string[] | undefined
}

/** What is known when a span begins. */
export type SpanStart = SpanShape & {
  /** The `traceparent` it is a child of; undefined, or malformed, begins a trace. */
  readonly parent: string | undefined
  /** The same in numbers, where it has them: `parent` is not looked at then. */
  readonly parentPlace?: SpanPlace | undefined
  /** Its own `traceparent`, where it has had one; else it gets one. */
  readonly own?: string | undefined
  readonly tracestate?: string | undefined
  /** Monotonic milliseconds; default now. */
  readonly at?: number
  /** What this one has beside `attributes`: ids, texts. */
  readonly details?: Attributes | undefined
  readonly links?: readonly SpanLink[]
}

/** A span under way. It is told of when it ends, and never if it does not. */
export type ActiveSpan = {
  /** What travels with everything that it leads to. */
  readonly traceparent: string
  /** The same in numbers, of those that are not sampled. */
  readonly place?: SpanPlace
  readonly tracestate: string | undefined
  /** Ends it; an error marks it as failed. Only the first end counts. */
  end(error?: unknown, attributes?: Attributes): void
}

/** `error.type` of OpenTelemetry: the code of a declared error or a CallError, else the error's class. */
export function errorType(error: unknown): string {
  const code = partOf(error, 'code')
  return isInstance(error, Error) && typeof code === 'string' ? code : describeThrown(error).name
}
