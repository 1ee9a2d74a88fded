import { AsyncLocalStorage } from 'node:async_hooks'
import { copyName, describeThrown } from '../contract/internal.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { exceptionAttributes } from './exception.ts'
import { createRecorder, RECORDS, type RetainedSpan, type Recorder } from './recorder.ts'
import { createSampler, type Sampling } from './sampler.ts'
import type { TelemetrySink } from './sink.ts'
import { errorType, type ActiveSpan, type AttributeValue, type Attributes, type Span, type SpanStart } from './span.ts'
import { childTraceparent, flagsOf, parseTraceparent, traceIdOf } from './trace.ts'
import { newTrace, placeOf, traceparentOf, wordsOf, type SpanPlace, type TraceWords } from './trace-words.ts'

/**
 * Makes spans. Whether a trace is sampled is decided once, where it begins and before anything is built for it, and the
 * decision travels with it. What is not sampled is recorded, in numbers, and what fails of it is told of all the same.
 */
export type Tracer = {
  /** Decides for a new trace; `now` in monotonic milliseconds. */
  readonly sample: (now?: number) => boolean
  /** Begins a span: of a sampled trace, which is the default, or one that is recorded, and told of if it fails. */
  readonly begin: (start: SpanStart, sampled?: boolean) => ActiveSpan
  /** Makes a span of something that is over: it was sampled, or it failed. */
  readonly record: (span: PastSpan) => void
  /** The trace that a `traceparent` is of, or a new one. */
  readonly traceOf: (traceparent: string | undefined) => TraceWords
  /** The words of the ids of spans that are made of what is recorded: one for all of this process, one for each. */
  readonly high: number
  readonly next: () => number
  readonly recorder: Recorder
  /**
   * Holds back what is told of a trace during some work until it is known whether it is worth telling: `isTold` is asked at its
   * end, with what it failed with.
   */
  readonly holding: <T>(
    traceparent: string | undefined,
    work: () => Promise<T>,
    isTold: (failure: { readonly error: unknown } | undefined) => boolean,
  ) => Promise<T>
}

export type PastSpan = Omit<SpanStart, 'at'> & {
  /** When it began: monotonic milliseconds. */
  readonly at: number
  /** What it failed with; undefined when it did not. */
  readonly error: unknown
}

/** How far the wall clock may be from where the monotonic clock has it before spans are placed anew, in milliseconds. */
const DRIFT = 20
/** Characters of a message, or of a value of an attribute, that are kept: spans wait in memory by their number. */
const LONGEST_TEXT = 1_000
/** Spans that are held back at once for one piece of work; later ones of it are not told of. */
const HELD = 64

