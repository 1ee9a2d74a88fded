import { seededRandom, type Runtime, type Timers } from 'dure/runtime'
import { createIds, sleepWith } from 'dure/runtime/internal'
import { createLogger, silentLogger, type Logger } from 'dure/telemetry'
import { logText } from 'dure/telemetry/internal'
import type { Engine, Owner, Task } from './engine.ts'
import type { Trace } from './trace.ts'

/** When every run begins, by the wall clock: milliseconds since the epoch. */
export const EPOCH = 1_767_225_600_000

/**
 * One life of one simulated process: its own view of time and chance, the files it holds open, and its end. What a dead
 * process still has running as promises runs into ports that never answer, so nothing it does is seen any more.
 */
export type Process = Owner & {
  /** Of the slot it lives in: `stock`, or `stock#2` for its second copy. */
  readonly name: string
  /** Of this life: `stock/2`. */
  readonly label: string
  readonly runtime: Runtime
  readonly log: Logger
  /** Milliseconds by which its wall clock is off. */
  clockOffset: number
  /** Files that the operating system closes when it dies. */
  readonly files: { readonly close: () => void }[]
  /** Told when it dies, after its files are closed. */
  readonly onDeath: (() => void)[]
  /**
   * A moment between two steps at which it may die. True when it has: whoever asks returns a promise that never settles
   * (`never`), because nobody is there to be answered.
   */
  readonly point: (what: string, detail?: string) => boolean
  /** Worth reading in the story of a run, and no step of it. */
  readonly note: (what: string, detail: string) => void
  /** Resolves after some virtual time; never, when it dies meanwhile. */
  readonly pause: (ms: number) => Promise<void>
}

/** What a dead process is answered. Another one each time: a promise holds whoever waits for it, and so the whole run. */
export function never(): Promise<never> {
  return new Promise(() => {})
}

export function createProcess(options: {
  readonly name: string
  readonly life: number
  readonly seed: number
  readonly engine: Pick<Engine, 'now' | 'at'>
  readonly trace: Trace
  /** Keeps what it logs for a timeline. */
  readonly speaks: boolean
  /** What servers of others answer; undefined: there are none. */
  readonly fetch?:
    | ((request: Request, process: { readonly name: string; readonly runtime: Runtime }) => Promise<Response>)
    | undefined
  /** Asked at every point; true kills it. */
  readonly dies: (process: Process, what: string) => boolean
}): Process {
  const { name, life, seed, engine, trace, dies } = options
  const label = life === 1 ? name : `${name}/${life}`
  const random = seededRandom(seed)
  const clock = {
    now: () => Math.floor(EPOCH + engine.now() + process.clockOffset),
    monotonic: () => engine.now(),
  }
  const after: Timers['after'] = (ms, task) => {
    if (process.state === 'dead') return { cancel: () => {} }
    const entry: Task = engine.at(engine.now() + Math.max(0, ms), process, task)
    return { cancel: () => void (entry.run = undefined) }
  }
  const timers: Timers = { after, sleep: sleepWith(after), soon: (task) => void engine.at(engine.now(), process, task) }
  const write = (line: string): void => {
    if (process.state === 'dead') return
    const { level, message, time: _time, ...fields } = JSON.parse(line) as Readonly<Record<string, unknown>>
    trace.note(engine.now(), label, `log.${String(level)}`, `${String(message)} ${shortened(fields)}`)
  }
  const ask = async (request: Request): Promise<Response> => {
    const { method, url } = request
    const place = `${method} ${new URL(url).host}`
    if (options.fetch === undefined)
      throw new Error('nobody answers in a simulation; give "fetch" of the simulation, which says what servers of others answer')
    if (process.point('request sent', place)) return never()
    const response = await options.fetch(request, { name, runtime: process.runtime })
    return process.point('request answered', `${place} ${response.status}`) ? never() : response
  }
  const process: Process = {
    name,
    label,
    state: 'alive',
    held: [],
    clockOffset: 0,
    files: [],
    onDeath: [],
    runtime: { clock, timers, random, ids: createIds({ clock, random }), fetch: ask },
    log: options.speaks ? createLogger({ clock, write }) : silentLogger(),
    point: (what, detail) => {
      if (process.state === 'dead') return true
      trace.add(engine.now(), label, what, detail)
      return dies(process, what)
    },
    note: (what, detail) => trace.note(engine.now(), label, what, detail),
    pause: (ms) => new Promise((resolve) => void after(ms, resolve)),
  }
  return process
}

/** Ends it as a kill does: at once, whatever it was doing. */
export function kill(process: Process): void {
  if (process.state === 'dead') return
  process.state = 'dead'
  process.held.length = 0
  closeFiles(process)
  for (const told of process.onDeath.splice(0)) told()
}

/** Takes its files away, as the operating system does from a dead process, and a database server from one that is fenced. */
export function closeFiles(process: Process): void {
  // Readers before the writer, the lock last: as they were opened, backwards.
  for (const file of process.files.splice(0).toReversed()) closeQuietly(file)
}

/** Lets a frozen process go on: everything that came meanwhile happens now, in order. */
export function thaw(process: Process, engine: Pick<Engine, 'again'>): void {
  if (process.state !== 'frozen') return
  process.state = 'alive'
  for (const task of process.held.splice(0)) engine.again(task)
}

function closeQuietly(file: { readonly close: () => void }): void {
  try {
    file.close()
  } catch {
    // It was closed before.
  }
}

function shortened(fields: object): string {
  const text = logText(fields, ['stack'])
  return text === '{}' ? '' : text.slice(0, 400)
}
