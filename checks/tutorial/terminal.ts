import { spawn } from 'node:child_process'
import { stripVTControlCharacters } from 'node:util'

/** A command in a shell of its own, as in a terminal window. */
export type Terminal = {
  /** All that it has printed, of both outputs, in order. */
  readonly output: () => string
  readonly ended: () => boolean
  /** Its exit code. @throws when it has not ended after so many milliseconds, and ends it */
  readonly code: (most: number) => Promise<number>
  /** Where the shell stood when it ended. */
  readonly cwd: () => string | undefined
  /** What Ctrl-C does: to all that it runs. @throws when it does not end */
  readonly interrupt: () => Promise<void>
  readonly kill: () => Promise<void>
}

/** Milliseconds that a program may take to stop when it is asked to. */
const STOPS = 30_000

export function openTerminal(options: {
  readonly command: string
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
}): Terminal {
  const { command, cwd, env } = options
  // With a group of its own, which Ctrl-C is for. Through the fourth channel it says where it stood.
  const child = spawn('bash', ['-o', 'pipefail', '-c', `trap 'pwd -P >&3' EXIT\n${command}`], {
    ...{ cwd, env, detached: true },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  })
  let output = ''
  let stood = ''
  const take = (chunk: Buffer): void => void (output += chunk.toString())
  child.stdio[1]!.on('data', take)
  child.stdio[2]!.on('data', take)
  child.stdio[3]!.on('data', (chunk: Buffer) => (stood += chunk.toString()))
  const closed = new Promise<number>((resolve, reject) => {
    child.on('error', (cause) => reject(new Error(`Cannot open a shell: ${cause.message}`, { cause })))
    child.on('close', (code) => resolve(code ?? 1))
  })
  closed.catch(() => {})
  const signal = (name: NodeJS.Signals): void => {
    try {
      process.kill(-child.pid!, name)
    } catch {
      // It has ended.
    }
  }
  async function code(most: number): Promise<number> {
    const { promise, resolve } = Promise.withResolvers<undefined>()
    const timer = setTimeout(resolve, most, undefined)
    const ended = await Promise.race([closed, promise]).finally(() => clearTimeout(timer))
    if (ended !== undefined) return ended
    signal('SIGKILL')
    throw new Error(`It has not ended after ${most / 1_000} s:\n${output}`)
  }
  return {
    output: () => stripVTControlCharacters(output),
    ended: () => child.exitCode !== null || child.signalCode !== null,
    code,
    cwd: () => stood.trim() || undefined,
    interrupt: async () => {
      signal('SIGINT')
      await code(STOPS)
    },
    kill: async () => {
      signal('SIGKILL')
      await closed.catch(() => {})
    },
  }
}
