import { spawn, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** Keeps one child process of `dure` running, and replaces it when asked. */
export type Supervisor = {
  /** Lets the child finish and starts a fresh one; asked again meanwhile, still one. */
  readonly restart: () => void
  readonly stop: () => Promise<void>
}

// A child that does not end by itself in this time is ended.
const STOP_TIMEOUT = 15_000

export function supervise(options: {
  readonly args: readonly string[]
  readonly cwd: string
  /** Told when the child ended by itself: `ended`, `failed with code 1`, `was killed by SIGKILL`. */
  readonly onExit: (how: string) => void
}): Supervisor {
  let child: ChildProcess | undefined
  let replacing: Promise<void> | undefined
  let stopped = false

  const launch = (): void => {
    const bin = fileURLToPath(new URL('../bin/dure.js', import.meta.url))
    const started = spawn(process.execPath, [...process.execArgv, bin, ...options.args], {
      cwd: options.cwd,
      // The channel carries the wish to stop, and its end tells the child that nobody is left to ask.
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { ...process.env, DURE_SUPERVISED: '1' },
    })
    child = started
    started.once('exit', (code, signal) => {
      if (child !== started) return
      child = undefined
      options.onExit(signal !== null ? `was killed by ${signal}` : code === 0 ? 'ended' : `failed with code ${code}`)
    })
  }

  const end = async (): Promise<void> => {
    const leaving = child
    if (leaving === undefined) return
    child = undefined
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => leaving.kill('SIGKILL'), STOP_TIMEOUT)
      leaving.once('exit', () => {
        clearTimeout(timer)
        resolve()
      })
      if (leaving.connected) leaving.send('stop')
      else leaving.kill('SIGTERM')
    })
  }

  launch()
  return {
    restart: () => {
      replacing ??= end().then(() => {
        replacing = undefined
        if (!stopped) launch()
      })
    },
    stop: async () => {
      stopped = true
      await replacing
      await end()
    },
  }
}
