import { setTimeout as sleep } from 'node:timers/promises'
import { seededRandom } from 'dure/runtime'
import type { DoorClient } from './door.ts'
import { idleQueue } from './idle.ts'
import { openLedger, type Ledger } from './ledger.ts'
import { followMarks, marksOf, type MarkFollower } from './marks.ts'
import { drawTransactions, type Mix } from './mix.ts'
import { createPace } from './pace.ts'
import { learnPopulation, type Population } from './population.ts'
import { drawProducts, drawSessions, type SessionOptions } from './session.ts'
import { transactions } from './transactions.ts'

export type DriverOptions = {
  readonly door: DoorClient
  /** How many transactions are outstanding at any time; with a `rate`, at most. */
  readonly concurrency: number
  /** Transactions that fall due a second, whatever becomes of those before. Default: one as soon as another has ended. */
  readonly rate?: number
  readonly seed: number
  readonly mix: Mix
  readonly sessions: SessionOptions
  /** Waits while the marketplace is known to be down. Default: a moment. */
  readonly available?: () => Promise<void>
  /** Whether to ask again after a checkout that got no answer. Default: always. */
  readonly insist?: () => boolean
}

/** Transactions against one marketplace: in a closed loop or, at a `rate`, an open one. */
export type Driver = {
  readonly ledger: Ledger
  readonly marks: MarkFollower
  readonly population: Population
  /** Keeps transactions going for so many seconds, or until the signal; resolves when the last has ended. */
  readonly run: (seconds: number, signal?: AbortSignal) => Promise<RunEnd>
  readonly stop: () => Promise<void>
}

export type RunEnd = {
  readonly seconds: number
  /** With a `rate`: how many fell due, and how many of them had not ended when the time was over. */
  readonly due?: number
  readonly unfinished?: number
}

/** @throws {DoorError} when the marketplace cannot be asked what it has */
export async function createDriver(options: DriverOptions): Promise<Driver> {
  const { door, concurrency, rate, seed, mix, sessions, available = () => sleep(10), insist = () => true } = options
  const now = (): number => performance.now()
  const population = await learnPopulation(door.get)
  const ledger = openLedger()
  const marks = followMarks({ open: marksOf(door), after: population.lastMark, now })
  const random = seededRandom(seed)
  // Names must differ from those of every earlier run on the same data, whatever the seed.
  const run = Date.now().toString(36)
  let named = 0

  return {
    ledger,
    marks,
    population,
    run: async (seconds, signal) => {
      let over = false
      let end = (): void => {}
      const ended = new Promise<void>((resolve) => (end = resolve))
      const begun = now()
      const finish = (): void => {
        over = true
        marks.release()
        end()
      }
      const timer = setTimeout(finish, seconds * 1000)
      signal?.addEventListener('abort', finish, { once: true })
      if (signal?.aborted) finish()
      const next = drawTransactions(mix, random)
      const carryOut = transactions({
        door,
        ledger,
        marks,
        population,
        idle: idleQueue(population.customers),
        random,
        now,
        plan: drawSessions(population.shelves, sessions, random),
        draw: drawProducts(population.shelves, sessions, random),
        name: () => `w${run}-${named++}`,
        over: () => over,
        available,
        insist,
      })
      const pace = rate === undefined ? undefined : createPace({ rate, begun, now })
      let done = 0
      const loop = async (): Promise<void> => {
        while (!over) {
          const due = await pace?.next()
          if (over) return
          await carryOut[next()](due)
          if (!over) done++
        }
      }
      try {
        const loops = Array.from({ length: concurrency }, loop)
        await ended
        const lasted = (now() - begun) / 1000
        const due = pace?.due()
        pace?.stop()
        // Whoever is in the middle of a request gets its answer; nobody waits for customers to become idle.
        await Promise.race([Promise.all(loops), sleep(10_000, undefined, { ref: false })])
        return { seconds: lasted, ...(due === undefined ? {} : { due, unfinished: due - done }) }
      } finally {
        clearTimeout(timer)
        signal?.removeEventListener('abort', finish)
      }
    },
    stop: () => marks.stop(),
  }
}
