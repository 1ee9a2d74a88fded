import { spawn, type ChildProcess } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { endWithParent, freezeFamily, killFamily, thawFamily, type RunAs } from './process-family.ts'
import { inTime, realTimers } from './timers.ts'

/** A server that runs for the process that started it, and ends with it. */
export type RunningServer = {
  /** Those it listens on, the same at every start. */
  readonly ports: () => readonly number[]
  /** Undefined while it is down. */
  readonly pid: () => number | undefined
  /** Starts again on the same ports, after `stop` or `crash` or when it has ended by itself; nothing while it runs. */
  readonly start: () => Promise<void>
  /** Lets it shut down. One that has not after `shutdownTimeout` milliseconds (default 30,000) is ended as it is. */
  readonly stop: (options?: { readonly shutdownTimeout?: number }) => Promise<void>
  /** Kills every process of it at once (SIGKILL). */
  readonly crash: () => Promise<void>
  /** Every process of it stands still (SIGSTOP), with its connections open, until `thaw`. */
  readonly freeze: () => void
  readonly thaw: () => void
  /** The last lines it said. */
  readonly log: () => readonly string[]
  /** Stops, and removes `temporary`. */
  readonly close: () => Promise<void>
}

export type ServerProgram = {
  readonly command: string
  readonly words: readonly string[]
  readonly folder: string
  readonly env?: NodeJS.ProcessEnv
  readonly user?: RunAs | undefined
}

export type ServerOptions = {
  /** For messages: `a PostgreSQL`. */
  readonly name: string
  /** How many it needs, or those it is to have. */
  readonly ports: number | readonly number[]
  /** What to run, with these ports. */
  readonly program: (ports: readonly number[]) => ServerProgram
  /** A line of it that says that it can be used. */
  readonly ready: RegExp
  /** Last words after which another start may do: somebody has a port, or what a killed one had is not quite free yet. */
  readonly passing: RegExp
  /** Shuts it down, default SIGTERM; and ends it as it is, default SIGKILL. */
  readonly stopSignal?: NodeJS.Signals
  readonly quitSignal?: NodeJS.Signals
  /** A folder that goes with it. */
  readonly temporary: string | undefined
  /** The error of a start that fails. */
  readonly failed: (message: string) => Error
}

/** Outside the ports that systems give to outgoing connections, so that nobody takes it while the server is down. */
const [FIRST_PORT, LAST_PORT] = [20_000, 31_999]
const LOG_LINES = 400
/** Times that a start is tried while others have its port, or what a killed server had. */
const ATTEMPTS = 50
/** Milliseconds until a server that says nothing of being ready has failed. */
const START_TIMEOUT = 180_000
/** Milliseconds. PostgreSQL 18 waits for ever when it is told to stop in the midst of a recovery. */
const STOP_TIMEOUT = 30_000
/** Milliseconds that the last words of one that has ended are waited for, and how many they are. */
const [WORDS_TIMEOUT, WORDS] = [1_000, 12]

const timers = realTimers()

