import { setTimeout as sleep } from 'node:timers/promises'
import { ChildError } from './child.ts'
import type { Processes } from './processes.ts'
import { createRounds, type RoundsOptions } from './rounds.ts'
import type { Step, Storm, StormOptions } from './storm.ts'

export type RollingOptions = Omit<RoundsOptions, 'act'> &
  Pick<StormOptions, 'marketplace'> & {
    readonly processes: Processes
    readonly said: Said
  }

/** Milliseconds a round may take. */
const PATIENCE = 300_000

/** Has every process of a split marketplace replaced, its doors included, again and again. */
export function createRolling({ marketplace, processes, said, ...rounds }: RollingOptions): Storm {
  const fallen = (what: string): ChildError =>
    new ChildError(`The marketplace is not what it should be: ${what}; the last it said: ${marketplace.lastWords() || 'nothing'}`)

  const round = async (): Promise<readonly Step[]> => {
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

  return createRounds({ ...rounds, act: round })
}

/** What a marketplace says while its processes are replaced. */
export type Said = {
  readonly hear: (line: string) => void
  readonly clear: () => void
  readonly done: () => boolean
  readonly replaced: () => readonly Step[]
  /** A line that tells of a process that fell over or could not be replaced. */
  readonly trouble: () => string | undefined
}

export function createSaid(): Said {
  let replaced: Step[] = []
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
