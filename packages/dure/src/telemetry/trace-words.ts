import type { Random } from '../runtime/runtime.ts'
import { writeHex } from '../runtime/internal.ts'
import { parseTraceparent } from './trace.ts'

/**
 * The id of a trace as four words of 32 bits. What is not sampled has its ids in this form until somebody reads them: a
 * record holds words, and a text of them is made only for what travels.
 */
export class TraceWords {
  readonly a: number
  readonly b: number
  readonly c: number
  readonly d: number
  /** As in `TraceContext`. */
  readonly random: boolean
  /** What is recorded of it from now on becomes spans at once. */
  retained = false
  /** The number of traces that had been kept when it was last looked whether this is one of them. */
  checked = -1

  constructor(a: number, b: number, c: number, d: number, random: boolean) {
    this.a = a
    this.b = b
    this.c = c
    this.d = d
    this.random = random
  }
}

/** Where a piece of work stands in its trace: the two words of its span's id. */
export type SpanPlace = { readonly trace: TraceWords; readonly high: number; readonly low: number }

export function newTrace(random: Random): TraceWords {
  return new TraceWords(random.word() | 0, random.word() | 0, random.word() | 0, random.word() | 0, true)
}

/** Reads a `traceparent`; undefined when it is none. */
export function placeOf(traceparent: string | undefined): SpanPlace | undefined {
  const known = parseTraceparent(traceparent)
  if (known === undefined) return undefined
  const { traceId, spanId, random } = known
  return { trace: wordsOf(traceId, random === true), high: wordAt(spanId, 0), low: wordAt(spanId, 8) }
}

/** @param id 32 lower-case hexadecimal digits */
export function wordsOf(id: string, random = false): TraceWords {
  return new TraceWords(wordAt(id, 0), wordAt(id, 8), wordAt(id, 16), wordAt(id, 24), random)
}

export function isSameTrace(one: TraceWords, other: TraceWords): boolean {
  return one.d === other.d && one.c === other.c && one.b === other.b && one.a === other.a
}

/** The word that eight lower-case hexadecimal digits are. */
export function wordAt(text: string, at: number): number {
  let word = 0
  for (let i = at; i < at + 8; i++) {
    const code = text.charCodeAt(i)
    word = (word << 4) | (code < 58 ? code - 48 : code - 87)
  }
  return word
}

const written: Buffer = Buffer.from(`00-${'0'.repeat(32)}-${'0'.repeat(16)}-00`)

/** The `traceparent` of a place. */
export function traceparentOf({ trace, high, low }: SpanPlace, sampled: boolean): string {
  writeHex(written, 3, 8, trace.a)
  writeHex(written, 11, 8, trace.b)
  writeHex(written, 19, 8, trace.c)
  writeHex(written, 27, 8, trace.d)
  writeHex(written, 36, 8, high)
  writeHex(written, 44, 8, low)
  writeHex(written, 54, 1, (sampled ? 1 : 0) | (trace.random ? 2 : 0))
  return written.toString('latin1')
}

/** Words as hexadecimal text, eight digits each. */
export function hexOf(...words: readonly number[]): string {
  return words.map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('')
}
