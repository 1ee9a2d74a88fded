import { readFileSync } from 'node:fs'
import { isMainThread, threadId } from 'node:worker_threads'

/** Tells one process from a later one that was given the same number. */
export type ProcessMark = {
  readonly pid: number
  /** When it began, in the kernel's ticks since boot; empty where the system does not tell. */
  readonly began: string
  /** Which of its threads it is; the main one has none. */
  readonly thread?: number
}

let own: ProcessMark | undefined

export function thisProcess(): ProcessMark {
  return (own ??= {
    ...{ pid: process.pid, began: stateOf(process.pid)?.began ?? '' },
    ...(isMainThread ? {} : { thread: threadId }),
  })
}

/** The mark of a process that runs; undefined when there is none. */
export function markOf(pid: number): ProcessMark | undefined {
  const mark = { pid, began: stateOf(pid)?.began ?? '' }
  return processIsAlive(mark) ? mark : undefined
}

/** Whether that very process still runs. A killed one that its parent has not yet buried does not. */
export function processIsAlive({ pid, began }: ProcessMark): boolean {
  if (pid === process.pid) return began === thisProcess().began
  if (began !== '') {
    const state = stateOf(pid)
    return state !== undefined && state.began === began && state.state !== 'Z' && state.state !== 'X'
  }
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // It belongs to somebody else, so it is there.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** From Linux's /proc: proc(5), the third and the twenty-second field; the second, a name in brackets, may hold anything. */
function stateOf(pid: number): { readonly state: string; readonly began: string } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { state: fields[0] ?? '', began: fields[19] ?? '' }
  } catch {
    return undefined
  }
}