export function createTracer(options: {
  runtime: Runtime
  /** Default: 20 traces a second, and 1 % of the others. */
  sampling?: Sampling | undefined
  /** Records of what is not sampled. Default 32,768, of 64 bytes. */
  records?: number | undefined
  /** Which copy of its services this process is. Default 1. */
  copy?: number | undefined
  sinks: readonly TelemetrySink[]
}): Tracer {
  const { runtime, copy = 1, sinks, records = RECORDS } = options
  const { clock, ids, random } = runtime
  const sample = createSampler(runtime, options.sampling)
  let epoch = clock.now() - clock.monotonic()
  let last = random.word() | 0
  const high = random.word() | 1

  /** From monotonic to wall-clock time, so that spans of one process are exact among themselves. */
  const wall = (monotonic: number): number => {
    const now = clock.now() - clock.monotonic()
    if (Math.abs(now - epoch) > DRIFT) epoch = now
    return epoch + monotonic
  }
  const holder = createHolder((span) => giveAll(sinks, span))
  const tell = (span: Omit<Span, 'copy'>): void => {
    holder.give(copy === 1 ? span : { ...span, copy: copyName(span.service, copy) })
  }
  const emit = (start: SpanStart, own: string, at: number, error: unknown, more: Attributes | undefined): void => {
    const { details, attributes } = start
    const isPlain = details === undefined && more === undefined
    const known = shortened(isPlain ? attributes : { ...attributes, ...details, ...more })
    tell({
      // Its own was made here; of whose child it is, others may have said.
      traceId: own.slice(3, 35),
      spanId: own.slice(36, 52),
      flags: flagsOf(own),
      parentId: parentIdOf(start),
      tracestate: start.tracestate,
      name: start.name,
      kind: start.kind,
      service: start.service,
      start: wall(at),
      duration: Math.max(0, clock.monotonic() - at),
      attributes: error === undefined ? known : { ...known, 'error.type': errorType(error), ...exceptionAttributes(error) },
      status: error === undefined ? 'unset' : 'error',
      message: error === undefined ? undefined : describeThrown(error).message.slice(0, LONGEST_TEXT),
      links: start.links ?? [],
    })
    // What led to a failure, and what else came of it, is worth telling as well.
    if (error !== undefined && (flagsOf(own) & 1) === 0) recorder.keep(wordsOf(own.slice(3, 35)), recorder.shape(start))
  }
  const emitRetained = ({ traceId, spanId, parentId, random: isRandom, shape, at, ms, attributes }: RetainedSpan): void => {
    const { name, kind, service } = shape
    const ids = { traceId, spanId, parentId, flags: isRandom ? 2 : 0, tracestate: undefined }
    const end = { status: 'unset', message: undefined, links: [] } as const
    tell({ ...ids, name, kind, service, start: wall(at), duration: ms, attributes: shortened(attributes), ...end })
  }
  const recorder = createRecorder({ runtime, records, emit: emitRetained })

  const traceOf: Tracer['traceOf'] = (traceparent) => placeOf(traceparent)?.trace ?? newTrace(random)
  const next = (): number => (last = (last + 1) | 0)
  /** A span that is recorded: most are. Its place is itself, so that nothing more is made for it. */
  class RecordedSpan implements ActiveSpan, SpanPlace {
    readonly trace: TraceWords
    readonly high: number
    readonly low: number
    readonly #start: SpanStart
    readonly #parent: SpanPlace | undefined
    readonly #at: number
    #own: string | undefined
    #over = false

    constructor(start: SpanStart, at: number) {
      const parent = start.parentPlace ?? placeOf(start.parent)
      const own = placeOf(start.own)
      this.trace = own?.trace ?? parent?.trace ?? newTrace(random)
      this.high = own?.high ?? high
      this.low = own?.low ?? next()
      this.#start = start
      this.#parent = parent
      this.#at = at
      this.#own = start.own
    }

    get place(): SpanPlace {
      return this
    }

    get traceparent(): string {
      return (this.#own ??= traceparentOf(this, false))
    }

    get tracestate(): string | undefined {
      return this.#start.tracestate
    }

    end(error?: unknown, more?: Attributes): void {
      if (this.#over) return
      this.#over = true
      const start = this.#start
      if (error !== undefined) return emit(start, this.traceparent, this.#at, error, more)
      const attributes = start.details === undefined ? more : { ...start.details, ...more }
      recorder.note(recorder.shape(start), this, this.#parent, this.#at, clock.monotonic() - this.#at, attributes)
    }
  }

  return {
    sample: (now = clock.monotonic()) => sample(now),
    traceOf,
    high,
    next,
    recorder,
    begin: (start, sampled = true) => {
      const at = start.at ?? clock.monotonic()
      if (!sampled) return new RecordedSpan(start, at)
      const own = start.own ?? childTraceparent(parentOf(start), true, ids)
      let over = false
      return {
        traceparent: own,
        tracestate: start.tracestate,
        end: (error, attributes) => {
          if (over) return
          over = true
          emit(start, own, at, error, attributes)
        },
      }
    },
    record: (span) =>
      emit(span, span.own ?? childTraceparent(parentOf(span), span.error === undefined, ids), span.at, span.error, undefined),
    holding: holder.holding,
  }
}

function giveAll(sinks: readonly TelemetrySink[], span: Span): void {
  for (const sink of sinks) {
    try {
      sink.take(span)
    } catch {
      // A sink says that it never throws; what it is told of must not hang on that.
    }
  }
}

/** Spans of a trace that are held back; what outlives the work that it is held for is told of again. */
type Held = { readonly traceId: string | undefined; spans: Span[] | undefined }

/** Holds spans back, by the asynchronous context of some work. */
function createHolder(give: (span: Span) => void): Pick<Tracer, 'holding'> & { readonly give: (span: Span) => void } {
  const held = new AsyncLocalStorage<Held>()
  return {
    give: (span) => {
      const { traceId, spans } = held.getStore() ?? {}
      if (spans === undefined || traceId !== span.traceId) give(span)
      else if (spans.length < HELD) spans.push(span)
    },
    holding: async (traceparent, work, isTold) => {
      const spans: Span[] = []
      const own: Held = { traceId: traceIdOf(traceparent), spans }
      const release = (failure: { readonly error: unknown } | undefined): void => {
        // What was begun meanwhile, and goes on, is in this context as well.
        own.spans = undefined
        if (isTold(failure)) for (const span of spans) give(span)
      }
      try {
        const value = await held.run(own, work)
        release(undefined)
        return value
      } catch (error) {
        release({ error })
        throw error
      }
    },
  }
}

function parentOf({ parent, parentPlace }: SpanStart): string | undefined {
  return parentPlace === undefined ? parent : traceparentOf(parentPlace, true)
}

function parentIdOf({ parent, parentPlace }: SpanStart): string | undefined {
  return parseTraceparent(parentPlace === undefined ? parent : traceparentOf(parentPlace, true))?.spanId
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
