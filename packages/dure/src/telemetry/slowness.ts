/** Calls after which it is known what is usual. */
const LEARNED = 200
/** How far one call moves what is taken for usual: at first, and later. */
const [FIRST, LATER] = [0.5, 0.05]
/** The part of all calls that is not slower than what is usual. */
const PART = 0.99
/** Times as slow as usual, and milliseconds, that a call has to be at least. */
const [TIMES, LEAST] = [2, 10]
/** Milliseconds: from nothing no part of it leads up. */
const SMALLEST = 0.01

/**
 * Which of many durations are slow beside the others. What is usual is their 99th percentile, followed by steps: up by a
 * part of itself when one is longer, down by a 99th of that when it is not, which rests where one in a hundred is longer. So
 * nothing is gathered, and what changes for good is usual after a while.
 */
export class Slowness {
  #count = 0
  #usual = 0

  /** Takes one more; whether it is slow. */
  add(ms: number): boolean {
    const learned = this.#count >= LEARNED
    if (!learned && this.#count++ === 0) this.#usual = Math.max(SMALLEST, ms)
    const usual = this.#usual
    const step = learned ? LATER : FIRST
    this.#usual = ms > usual ? usual * (1 + PART * step) : Math.max(SMALLEST, usual * (1 - (1 - PART) * step))
    return learned && ms > LEAST && ms > usual * TIMES
  }
}
