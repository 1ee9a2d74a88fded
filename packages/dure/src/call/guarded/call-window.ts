import { CallError, DeclaredError } from '../../contract/contract.ts'
import { refusedBy, type AnsweredBy, type Refuser } from '../../resilience/resilience.ts'
import { timeWindow, type Window } from '../../resilience/internal.ts'
import type { Clock } from '../../runtime/runtime.ts'

/** How calls have ended: with an answer of somebody, with a declared error or a wrong call, with a failure, or not begun. */
export type CallEnd = AnsweredBy | Refuser | 'refusedByCallee' | 'failed' | 'timeout' | 'fallbackFailed'

const ENDS: readonly CallEnd[] = [
  'callee',
  'cache',
  'fallback',
  'stale',
  'breaker',
  'rateLimit',
  'limit',
  'bulkhead',
  'refusedByCallee',
  'failed',
  'timeout',
  'fallbackFailed',
]

const KINDS = Object.fromEntries(ENDS.map((end, kind) => [end, kind])) as Readonly<Record<CallEnd, number>>

/** Milliseconds that are looked at. */
const WINDOW = 10_000
/** Durations that are remembered, of the last calls. */
const DURATIONS = 256

/** How calls have ended lately, and since they began. */
export class CallWindow {
  readonly #clock: Clock
  readonly #lately: Window
  readonly #ever = new Float64Array(ENDS.length)
  /** Of calls for which a fallback was asked: how they had ended before. */
  readonly #behind: Window
  readonly #durations = new Float64Array(DURATIONS)
  #count = 0
  #underWay = 0

  constructor(clock: Clock) {
    this.#clock = clock
    this.#lately = timeWindow(WINDOW, ENDS.length, clock.monotonic())
    this.#behind = timeWindow(WINDOW, ENDS.length, clock.monotonic())
  }

  begun(): void {
    this.#underWay++
  }

  /** A fallback is asked, because of this. */
  fellBack(error: unknown): void {
    this.#behind.add(KINDS[endOf(error)], this.#clock.monotonic())
  }

  answered(from: AnsweredBy, began: number, now: number): void {
    this.#note(from, began, now)
  }

  failed(error: unknown, began: number, now: number, hadFallback: boolean): void {
    const both = hadFallback && error instanceof CallError && error.cause instanceof AggregateError
    this.#note(both ? 'fallbackFailed' : endOf(error), began, now)
  }

  #note(end: CallEnd, began: number, now: number): void {
    const kind = KINDS[end]
    this.#underWay--
    this.#lately.add(kind, now)
    this.#ever[kind]!++
    this.#durations[this.#count++ % DURATIONS] = now - began
  }

  /** Since they began. */
  ever(): Readonly<Record<CallEnd, number>> {
    return Object.fromEntries(ENDS.map((end, at) => [end, this.#ever[at]!])) as Record<CallEnd, number>
  }

  /** Of the last 10 seconds. */
  lately(): Readonly<Record<CallEnd, number>> {
    return this.#counts(this.#lately)
  }

  /** Of the last 10 seconds, and of calls for which a fallback was asked. */
  behind(): Readonly<Record<CallEnd, number>> {
    return this.#counts(this.#behind)
  }

  #counts(window: Window): Readonly<Record<CallEnd, number>> {
    const now = this.#clock.monotonic()
    return Object.fromEntries(ENDS.map((end, at) => [end, window.count(at, now)])) as Record<CallEnd, number>
  }

  underWay(): number {
    return this.#underWay
  }

  /** Milliseconds of the last calls, the shortest first. */
  durations(): readonly number[] {
    return [...this.#durations.subarray(0, Math.min(this.#count, DURATIONS))].toSorted((a, b) => a - b)
  }
}

function endOf(error: unknown): CallEnd {
  const by = refusedBy(error)
  if (by !== undefined) return by
  if (error instanceof DeclaredError) return 'refusedByCallee'
  if (!(error instanceof CallError)) return 'failed'
  switch (error.code) {
    case 'DEADLINE_EXCEEDED':
      return 'timeout'
    case 'UNAVAILABLE':
    case 'INTERNAL':
    case 'UNKNOWN':
    case 'DATA_LOSS':
      return 'failed'
    default:
      return 'refusedByCallee'
  }
}
