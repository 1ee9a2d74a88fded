import { setTimeout as sleep } from 'node:timers/promises'
import { ChildError } from './child.ts'
import type { Processes } from './processes.ts'
import type { Replaced, Storm, StormOptions } from './storm.ts'
import type { Visited } from './visitors.ts'

export type RollingEvent = { readonly kind: 'round'; readonly round: number; readonly replaced: readonly Replaced[] }

export type RollingOptions = Pick<StormOptions, 'marketplace' | 'finished' | 'signal'> & {
  readonly rounds: number
  readonly processes: Processes
  readonly said: Said
  /** Clients beside the workload; ends when all have their answer. */
  readonly visit: () => { readonly end: () => Promise<Visited> }
  readonly onEvent: (event: RollingEvent) => void
}

/** As many transactions as show that all is at work. */
const UNDER_LOAD = 50
/** Milliseconds a round may take. */
const PATIENCE = 300_000

/** Has every process of a split marketplace replaced, its doors included, again and again. */
export function createRolling(options: RollingOptions): Storm {
  const { marketplace, processes, said, rounds, finished, signal, visit, onEvent } = options
  const fallen = (what: string): ChildError =>
    new ChildError(`The marketplace is not what it should be: ${what}; the last it said: ${marketplace.lastWords() || 'nothing'}`)

  const underLoad = async (): Promise<void> => {
    const before = finished()
    for (let waited = 0; waited < 30_000 && finished() < before + UNDER_LOAD && !signal.aborted; waited += 10) await sleep(10)
  }

  const round = async (): Promise<readonly Replaced[]> => {
    const before = new Set(processes.names().map(processes.pidOf))
    said.clear()
    marketplace.signal('SIGUSR2')
    for (let waited = 0; !said.done(); waited += 10) {
      const trouble = said.trouble()
      if (trouble !== undefined) throw fallen(trouble)
      if (!marketplace.running()) throw fallen('it ended by itself')
      if (waited > PATIENCE) throw fallen('its processes are not replaced')
      await sleep(10)
    }
    // What it says is one thing; that nobody stayed is another.
    const stayed = processes.names().filter((name) => before.has(processes.pidOf(name)))
    if (stayed.length > 0) throw fallen(`process "${stayed.join('", "')}" was not replaced`)
    return said.replaced()
  }

  return {
    up: () => true,
    run: async () => {
      const replaced: Replaced[] = []
      let done = 0
      const visits = visit()
      let visited: Visited
      try {
        while (done < rounds && !signal.aborted) {
          await underLoad()
          if (signal.aborted) break
          const one = await round()
          replaced.push(...one)
          onEvent({ kind: 'round', round: ++done, replaced: one })
        }
        await underLoad()
      } finally {
        visited = await visits.end()
      }
      return { kills: 0, providerKills: 0, restarts: [], rolled: { rounds: done, replaced, ...visited } }
    },
  }
}

/** What a marketplace says while its processes are replaced. */
export type Said = {
  readonly hear: (line: string) => void
  readonly clear: () => void
  readonly done: () => boolean
  readonly replaced: () => readonly Replaced[]
  /** A line that tells of a process that fell over or could not be replaced. */
  readonly trouble: () => string | undefined
}

export function createSaid(): Said {
  let replaced: Replaced[] = []
  let done = false
  let trouble: string | undefined
  return {
    hear: (line) => {
      const [, name, ms] = /^Process "(.+)" replaced in (\d+) ms$/.exec(line) ?? []
      if (name !== undefined) replaced.push({ name, ms: Number(ms) })
      if (line === 'Every process has been replaced') done = true
      if (/^Cannot replace |; starting it again$|shows no sign of life/.test(line)) trouble ??= line
    },
    clear: () => {
      replaced = []
      done = false
    },
    done: () => done,
    replaced: () => replaced,
    trouble: () => trouble,
  }
}
