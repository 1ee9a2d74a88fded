/** systemd as the supervisor: what it hands to this process stands in the environment, and it is told in its own protocol how the process is. */
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { realRuntime } from '../../runtime/runtime.ts'
import { COPY, type Supervised } from './channel.ts'

type Environment = Record<string, string | undefined>

/** Says it, as Node cannot send datagrams to a Unix socket; it waits until it was heard. */
const NOTIFY = 'systemd-notify'
/** Where the file descriptors begin that it hands over (sd_listen_fds). */
const FIRST_SOCKET = 3
/** A credential of this name is an environment variable: `env_PASSWORD` is `PASSWORD`. */
const VARIABLE = /^env_([A-Za-z_]\w*)$/
/** What it says to one process, and not to those that this one starts. */
const OURS = ['NOTIFY_SOCKET', 'LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES', 'WATCHDOG_USEC', 'WATCHDOG_PID'] as const

/**
 * What a unit of systemd and this process have to do with each other; undefined when no unit says anything. Sockets of the unit are known
 * by their `FileDescriptorName=`. Credentials that are called `env_NAME` become variables of the environment, unless those are set.
 */
export function joinSystemd(env: Environment): Supervised | undefined {
  const { NOTIFY_SOCKET: socket, CREDENTIALS_DIRECTORY: credentials } = env
  const sockets = socketsOf(env)
  if (socket === undefined && sockets.size === 0 && credentials === undefined) return undefined
  if (credentials !== undefined) readCredentials(credentials, env)
  const beat = watchdogOf(env)
  const tell = socket === undefined ? async (): Promise<void> => {} : teller(socket, env['PATH'])
  for (const name of OURS) delete env[name]
  const { timers } = realRuntime()
  let leaving = false
  const pulse = async (pause: number): Promise<void> => {
    if (leaving) return
    // One after the other: when it does not come to it, that is what systemd is to notice.
    await tell('WATCHDOG=1')
    if (!leaving) timers.after(pause, () => void pulse(pause))
  }
  let stopped: Promise<string> | undefined
  return {
    loaded: async () => true,
    ready: () => {
      void tell('READY=1')
      if (beat !== undefined) void pulse(beat)
    },
    // Signals are heard by who waits for them: any other program ends by them, as ever.
    get stopped() {
      return (stopped ??= new Promise((resolve) => {
        const stop = (signal: NodeJS.Signals): void => {
          void tell('STOPPING=1')
          resolve(signal)
        }
        for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, stop)
      }))
    },
    manner: () => ({ everything: false, replaced: false }),
    sockets,
    copy: Number(env[COPY] ?? 1),
    placing: () => {},
    leave: () => void (leaving = true),
  }
}

/** Several of one name are those of one door: `game`, `game#2`. */
function socketsOf({ LISTEN_PID: pid, LISTEN_FDS: count, LISTEN_FDNAMES: said }: Environment): ReadonlyMap<string, number> {
  const sockets = new Map<string, number>()
  if (pid !== String(process.pid)) return sockets
  const names = (said ?? 'unknown').split(':').slice(0, Number(count))
  for (const [at, name] of names.entries()) {
    const same = names.slice(0, at).filter((one) => one === name).length
    sockets.set(same === 0 ? name : `${name}#${same + 1}`, FIRST_SOCKET + at)
  }
  return sockets
}

function readCredentials(folder: string, env: Environment): void {
  for (const file of readdirSync(folder)) {
    const name = VARIABLE.exec(file)?.[1]
    if (name !== undefined) env[name] ??= readFileSync(join(folder, file), 'utf8')
  }
}

/** Milliseconds between two signs of life: half of what it waits for one. */
function watchdogOf({ WATCHDOG_USEC: within, WATCHDOG_PID: pid = String(process.pid) }: Environment): number | undefined {
  return within === undefined || pid !== String(process.pid) ? undefined : Number(within) / 2_000
}

/** Says one thing after the other, each by a process of systemd's own program, hence `NotifyAccess=all`. Resolves when it was said. */
function teller(socket: string, path: string | undefined): (state: string) => Promise<void> {
  let last = Promise.resolve()
  const say = (state: string): Promise<void> =>
    new Promise((resolve) => {
      const fail = (why: string): void =>
        process.emitWarning(
          `Cannot tell systemd ${state}: ${why}; install ${NOTIFY}, which is a part of it, and let the unit have NotifyAccess=all`,
        )
      const child = spawn(NOTIFY, [state], {
        stdio: ['ignore', 'ignore', 'pipe'],
        env: { PATH: path, NOTIFY_SOCKET: socket },
      })
      let said = ''
      child.stderr.setEncoding('utf8').on('data', (text: string) => void (said = (said + text).slice(-500)))
      child.once('error', ({ message }) => {
        fail(message)
        resolve()
      })
      child.once('close', (code) => {
        if (code !== 0 && code !== null && child.pid !== undefined) fail(said.trim() || `it ended with code ${code}`)
        resolve()
      })
    })
  return (state) => (last = last.then(() => say(state)))
}
