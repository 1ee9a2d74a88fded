/** Programs that are measured: each on one core, where the system has a word for that. */
import { execFileSync, fork, spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The core of what is measured, and that of the load and of the server behind it. */
export const MEASURED = 0
export const BESIDE = 1

export type Program = {
  readonly pid: number
  readonly port: number
  /** It speaks TLS there. */
  readonly secure?: boolean
  readonly stop: () => void
  readonly tell: (word: string) => void
}

/** One of our own, told on which port it listens. */
export function ours(file: string, args: readonly string[], core: number, flags: readonly string[] = []): Promise<Program> {
  const child = fork(join(import.meta.dirname, file), args, {
    execArgv: ['--conditions=dure-source', ...flags],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  pin(child, core)
  const stop = (): void => void child.kill()
  const tell = (word: string): void => void child.send(word)
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`Cannot start ${file} ${args[0] ?? ''}: it ended with ${code}`)))
    child.once('message', (port) => resolve({ pid: child.pid!, port: Number(port), stop, tell }))
  })
}

/** Somebody else's, once it answers on its port at `ready`; undefined when it ends before that, as one that is not installed does. */
export async function theirs(
  command: readonly string[],
  {
    port,
    core,
    env = {},
    ready = '/orders/7',
  }: { readonly port: number; readonly core: number; readonly env?: NodeJS.ProcessEnv; readonly ready?: string },
): Promise<Program | undefined> {
  const [program, ...words] = command
  const child = spawn(program!, words, { stdio: 'ignore', env: { ...process.env, ...env } })
  let ended = false
  const over = (): void => {
    ended = true
  }
  child.once('error', over)
  child.once('exit', over)
  const until = performance.now() + 60_000
  while (!ended && performance.now() < until) {
    try {
      const { status } = await fetch(`http://127.0.0.1:${port}${ready}`, { signal: AbortSignal.timeout(1_000) })
      if (status === 200) {
        pin(child, core)
        return { pid: child.pid!, port, stop: () => void child.kill('SIGKILL'), tell: () => {} }
      }
    } catch {
      // Not yet.
    }
    await new Promise((resolve) => void setTimeout(resolve, 100))
  }
  child.kill('SIGKILL')
  return undefined
}

export function runs(program: string, words: readonly string[]): boolean {
  const { status, error } = spawnSync(program, words, { stdio: 'ignore' })
  return error === undefined && status === 0
}

export function pin({ pid }: Pick<ChildProcess, 'pid'>, core: number): void {
  try {
    execFileSync('taskset', ['-a', '-p', '-c', String(core), String(pid)], { stdio: 'ignore' })
  } catch {
    // A system without it measures as well, with more noise.
  }
}

/** Microseconds of both kinds of CPU time, of all its threads; the system counts them in hundredths of a second. */
export function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10_000
}

export function memoryOf(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1_024
}
