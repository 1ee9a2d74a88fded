import type { Runtime, Timer } from '../runtime/runtime.ts'
import { createRecords, MOST_NUMBERS, type Details, type Recorded } from './records.ts'
import { createLimit } from './sampler.ts'
import { Slowness } from './slowness.ts'
import type { Attributes, SpanShape } from './span.ts'
import { hexOf, isSameTrace, placeOf, wordsOf, type SpanPlace, type TraceWords } from './trace-words.ts'

/**
 * What is known of work that was not sampled, for a while and in numbers: when its trace turns out to be worth it, records
 * become spans. A trace is kept that fails, is slow for what it does, or leaves a message behind; what is recorded of it
 * later becomes a span at once.
 */
export type Recorder = {
  /** What all spans of one piece of work have in common; the same for the same. */
  readonly shape: (of: SpanShape) => Shape
  /**
   * Notes what is over and did not fail. `parent`: the place it is a child of, or that one's `traceparent`; `at`: monotonic
   * milliseconds; `attributes`: what this one has beside its shape's, of which ids of a message are recorded, and the numbers
   * that its shape names.
   */
  readonly note: (
    shape: Shape,
    place: SpanPlace,
    parent: SpanPlace | string | undefined,
    at: number,
    ms: number,
    attributes?: Attributes,
  ) => void
  /** Keeps a trace: at most so many a second, over all and for each shape. */
  readonly keep: (trace: TraceWords, shape: Shape) => void
  /** Keeps traces that another process has decided to keep. Ids that are none, and more than so many a second, are left out. */
  readonly keepToo: (ids: readonly string[]) => void
  /** Told of traces that were decided on here, some at a time; the way back ends it. */
  readonly onRetained: (listener: (ids: readonly string[]) => void) => () => void
  /** Ids of those from a number on, as far as they are remembered, and the number to ask with next. */
  readonly retainedSince: (number: number) => { readonly ids: readonly string[]; readonly next: number }
  /** How much has been recorded since the start. */
  readonly recorded: () => number
  /** Makes spans of what is to be kept, now. */
  readonly flush: () => void
}

/** A shape that is known, and what is usual for it. */
export type Shape = SpanShape & {
  /** From 1 on; 0 when there are too many. */
  readonly number: number
  readonly slowness: Slowness
  readonly mayKeep: (now: number) => boolean
}

/** Made into a span by who knows how. */
export type RetainedSpan = Pick<Recorded, 'traceId' | 'spanId' | 'parentId' | 'random' | 'at' | 'ms'> & {
  readonly shape: Shape
  readonly attributes: Attributes
}

/** Records of 64 bytes: 2 MiB. */
export const RECORDS = 32_768
/** Traces that are kept each second, at most: over all, for one shape, and those that other processes tell of. */
const [RATE, RATE_ALIKE, RATE_TOO] = [20, 5, 100]
/** Traces whose later records become spans at once; the oldest is forgotten. */
const REMEMBERED = 1_024
/** Those that can still be asked for by who cannot be told. */
const TOLD = 256
const SHAPES = 4_096
/** Milliseconds until records are looked through: once for all that came meanwhile. */
const DELAY = 100

