import { spawn } from 'node:child_process'
import type { ListeningSockets } from './listening-sockets.ts'
import { lines } from './lines.ts'
import type { ProcessOptions, SupervisorOptions } from './options.ts'
import { nodeOptions } from './node-options.ts'

/** One process, from its start to its end. */
export type Launched = {
  readonly pid: number | undefined
  /** Resolves when its program is loaded and only waits to be told `go`; rejects when it ends instead. */
  readonly loaded: Promise<void>
  /** Resolves with what it said when it got ready; rejects when it ends instead. */
  readonly ready: Promise<unknown>
  /** Resolves when it has ended, with how: `ended with code 1`, `was killed by SIGKILL`. */
  readonly ended: Promise<string>
  /** Lets it begin its work. */
  readonly go: () => void
  /** Asks it to finish what is under way and end; kills it when that takes too long. */
  readonly stop: (options?: { readonly replaced?: boolean }) => Promise<void>
  readonly kill: () => void
}

/** What travels on the channel, from a process and to it. */
export type FromProcess =
  | { readonly dure: 'loaded' }
  | { readonly dure: 'ready'; readonly info: unknown }
  | { readonly dure: 'pulse' }
export type ToProcess =
  | { readonly dure: 'go' }
  | { readonly dure: 'stop'; readonly replaced: boolean }
  | { readonly dure: 'pulse' }

/** Set in the environment of every process that a supervisor starts. */
export const SUPERVISED = 'DURE_SUPERVISOR'
/** The names of the sockets it is handed, whose file descriptors begin after the channel's. */
export const SOCKETS = 'DURE_SOCKETS'
export const FIRST_SOCKET = 4
/** Which copy of its kind it is. */
export const COPY = 'DURE_COPY'

const LAST_WORDS = 20

export function launch(
  options: Pick<SupervisorOptions, 'onLine' | 'shutdownTimeout' | 'silence' | 'runtime'> & {
    readonly process: ProcessOptions
    readonly sockets: ListeningSockets | undefined
    readonly onSilence: () => void
  },
): Launched {
  const { process: what, sockets, runtime, onLine, shutdownTimeout = 20_000, silence = 30_000 } = options
  const { clock, timers } = runtime
  const { name, program, node = nodeOptions(process.execArgv, process.env['NODE_OPTIONS']), env, cwd } = what
  const child = spawn(process.execPath, [...node, ...program], {
    // The channel carries wishes and pulses; its end tells the process that its supervisor is gone.
    stdio: ['ignore', 'pipe', 'pipe', 'ipc', ...(sockets?.descriptors ?? [])],
    env: { ...process.env, ...env, [SUPERVISED]: String(process.pid), [SOCKETS]: JSON.stringify(sockets?.names ?? []) },
    cwd,
    // Ctrl-C at a terminal goes to everybody in the group; when to stop is the supervisor's to say.
    detached: true,
  })
  const said: string[] = []
  const hear = (stream: 'out' | 'error') => (text: string) => {
    said.push(text)
    if (said.length > LAST_WORDS) said.shift()
    onLine({ name, stream, text })
  }
  lines(child.stdout!, hear('out'))
  lines(child.stderr!, hear('error'))

  const loaded = Promise.withResolvers<void>()
  const ready = Promise.withResolvers<unknown>()
  const ended = Promise.withResolvers<string>()
  // Whoever waits for neither must not fall over them.
  loaded.promise.catch(() => {})
  ready.promise.catch(() => {})
  const over = (how: string): void => {
    pulse.cancel()
    const error = new Error(`Process "${name}" ${how}; the last it said: ${said.join('\n').trim() || 'nothing'}`)
    loaded.reject(error)
    ready.reject(error)
    ended.resolve(how)
  }
  /** When it was last heard of; a program that is still being loaded cannot speak yet. */
  let heard = Number.POSITIVE_INFINITY
  const tell = (message: ToProcess): void => {
    if (child.connected) child.send(message, () => {})
  }
  // A process that stands still long enough is as good as dead. One that this process could not listen to is not.
  let looked = clock.monotonic()
  const feel = (): void => {
    pulse = timers.after(silence / 10, feel)
    const now = clock.monotonic()
    if (now - looked > silence / 3 && heard < now) heard = now
    looked = now
    if (now - heard > silence) {
      options.onSilence()
      child.kill('SIGKILL')
    } else tell({ dure: 'pulse' })
  }
  let pulse = timers.after(silence / 10, feel)
  child.on('message', (message: FromProcess) => {
    heard = clock.monotonic()
    if (message?.dure === 'loaded') loaded.resolve()
    if (message?.dure === 'ready') ready.resolve(message.info)
  })
  child.once('error', (error) => over(`could not be started: ${error.message}`))
  // After `close`, so that the last words are there.
  child.once('close', (code, signal) => over(signal !== null ? `was killed by ${signal}` : `ended with code ${code}`))

  return {
    pid: child.pid,
    loaded: loaded.promise,
    ready: ready.promise,
    ended: ended.promise,
    go: () => tell({ dure: 'go' }),
    kill: () => void child.kill('SIGKILL'),
    stop: async ({ replaced = false } = {}) => {
      const timer = timers.after(shutdownTimeout, () => void child.kill('SIGKILL'))
      tell({ dure: 'stop', replaced })
      await ended.promise
      timer.cancel()
    },
  }
}
