import { seededRandom } from 'dure/runtime'
import { fractionOf } from '../import/hash.ts'
import type { Answer } from './charges.ts'

/** How unreliable the provider is: fractions of requests, and milliseconds. */
export type Unreliability = {
  readonly seed: number
  /** Fraction of invoices that are declined; which ones is settled by their number. */
  readonly declines: number
  /** Fraction of requests whose connection breaks before the charge, and after it. */
  readonly resetsBefore: number
  readonly resetsAfter: number
  /** Fraction of requests that are answered 503. */
  readonly refusals: number
  /** The longest that an answer takes. */
  readonly latency: number
}

export const UNRELIABLE: Unreliability = {
  seed: 1,
  declines: 0.03,
  resetsBefore: 0.005,
  resetsAfter: 0.005,
  refusals: 0.005,
  latency: 5,
}

export const RELIABLE: Unreliability = { seed: 1, declines: 0, resetsBefore: 0, resetsAfter: 0, refusals: 0, latency: 0 }

export type Mood = { readonly latency: number; readonly trouble: 'none' | 'reset before' | 'reset after' | 'refusal' }

/** One mood a request, in order of arrival; the same seed gives the same sequence. */
export function moods({ seed, resetsBefore, resetsAfter, refusals, latency }: Unreliability): () => Mood {
  const random = seededRandom(seed)
  return () => {
    const delay = random.number() * latency
    const chance = random.number()
    const trouble =
      chance < resetsBefore
        ? 'reset before'
        : chance < resetsBefore + resetsAfter
          ? 'reset after'
          : chance < resetsBefore + resetsAfter + refusals
            ? 'refusal'
            : 'none'
    return { latency: delay, trouble }
  }
}

/** Whether an invoice is paid: settled by its number alone, so that asking again cannot change it. */
export function decision({ seed, declines }: Unreliability, key: string): Answer {
  return fractionOf(seed, key) < declines ? { status: 'declined', reason: 'insufficient_funds' } : { status: 'succeeded' }
}