/** A server that is not started yet. */
export function localServer(options: ServerOptions): RunningServer {
  const { temporary, stopSignal = 'SIGTERM', quitSignal = 'SIGKILL' } = options
  const fixed = typeof options.ports !== 'number'
  let ports: readonly number[] = typeof options.ports === 'number' ? [] : options.ports
  let running: Run | undefined
  let frozen = false
  const lines: string[] = []

  const start = async (): Promise<void> => {
    if (running !== undefined) return
    for (let attempt = 1; ; attempt++) {
      const tried = typeof options.ports === 'number' && ports.length === 0 ? somePorts(options.ports) : ports
      try {
        const own = await run(options, tried, lines)
        running = own
        void own.over.then(() => {
          if (running === own) running = undefined
        })
        ports = tried
        return
      } catch (error) {
        if (!options.passing.test(String(error)) || attempt === ATTEMPTS) throw error
        if (fixed || ports.length > 0) await timers.sleep(100)
      }
    }
  }
  const end = async (how: (running: Run) => Promise<void>): Promise<void> => {
    const ending = running
    if (ending === undefined) return
    running = undefined
    // It would hear of nothing.
    if (frozen) thaw(ending)
    await how(ending)
  }
  const thaw = (thawing: Run): void => {
    thawFamily(thawing.pid)
    frozen = false
  }
  const quit = (ending: Run): Promise<void> => (quitSignal === 'SIGKILL' ? ending.kill() : ending.end(quitSignal))
  const stop: RunningServer['stop'] = ({ shutdownTimeout = STOP_TIMEOUT } = {}) =>
    end(async (ending) => {
      const late = timers.after(shutdownTimeout, () => void quit(ending), 'waited')
      await ending.end(stopSignal).finally(() => late.cancel())
    })
  return {
    ports: () => ports,
    pid: () => running?.pid,
    start,
    stop,
    crash: () => {
      frozen = false
      return end((ending) => ending.kill())
    },
    freeze: () => {
      if (running === undefined) return
      freezeFamily(running.pid)
      frozen = true
    },
    thaw: () => {
      if (running !== undefined) thaw(running)
    },
    log: () => lines,
    close: async () => {
      await (temporary === undefined ? stop() : end(quit))
      if (temporary !== undefined) rmSync(temporary, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

function somePorts(count: number): readonly number[] {
  const ports = new Set<number>()
  while (ports.size < count) ports.add(randomInt(FIRST_PORT, LAST_PORT))
  return [...ports]
}

type Run = {
  readonly pid: number
  /** Its process has ended. */
  readonly over: Promise<unknown>
  readonly end: (signal: NodeJS.Signals) => Promise<void>
  readonly kill: () => Promise<void>
}

/** One run of the server, from its start until it is ready. */
async function run(options: ServerOptions, ports: readonly number[], lines: string[]): Promise<Run> {
  const { name, quitSignal = 'SIGKILL' } = options
  const { command, words, folder, env, user } = options.program(ports)
  // Ctrl-C at a terminal is for whoever started the server; a server's own end is at his word.
  const child = spawn(command, words, { ...user, cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  const { pid } = child
  // What it leaves behind ends with it.
  const over = ended(child).then(async (how) => {
    if (pid !== undefined) await killed(pid)
    return how
  })
  const guard = pid === undefined ? undefined : endWithParent(pid, { user, signal: quitSignal, remove: options.temporary })
  const ready = Promise.withResolvers<void>()
  /** Of this run: processes of the one before may still add to the log. */
  const last: string[] = []
  const allSaid = [child.stdout, child.stderr].map((stream) => {
    const said = createInterface({ input: stream }).on('line', (line) => {
      if (options.ready.test(line)) ready.resolve()
      for (const [log, most] of [[lines, LOG_LINES] as const, [last, WORDS] as const]) {
        log.push(line)
        if (log.length > most) log.shift()
      }
    })
    return new Promise<void>((resolve) => void said.once('close', resolve))
  })
  const failed = (state: string): Error => options.failed(`Starting ${name} failed: ${state}. ${lastWords(last)}`)
  void over.then(async (how) => {
    guard?.release()
    // It ends before all that it said has been read; a process that it leaves behind may keep that open.
    await inTime(timers, WORDS_TIMEOUT, Promise.all(allSaid), () => {})
    ready.reject(failed(`it ended with ${how}`))
  })
  const kill = async (): Promise<void> => {
    if (pid !== undefined) await killed(pid)
    await over
  }
  const late = timers.after(START_TIMEOUT, () => {
    ready.reject(failed(`it was not ready within ${START_TIMEOUT} ms`))
    void kill()
  })
  await ready.promise.finally(() => late.cancel())
  return {
    pid: pid!,
    over,
    end: async (signal) => {
      child.kill(signal)
      await over
    },
    kill,
  }
}

async function killed(pid: number): Promise<void> {
  const left = killFamily(pid)
  for (let looks = 0; left() && looks < MOST_LOOKS; looks++) await timers.sleep(5)
}
/** A process that waits for a broken disk is not waited for for ever. */
const MOST_LOOKS = 1_000

/** How it ended: its code, or the signal. */
export async function ended(child: ChildProcess): Promise<string> {
  const [code, signal] = (await once(child, 'exit').catch((error: unknown) => [String(error)])) as [unknown, unknown]
  return String(code ?? signal)
}

export function lastWords(lines: readonly string[]): string {
  return `The last it said: ${lines.slice(-WORDS).join('\n').trim() || 'nothing'}`
}
