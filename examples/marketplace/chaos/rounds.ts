import { setTimeout as sleep } from 'node:timers/promises'
import type { Step, Storm, StormOptions } from './storm.ts'
import type { Visited } from './visitors.ts'

export type RoundsOptions = Pick<StormOptions, 'finished' | 'signal'> & {
  readonly rounds: number
  /** Clients beside the workload; ends when all have their answer. */
  readonly visit: () => { readonly end: () => Promise<Visited> }
  readonly onEvent: (event: { readonly round: number; readonly steps: readonly Step[] }) => void
  /** What is done in each round, under load; `underLoad` waits until it is at work again. */
  readonly act: (underLoad: () => Promise<void>) => Promise<readonly Step[]>
}

/** As many transactions as show that all is at work. */
const UNDER_LOAD = 50

/** Does what no caller may notice, again and again under load. */
export function createRounds({ rounds, finished, signal, visit, onEvent, act }: RoundsOptions): Storm {
  const underLoad = async (): Promise<void> => {
    const before = finished()
    for (let waited = 0; waited < 30_000 && finished() < before + UNDER_LOAD && !signal.aborted; waited += 10) await sleep(10)
  }
  return {
    up: () => true,
    run: async () => {
      const steps: Step[] = []
      let done = 0
      const visits = visit()
      let visited: Visited
      try {
        while (done < rounds && !signal.aborted) {
          await underLoad()
          if (signal.aborted) break
          const one = await act(underLoad)
          steps.push(...one)
          onEvent({ round: ++done, steps: one })
        }
        await underLoad()
      } finally {
        visited = await visits.end()
      }
      return { kills: 0, providerKills: 0, restarts: [], unnoticed: { rounds: done, steps, ...visited } }
    },
  }
}
