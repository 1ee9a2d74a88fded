import { hexOf, wordAt, type SpanPlace } from './trace-words.ts'

/**
 * What is known of a piece of work that was not sampled, when it is looked at: `shape` is the number of its `Shape`, what is
 * common to all of its kind.
 */
export type Recorded = {
  readonly shape: number
  readonly traceId: string
  readonly spanId: string
  readonly parentId: string | undefined
  /** Whether the trace's id is random (W3C Trace Context level 2). */
  readonly random: boolean
  /** Monotonic milliseconds. */
  readonly at: number
  readonly ms: number
  /** By the names that its shape has for them. */
  readonly numbers: readonly number[]
  readonly messageId: string | undefined
  readonly conversationId: string | undefined
}

/** What one record says beside its place and its time. */
export type Details = {
  readonly numbers: readonly number[]
  readonly messageId: string | undefined
  readonly conversationId: string | undefined
}

/** A ring of records of fixed size, in one block of memory that is touched only as far as it is used. */
export type Records = {
  /** Written with every call that is not sampled: nothing is made for it. */
  readonly write: (
    shape: number,
    place: SpanPlace,
    parent: SpanPlace | undefined,
    at: number,
    ms: number,
    details: Details | undefined,
  ) => void
  /** Takes out those of these traces, the oldest first. */
  readonly take: (isWanted: (a: number, b: number, c: number, d: number) => boolean) => readonly Recorded[]
}

/** Words of 32 bits of a record: 64 bytes, a line of most caches. */
const WORDS = 16
/**
 * Where they are: the trace's four, the span's two, its parent's two, when it began and how long it took (doubles), one number
 * (a double), flags, its shape. What has ids of a message or more numbers is followed by a second record of its own.
 */
const [SPAN, PARENT, FLAGS, SHAPE] = [4, 6, 14, 15]
/** The same in doubles: half as many. */
const [AT, MS, NUMBER] = [4, 5, 6]
/** Of a second record: the message's four words, the conversation's four, three more numbers. */
const [CONVERSATION, MORE] = [4, 4]
const [RANDOM, FOLLOWED, HAS_MESSAGE, HAS_CONVERSATION] = [1, 2, 4, 8]
const SECOND = -1
const EMPTY = 0
/** Numbers that a record can have. */
export const MOST_NUMBERS = 4

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** @param size records that it holds, at least 2 */
export function createRecords(size: number): Records {
  const memory = new ArrayBuffer(size * WORDS * 4)
  const words = new Int32Array(memory)
  const doubles = new Float64Array(memory)
  let next = 0

  const advance = (): number => {
    const at = next
    next = at + 1 === size ? 0 : at + 1
    return at
  }
  const writeId = (at: number, id: string | undefined, flag: number): number => {
    if (id === undefined || !UUID.test(id)) return 0
    words[at] = wordAt(id, 0)
    words[at + 1] = wordAt(id.slice(9, 13) + id.slice(14, 18), 0)
    words[at + 2] = wordAt(id.slice(19, 23) + id.slice(24, 28), 0)
    words[at + 3] = wordAt(id, 28)
    return flag
  }
  const writeSecond = ({ numbers, messageId, conversationId }: Details): void => {
    const slot = advance()
    const at = slot * WORDS
    words[at + FLAGS] = writeId(at, messageId, HAS_MESSAGE) | writeId(at + CONVERSATION, conversationId, HAS_CONVERSATION)
    for (let i = 1; i < MOST_NUMBERS; i++) doubles[(at >> 1) + MORE + i - 1] = numbers[i] ?? Number.NaN
    words[at + SHAPE] = SECOND
  }

  const read = (slot: number): Recorded => {
    const at = slot * WORDS
    const half = at >> 1
    const flags = words[at + FLAGS]!
    const id = (from: number, count: number): string => hexOf(...words.subarray(from, from + count))
    const second = (flags & FOLLOWED) === 0 ? undefined : (slot + 1 === size ? 0 : slot + 1) * WORDS
    const uuid = (from: number, flag: number): string | undefined =>
      second === undefined || (words[second + FLAGS]! & flag) === 0 ? undefined : dashed(id(second + from, 4))
    const more = second === undefined ? [] : [0, 1, 2].map((i) => doubles[(second >> 1) + MORE + i]!)
    const parentId = id(at + PARENT, 2)
    return {
      shape: words[at + SHAPE]!,
      traceId: id(at, 4),
      spanId: id(at + SPAN, 2),
      parentId: parentId === NONE ? undefined : parentId,
      random: (flags & RANDOM) !== 0,
      at: doubles[half + AT]!,
      ms: doubles[half + MS]!,
      numbers: [doubles[half + NUMBER]!, ...more],
      messageId: uuid(0, HAS_MESSAGE),
      conversationId: uuid(CONVERSATION, HAS_CONVERSATION),
    }
  }

  return {
    write: (shape, { trace, high, low }, parent, began, ms, details) => {
      const at = advance() * WORDS
      const half = at >> 1
      words[at] = trace.a
      words[at + 1] = trace.b
      words[at + 2] = trace.c
      words[at + 3] = trace.d
      words[at + SPAN] = high
      words[at + SPAN + 1] = low
      words[at + PARENT] = parent === undefined ? 0 : parent.high
      words[at + PARENT + 1] = parent === undefined ? 0 : parent.low
      doubles[half + AT] = began
      doubles[half + MS] = ms
      doubles[half + NUMBER] = details === undefined ? Number.NaN : (details.numbers[0] ?? Number.NaN)
      const isFollowed = details !== undefined && hasSecond(details)
      words[at + FLAGS] = (trace.random ? RANDOM : 0) | (isFollowed ? FOLLOWED : 0)
      words[at + SHAPE] = shape
      if (isFollowed) writeSecond(details)
    },
    take: (isWanted) => {
      const found: Recorded[] = []
      for (let i = 0; i < size; i++) {
        const slot = next + i < size ? next + i : next + i - size
        const at = slot * WORDS
        if (words[at + SHAPE]! <= EMPTY || !isWanted(words[at]!, words[at + 1]!, words[at + 2]!, words[at + 3]!)) continue
        found.push(read(slot))
        words[at + SHAPE] = EMPTY
      }
      return found
    },
  }
}

const NONE = '0'.repeat(16)

function hasSecond({ messageId, conversationId, numbers }: Details): boolean {
  return messageId !== undefined || conversationId !== undefined || numbers.length > 1
}

function dashed(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
