import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CallError } from '../../contract/contract.ts'
import { takeLock } from '../../data/adapter.ts'
import { markOf, processIsAlive, thisProcess, type ProcessMark } from '../../discovery/internal.ts'
import { makeFolder, type Timers } from '../../runtime/runtime.ts'
import { SupervisorError } from './errors.ts'

/** A directory's supervisor: who it is, and whom it has started, in `<directory>/supervisor.json`. */
export type PidFile = {
  /** Notes the processes that belong to it. */
  readonly note: (processes: readonly { readonly name: string; readonly pid: number }[]) => void
  readonly release: () => void
}

type Named = ProcessMark & { readonly name: string }
type Noted = { readonly supervisor: ProcessMark; readonly processes: readonly Named[] }

const named = (name: string, mark: ProcessMark | undefined): Named[] => (mark === undefined ? [] : [{ name, ...mark }])

/**
 * Makes this process the directory's supervisor. Where one was killed, its processes are stopping by themselves: they
 * are waited for, and killed when they take longer than `shutdownTimeout` milliseconds.
 * @throws {SupervisorError} when another one runs
 */
export async function takePidFile(directory: string, shutdownTimeout: number, timers: Timers): Promise<PidFile> {
  makeFolder(directory)
  const file = join(directory, 'supervisor.json')
  // Before it looks who is there: what it has seen may be over when it goes on.
  const lock = lockOf(directory, `${file}.lock`)
  const before = read(file)
  if (before !== undefined && before.supervisor.pid !== process.pid && processIsAlive(before.supervisor)) {
    lock.release()
    throw taken(directory, before.supervisor.pid)
  }
  await gone(before?.processes ?? [], shutdownTimeout, timers)

  const write = (processes: readonly Named[]): void => {
    const draft = `${file}.${process.pid}`
    writeFileSync(draft, JSON.stringify({ supervisor: thisProcess(), processes } satisfies Noted), { mode: 0o600 })
    renameSync(draft, file)
  }
  write([])
  return {
    note: (processes) => write(processes.flatMap(({ name, pid }) => named(name, markOf(pid)))),
    release: () => {
      rmSync(file, { force: true })
      lock.release()
    },
  }
}

/** Held until the process ends, however it does; one that stands still keeps it. */
function lockOf(directory: string, file: string): ReturnType<typeof takeLock> {
  try {
    return takeLock(file, 'supervisor')
  } catch (error) {
    const holder = error instanceof CallError ? error.details['holder'] : undefined
    throw typeof holder === 'number' ? taken(directory, holder) : error
  }
}

function taken(directory: string, pid: number): SupervisorError {
  return new SupervisorError(
    `Cannot start on "${directory}": process ${pid} runs the system on it already; stop that one, or choose another directory`,
  )
}

async function gone(processes: readonly ProcessMark[], shutdownTimeout: number, timers: Timers): Promise<void> {
  for (let waited = 0; processes.some(processIsAlive); waited += 20) {
    if (waited >= shutdownTimeout) for (const one of processes) if (processIsAlive(one)) process.kill(one.pid, 'SIGKILL')
    await timers.sleep(20)
  }
}

/** What is cut short or strange is as good as nothing: the lock keeps two supervisors apart. */
function read(file: string): Noted | undefined {
  try {
    const { supervisor, processes } = JSON.parse(readFileSync(file, 'utf8')) as Partial<Noted>
    const marks = (Array.isArray(processes) ? processes : []).filter(isMark)
    return isMark(supervisor) ? { supervisor, processes: marks } : undefined
  } catch {
    return undefined
  }
}

function isMark(value: unknown): value is Named {
  const { pid, began } = (value ?? {}) as Partial<Named>
  return Number.isInteger(pid) && pid! > 1 && typeof began === 'string'
}
