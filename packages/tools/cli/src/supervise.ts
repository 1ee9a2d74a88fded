import { spawn, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { realRuntime } from 'dure/runtime'
import type { FromWatched, ToWatched, Url } from './watched.ts'

/** Keeps one child process of `dure` running, and replaces it when asked. */
export type Supervisor = {
  /**
   * Starts a fresh child, and lets the one before finish once that has loaded its system; when it cannot, the one before
   * goes on. Asked again meanwhile, the latest counts.
   */
  readonly restart: () => void
  /** Whether a child imports this file, or tried to; everything counts while none runs. */
  readonly concerns: (path: string) => boolean
  readonly stop: () => Promise<void>
}

export type SupervisorOptions = {
  readonly args: readonly string[]
  readonly cwd: string
  /** Port of the inspector of the child. */
  readonly inspect?: number | undefined
  /** More of the environment of a child that is started now. */
  readonly env?: () => Readonly<Record<string, string>>
  readonly onImports: (files: readonly string[]) => void
  /** `ms`: since it was asked for. */
  readonly onReady: (ready: { readonly urls: readonly Url[]; readonly again: boolean; readonly ms: number }) => void
  /** Told when a child ended by itself; `why`: in its own words; `running`: the one before it goes on. */
  readonly onEnd: (ended: { readonly how: string; readonly why: string | undefined; readonly running: boolean }) => void
}

type Child = { readonly process: ChildProcess; readonly files: Set<string>; why: string | undefined; again: boolean }

// A child that does not end by itself in this time is ended.
const STOP_TIMEOUT = 15_000

export function supervise(options: SupervisorOptions): Supervisor {
  const { clock } = realRuntime()
  /** Does its work, or begins to. */
  let current: Child | undefined
  /** Loads its system. */
  let next: Child | undefined
  /** What imports the files that count: the latest that was started, whatever became of it. */
  let latest: Child | undefined
  let ending: Promise<void> | undefined
  let greeted = false
  let stopped = false

  const launch = (): void => {
    const asked = clock.monotonic()
    const child: Child = { process: spawnChild(options), files: new Set(), why: undefined, again: greeted }
    next = latest = child
    child.process.on('message', (message: FromWatched) => {
      if (message.dure === 'imports') {
        for (const file of message.files) child.files.add(file)
        options.onImports(message.files)
      }
      if (message.dure === 'failed') child.why = message.why
      if (message.dure === 'loaded') void replaceBy(child)
      if (message.dure === 'ready' && current === child) {
        greeted = true
        options.onReady({ urls: message.urls, again: child.again, ms: clock.monotonic() - asked })
      }
    })
    child.process.once('exit', (code, signal) => {
      if (stopped || signal === 'SIGINT' || (child !== next && child !== current)) return
      if (child === next) next = undefined
      else current = undefined
      const how = signal !== null ? `was killed by ${signal}` : code === 0 ? 'ended' : `failed with code ${code}`
      options.onEnd({ how, why: child.why, running: current !== undefined })
    })
  }

  const end = (): Promise<void> => {
    const leaving = current
    current = undefined
    ending = Promise.all([ending, leaving === undefined ? undefined : endChild(leaving.process, !stopped)]).then(() => {})
    return ending
  }

  const replaceBy = async (child: Child): Promise<void> => {
    if (next === child) await end()
    if (next !== child || stopped) return
    next = undefined
    current = child
    tell(child.process, { dure: 'go', again: child.again, inspect: options.inspect })
  }

  launch()
  return {
    restart: () => {
      if (stopped) return
      // It has only loaded so far.
      next?.process.kill('SIGKILL')
      launch()
    },
    concerns: (path) => current === undefined || current.files.has(path) || latest?.files.has(path) === true,
    stop: async () => {
      stopped = true
      next?.process.kill('SIGKILL')
      await end()
    },
  }
}

function spawnChild({ args, cwd, env }: SupervisorOptions): ChildProcess {
  const bin = fileURLToPath(new URL('../bin/dure.js', import.meta.url))
  return spawn(process.execPath, [...process.execArgv, bin, ...args], {
    cwd,
    // The channel carries the wish to stop, and its end tells the child that nobody is left to ask.
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, ...env?.(), DURE_WATCHED: '1' },
  })
}

const tell = (child: ChildProcess, message: ToWatched): void => {
  if (child.connected) child.send(message, () => {})
}

async function endChild(child: ChildProcess, replaced: boolean): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  await new Promise<void>((resolve) => {
    const timer = realRuntime().timers.after(STOP_TIMEOUT, () => child.kill('SIGKILL'))
    child.once('exit', () => {
      timer.cancel()
      resolve()
    })
    if (child.connected) tell(child, { dure: 'stop', replaced })
    else child.kill('SIGTERM')
  })
}
