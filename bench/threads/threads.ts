import type { Running } from 'dure/service'
import type { Bench, BenchResult } from '../bench.ts'
import { withProcesses } from '../recovery/processes.ts'
import { desk, Neighbour, Nuisance } from './desk.ts'

const ROUNDS = 3
const CALLERS = 4
/** Milliseconds between two calls of a caller: a load, not a flood, so that what waits is the loop and not the queue. */
const EVERY = 4

type How = 'idle' | 'asleep' | 'working'

/**
 * A service whose loop is blocked for 6 s, and its neighbour in another thread of the same process: the neighbour's p99
 * before and meanwhile. Asleep blocks the loop alone; at work it takes a core away as well, from whatever has no other.
 */
export const bench: Bench = ({ progress }) => benchThreads(progress, 6_000)

export function benchThreads(progress: (line: string) => void, ms: number): Promise<BenchResult> {
  return withProcesses(
    { system: desk(), program: '../threads/desk.ts', copies: {}, env: {} },
    async ({ caller }): Promise<BenchResult> => {
      const seen: Record<How, number[]> = { idle: [], asleep: [], working: [] }
      await latencies(caller, ms)
      for (let round = 1; round <= ROUNDS; round++) {
        for (const how of ['idle', 'asleep', 'working'] as const) {
          progress(`round ${round} of ${ROUNDS}: the other thread is ${how}`)
          const blocked = how === 'idle' ? undefined : caller.client(Nuisance).block({ ms, how }, { timeout: ms * 10 })
          // Lost with its connection, whose other side says nothing for so long.
          const over = blocked?.catch(() => {})
          seen[how].push(...(await latencies(caller, ms)))
          await over
          await awake(caller)
        }
      }
      const p99 = (how: How): number => seen[how].toSorted((a, b) => a - b)[Math.floor(seen[how].length * 0.99)]!
      return {
        ratios: { asleep_vs_idle_p99: p99('asleep') / p99('idle'), working_vs_idle_p99: p99('working') / p99('idle') },
        figures: {
          ...{ idle_p99_ms: p99('idle'), asleep_p99_ms: p99('asleep'), working_p99_ms: p99('working') },
          longest_ms: Math.max(...seen.asleep, ...seen.working),
          calls: seen.idle.length + seen.asleep.length + seen.working.length,
        },
      }
    },
  )
}

/** How long calls to the neighbour take, over so many milliseconds. */
async function latencies(caller: Running, ms: number): Promise<readonly number[]> {
  const client = caller.client(Neighbour)
  const took: number[] = []
  const end = performance.now() + ms
  const one = async (): Promise<void> => {
    for (let due = performance.now(); due < end; due += EVERY) {
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())))
      const begun = performance.now()
      await client.look()
      took.push(performance.now() - begun)
    }
  }
  await Promise.all(Array.from({ length: CALLERS }, one))
  return took
}

/** Resolves when the other thread answers again. */
async function awake(caller: Running): Promise<void> {
  const nuisance = caller.client(Nuisance)
  for (;;) {
    try {
      return await nuisance.block({ ms: 0, how: 'asleep' }, { timeout: 500 })
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}
