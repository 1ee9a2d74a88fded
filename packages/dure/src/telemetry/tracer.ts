import { copyName, describeThrown } from '../contract/internal.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { TelemetrySink } from './sink.ts'
import { errorType, type ActiveSpan, type AttributeValue, type Attributes, type Span, type SpanStart } from './span.ts'
import { childTraceparent, flagsOf, parseTraceparent } from './trace.ts'

/**
 * Makes spans. Whether a trace is sampled is decided once, where it begins and before anything is built for it, and the
 * decision travels with it; a piece of work that fails is told of all the same, by a span made then.
 */
export type Tracer = {
  /** Decides for a new trace. */
  readonly sample: () => boolean
  /** Begins a span: of a sampled trace, which is the default, or one that is told of only if it fails. */
  readonly begin: (start: SpanStart, sampled?: boolean) => ActiveSpan
  /** Makes a span of something that is over: it was sampled, or it failed. */
  readonly record: (span: PastSpan) => void
  /** The `traceparent` of something that is not (yet) a span. */
  readonly child: (parent: string | undefined, sampled: boolean) => string
}

export type PastSpan = Omit<SpanStart, 'at'> & {
  /** When it began: monotonic milliseconds. */
  readonly at: number
  /** What it failed with; undefined when it did not. */
  readonly error: unknown
  /** Its own `traceparent`, when it has had one; else it gets one under `parent`. */
  readonly own?: string | undefined
}

/** How far the wall clock may be from where the monotonic clock has it before spans are placed anew, in milliseconds. */
const DRIFT = 20
/** Characters of a message, or of a value of an attribute, that are kept: spans wait in memory by their number. */
const LONGEST_TEXT = 1_000

export function createTracer(options: {
  runtime: Runtime
  /** Share of traces that are sampled, from 0 to 1. */
  ratio: number
  /** Which copy of its services this process is. Default 1. */
  copy?: number | undefined
  sinks: readonly TelemetrySink[]
}): Tracer {
  const { runtime, ratio, copy = 1, sinks } = options
  const { clock, ids, random } = runtime
  let epoch = clock.now() - clock.monotonic()

  /** From monotonic to wall-clock time, so that spans of one process are exact among themselves. */
  const wall = (monotonic: number): number => {
    const now = clock.now() - clock.monotonic()
    if (Math.abs(now - epoch) > DRIFT) epoch = now
    return epoch + monotonic
  }
  const emit = (start: SpanStart, own: string, at: number, error: unknown, more: Attributes | undefined): void => {
    const failure = error === undefined ? undefined : { 'error.type': errorType(error) }
    const span: Span = {
      // Its own was made here; of whose child it is, others may have said.
      traceId: own.slice(3, 35),
      spanId: own.slice(36, 52),
      flags: flagsOf(own),
      parentId: parseTraceparent(start.parent)?.spanId,
      tracestate: start.tracestate,
      name: start.name,
      kind: start.kind,
      service: start.service,
      ...(copy === 1 ? undefined : { copy: copyName(start.service, copy) }),
      start: wall(at),
      duration: Math.max(0, clock.monotonic() - at),
      attributes: shortened(
        more === undefined && failure === undefined ? start.attributes : { ...start.attributes, ...more, ...failure },
      ),
      status: error === undefined ? 'unset' : 'error',
      message: error === undefined ? undefined : describeThrown(error).message.slice(0, LONGEST_TEXT),
      links: start.links ?? [],
    }
    for (const sink of sinks) {
      try {
        sink.take(span)
      } catch {
        // A sink says that it never throws; what it is told of must not hang on that.
      }
    }
  }

  return {
    sample: () => ratio > 0 && random.number() < ratio,
    child: (parent, sampled) => childTraceparent(parent, sampled, ids),
    begin: (start, sampled = true) => {
      const own = childTraceparent(start.parent, sampled, ids)
      const at = start.at ?? clock.monotonic()
      let over = false
      return {
        traceparent: own,
        tracestate: start.tracestate,
        end: (error, attributes) => {
          if (over) return
          over = true
          if (sampled || error !== undefined) emit(start, own, at, error, attributes)
        },
      }
    },
    record: (span) =>
      emit(span, span.own ?? childTraceparent(span.parent, span.error === undefined, ids), span.at, span.error, undefined),
  }
}

/** The same object when nothing in it is long, as nearly always: who writes spans knows it again. */
function shortened(attributes: Attributes): Attributes {
  for (const key in attributes) {
    const value = attributes[key]
    if (typeof value !== 'string' || value.length <= LONGEST_TEXT) continue
    const short = (text: AttributeValue): AttributeValue => (typeof text === 'string' ? text.slice(0, LONGEST_TEXT) : text)
    return Object.fromEntries(Object.entries(attributes).map(([name, text]) => [name, short(text)]))
  }
  return attributes
}
