import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** The processes of a marketplace that is split, as one who looks from outside sees them: in files of its directory. */
export type Processes = {
  /** Names, without the supervisor's. */
  readonly names: () => readonly string[]
  /** Undefined while there is none. */
  readonly pidOf: (name: string) => number | undefined
  /** Whether the process takes calls. Doors take none from others: they are asked. */
  readonly isBack: (name: string, pid: number) => Promise<boolean>
  /** Waits until every process has ended, and ends those that do not. */
  readonly gone: () => Promise<void>
}

/** Milliseconds processes without their supervisor may take to finish. */
const PATIENCE = 30_000

export function processesOf(options: {
  readonly directory: string
  readonly doorsAnswer: () => Promise<boolean>
  /** Whether a process hosts the broker. Where that is a server of its own, the one that is named so takes no calls either. */
  readonly hostsBroker: boolean
}): Processes {
  const { directory, doorsAnswer, hostsBroker } = options

  const noted = (): readonly { readonly name: string; readonly pid: number }[] => {
    try {
      return (JSON.parse(readFileSync(join(directory, 'supervisor.json'), 'utf8')) as { processes: [] }).processes
    } catch {
      return []
    }
  }
  const registered = (service: string, pid: number): boolean =>
    readdirSync(join(directory, 'registry')).some((file) => {
      if (!file.startsWith(`${service}@`)) return false
      try {
        return (JSON.parse(readFileSync(join(directory, 'registry', file), 'utf8')) as { pid: number }).pid === pid
      } catch {
        // It has gone again meanwhile.
        return false
      }
    })
  return {
    names: () => noted().map(({ name }) => name),
    pidOf: (name) => noted().find((one) => one.name === name)?.pid,
    isBack: async (name, pid) => {
      if (name === 'doors') return doorsAnswer()
      if (name === 'broker' && !hostsBroker) return isAlive(pid)
      // A copy is an instance of its service.
      return registered(name === 'broker' ? 'dure-broker' : name.split('#', 1)[0]!, pid)
    },
    gone: async () => {
      const pids = noted().map(({ pid }) => pid)
      for (let waited = 0; pids.some(isAlive); waited += 50) {
        if (waited >= PATIENCE) for (const pid of pids) if (isAlive(pid)) process.kill(pid, 'SIGKILL')
        await sleep(50)
      }
    },
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
