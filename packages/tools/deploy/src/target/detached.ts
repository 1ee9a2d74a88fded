/** A program that goes on when whoever started it has ended: supervised by a process of its own, and known by the folder it has. */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, openSync, closeSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { processIsAlive, type ProcessMark } from 'dure/discovery/internal'
import type { Timers } from 'dure/runtime'
import type { ProcessOptions } from 'dure/supervisor'
import { describedTrouble } from './wanted.ts'

export type DetachedOptions = {
  /** Its own, where its log, its state and who supervises it are. */
  readonly folder: string
  readonly process: Pick<ProcessOptions, 'name' | 'program' | 'node' | 'cwd' | 'sockets' | 'overlaps'>
  /** All of its environment beside PATH, HOME, TZ, LANG and TMPDIR: what the deployer has there is nobody else's. */
  readonly env: Readonly<Record<string, string>>
  readonly shutdownTimeout: number
}

/** What the one that supervises says of it, in `state.json`. */
export type DetachedState = { readonly ready: boolean; readonly restarts: number; readonly reason?: string }

/** A program beside this file, as it is in a checkout or as it was built. */
export const programBeside = (name: string): string =>
  fileURLToPath(new URL(`./${name}${extname(import.meta.url)}`, import.meta.url))

/** In a checkout the sources of other packages run as they are. */
export const nodeWords: readonly string[] = extname(import.meta.url) === '.ts' ? ['--conditions=dure-source'] : []

const CONTEXT = ['PATH', 'HOME', 'TZ', 'LANG', 'TMPDIR'] as const
/** Milliseconds that the supervising process may take to begin. */
const BEGIN = 30_000

/** Starts it, if it does not run; resolves when it is supervised, whether it is ready or not. @throws {DeployError} `TARGET` */
export async function startDetached(
  { folder, process: what, env, shutdownTimeout }: DetachedOptions,
  timers: Timers,
): Promise<void> {
  if (markOf(folder) !== undefined) return
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  writeAtomically(join(folder, 'state.json'), JSON.stringify({ ready: false, restarts: 0 } satisfies DetachedState))
  const file = join(folder, 'process.json')
  writeAtomically(file, JSON.stringify({ folder, process: what, shutdownTimeout }))
  const log = openSync(join(folder, 'supervisor.log'), 'a', 0o600)
  const context = Object.fromEntries(
    CONTEXT.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  )
  const child = spawn(process.execPath, [...nodeWords, programBeside('runner'), file], {
    ...{ cwd: folder, detached: true, stdio: ['ignore', log, log] },
    env: { ...context, ...env },
  })
  closeSync(log)
  let ended: string | undefined
  child.once('error', ({ message }) => (ended = message))
  child.once('exit', (code, signal) => (ended = signal ?? `code ${code}`))
  for (let waited = 0; markOf(folder) === undefined; waited += 10) {
    if (ended !== undefined || waited > BEGIN)
      throw describedTrouble(`start "${what.name}"`, [
        `${stateOf(folder).reason ?? `the process that supervises it ${ended === undefined ? 'does not begin' : `ended (${ended})`}`}; see "${folder}"`,
      ])
    await timers.sleep(10)
  }
  child.removeAllListeners()
  child.unref()
}

/** Whether it is supervised now. */
export const isRunning = (folder: string): boolean => markOf(folder) !== undefined

export function stateOf(folder: string): DetachedState {
  return readJson<DetachedState>(join(folder, 'state.json')) ?? { ready: false, restarts: 0 }
}

/** Has it finish what is under way and end; kills it when that takes twice as long as it may. Nothing happens when it does not run. */
export async function stopDetached(folder: string, shutdownTimeout: number, timers: Timers): Promise<void> {
  const mark = markOf(folder)
  if (mark === undefined) return
  process.kill(mark.pid, 'SIGTERM')
  for (let waited = 0; processIsAlive(mark); waited += 10) {
    if (waited > shutdownTimeout * 2) process.kill(mark.pid, 'SIGKILL')
    await timers.sleep(10)
  }
}

/** What `supervise` writes down of itself. */
function markOf(folder: string): ProcessMark | undefined {
  const mark = readJson<{ readonly supervisor?: ProcessMark }>(join(folder, 'supervisor.json'))?.supervisor
  return mark !== undefined && Number.isInteger(mark.pid) && mark.pid > 1 && processIsAlive(mark) ? mark : undefined
}

/** Undefined when it is not there, or cut short. */
export function readJson<T>(file: string): T | undefined {
  try {
    return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as T) : undefined
  } catch {
    return undefined
  }
}

/** The old content, or the new one. For its owner alone. */
export function writeAtomically(file: string, text: string): void {
  const draft = `${file}.${process.pid}`
  writeFileSync(draft, text, { mode: 0o600 })
  renameSync(draft, file)
}