export function createRecorder(options: {
  readonly runtime: Pick<Runtime, 'clock' | 'timers'>
  /** Records that are held, at least 2; 0 for none, and then nothing is retained. */
  readonly records: number
  readonly emit: (span: RetainedSpan) => void
}): Recorder {
  const { runtime, emit } = options
  const { clock, timers } = runtime
  const records = options.records === 0 ? undefined : createRecords(Math.max(2, options.records))
  const shapes = createShapes()
  const mayKeep = createLimit(RATE)
  const mayKeepToo = createLimit(RATE_TOO)
  const retained = createRetained()
  const told: string[] = []
  let tellings = 0
  let recorded = 0
  const listeners = new Set<(ids: readonly string[]) => void>()
  let waiting: { readonly trace: TraceWords; readonly own: boolean }[] = []
  let timer: Timer | undefined

  const flush = (): void => {
    timer?.cancel()
    timer = undefined
    if (waiting.length === 0 || records === undefined) return
    const traces = Map.groupBy(waiting, ({ trace }) => trace.d)
    const ids = waiting.filter(({ own }) => own).map(({ trace }) => idOf(trace))
    waiting = []
    const isWanted = (a: number, b: number, c: number, d: number): boolean =>
      traces.get(d)?.some(({ trace }) => trace.c === c && trace.b === b && trace.a === a) === true
    for (const one of records.take(isWanted)) emit(asRetained(one, shapes.at(one.shape)))
    if (ids.length === 0) return
    told.push(...ids)
    tellings += ids.length
    told.splice(0, told.length - TOLD)
    for (const listener of listeners) listener(ids)
  }
  const remember = (trace: TraceWords, own: boolean): void => {
    retained.add(trace)
    waiting.push({ trace, own })
    timer ??= timers.after(DELAY, flush)
  }
  const emitNow = (
    shape: Shape,
    { trace, high, low }: SpanPlace,
    parent: SpanPlace | undefined,
    at: number,
    ms: number,
    attributes: Attributes | undefined,
  ): void => {
    const parentId = parent === undefined ? undefined : hexOf(parent.high, parent.low)
    const ids = { traceId: idOf(trace), spanId: hexOf(high, low), parentId, random: trace.random }
    emit({ ...ids, shape, at, ms, attributes: { ...shape.attributes, ...attributes, [RECORDED]: true } })
  }
  const keep: Recorder['keep'] = (trace, shape) => {
    if (records === undefined || retained.has(trace)) return
    const now = clock.monotonic()
    if (shape.mayKeep(now) && mayKeep(now)) remember(trace, true)
  }

  return {
    shape: shapes.of,
    note: (shape, place, parent, at, ms, attributes) => {
      if (records === undefined || shape.number === 0) return
      recorded++
      const { trace } = place
      if (shape.slowness.add(ms)) keep(trace, shape)
      const above = typeof parent === 'string' ? placeOf(parent) : parent
      if (retained.has(trace)) return emitNow(shape, place, above, at, ms, attributes)
      records.write(shape.number, place, above, at, ms, attributes && detailsOf(shape, attributes))
    },
    keep,
    keepToo: (ids) => {
      if (records === undefined) return
      for (const id of ids) {
        if (!TRACE_ID.test(id) || !mayKeepToo(clock.monotonic())) continue
        const trace = wordsOf(id)
        if (!retained.has(trace)) remember(trace, false)
      }
    },
    onRetained: (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    retainedSince: (number) => {
      const missed = Math.min(told.length, Math.max(0, tellings - number))
      return { ids: missed === 0 ? [] : told.slice(-missed), next: tellings }
    },
    recorded: () => recorded,
    flush,
  }
}

/** Says of a span that it was not sampled: what its record does not hold is missing. */
const RECORDED = 'dure.recorded'
const TRACE_ID = /^(?!0{32})[0-9a-f]{32}$/
const [MESSAGE_ID, CONVERSATION_ID] = ['messaging.message.id', 'messaging.message.conversation_id']

const ADDRESS = 'server.address'

const idOf = ({ a, b, c, d }: TraceWords): string => hexOf(a, b, c, d)

function createShapes() {
  // Asked for with every span: by its name first, which few have in common.
  const byName = new Map<string, Shape[]>()
  const byNumber: Shape[] = []
  const of = (given: SpanShape): Shape => {
    const { kind, service, name, attributes } = given
    const named = byName.get(name)
    if (named !== undefined)
      for (const one of named) {
        const isAlike = one.service === service && one.kind === kind && one.attributes[ADDRESS] === attributes[ADDRESS]
        if (isAlike) return one
      }
    const number = byNumber.length < SHAPES ? byNumber.length + 1 : 0
    const numbers = given.numbers?.slice(0, MOST_NUMBERS) ?? []
    const mayKeep = createLimit(RATE_ALIKE)
    const shape: Shape = { kind, service, name, attributes, numbers, number, slowness: new Slowness(), mayKeep }
    if (number === 0) return shape
    if (named === undefined) byName.set(name, [shape])
    else named.push(shape)
    byNumber.push(shape)
    return shape
  }
  return { of, at: (number: number): Shape => byNumber[number - 1]! }
}

/** The traces that are kept: found by their last word, which is random, and compared whole. */
function createRetained() {
  const byWord = new Map<number, TraceWords>()
  let changes = 0
  return {
    add: (trace: TraceWords): void => {
      trace.retained = true
      byWord.delete(trace.d)
      byWord.set(trace.d, trace)
      changes++
      if (byWord.size > REMEMBERED) for (const oldest of byWord.keys()) return void byWord.delete(oldest)
    },
    /** Looked up only after others have been added: a trace is asked for with everything that is recorded of it. */
    has: (trace: TraceWords): boolean => {
      if (trace.checked === changes) return trace.retained
      trace.checked = changes
      const found = byWord.get(trace.d)
      return (trace.retained = found !== undefined && isSameTrace(found, trace))
    },
  }
}

function detailsOf({ numbers = [] }: Shape, attributes: Attributes): Details {
  const text = (name: string): string | undefined => {
    const value = attributes[name]
    return typeof value === 'string' ? value : undefined
  }
  return {
    numbers: numbers.map((name) => Number(attributes[name] ?? Number.NaN)),
    messageId: text(MESSAGE_ID),
    conversationId: text(CONVERSATION_ID),
  }
}

function asRetained(one: Recorded, shape: Shape): RetainedSpan {
  const { traceId, spanId, parentId, random, at, ms, numbers, messageId, conversationId } = one
  const counted = (shape.numbers ?? []).flatMap((name, i) => {
    const value = numbers[i]
    // An id is a text, whatever it is made of.
    return value === undefined || Number.isNaN(value) ? [] : [[name, name.endsWith('.id') ? String(value) : value] as const]
  })
  const attributes = {
    ...shape.attributes,
    ...Object.fromEntries(counted),
    ...(messageId === undefined ? {} : { [MESSAGE_ID]: messageId }),
    ...(conversationId === undefined ? {} : { [CONVERSATION_ID]: conversationId }),
    [RECORDED]: true,
  }
  return { traceId, spanId, parentId, random, at, ms, shape, attributes }
}
