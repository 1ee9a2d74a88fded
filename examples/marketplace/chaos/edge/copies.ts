import { fileURLToPath } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import { realRuntime } from 'dure/runtime'
import { supervise } from 'dure/supervisor'
import { SERVICE } from './shop.ts'
import type { Work } from './work.ts'

export type Copies = {
  readonly pidOf: (name: string) => number
  /** Kills it (-9), and waits until another has come in its place: milliseconds. */
  readonly kill: (name: string) => Promise<number>
  readonly stop: () => Promise<void>
}

const PROGRAM = fileURLToPath(new URL('./part.ts', import.meta.url))
export const [FIRST, SECOND] = [SERVICE, `${SERVICE}#2`]

/** A broker and two copies of the carts, kept running. */
export async function startCopies(options: {
  readonly directory: string
  readonly database: string
  readonly work: Work
  readonly say: (line: string) => void
}): Promise<Copies> {
  const { directory, database, work, say } = options
  const program = (part: string): readonly string[] => [PROGRAM, JSON.stringify([directory, database, part, work])]
  const back = new Map<string, number>()
  const supervisor = await supervise({
    directory,
    runtime: realRuntime(),
    processes: [
      { name: 'broker', program: program('broker') },
      { name: SERVICE, program: program(SERVICE), copies: 2 },
    ],
    onLine: ({ name, text }) => say(`${name} | ${text}`),
    onEvent: (event) => {
      if (event.kind === 'back') back.set(event.name, event.ms)
    },
  })
  const pidOf = (name: string): number => supervisor.processes().find((one) => one.name === name)!.pid!
  return {
    pidOf,
    kill: async (name) => {
      back.delete(name)
      process.kill(pidOf(name), 'SIGKILL')
      for (let waited = 0; !back.has(name); waited += 10) {
        if (waited > 60_000) throw new Error(`Process "${name}" did not come back within a minute`)
        await sleep(10)
      }
      return Math.round(back.get(name)!)
    },
    stop: () => supervisor.stop(),
  }
}
