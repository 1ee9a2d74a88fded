import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** A program that is started, killed and started again with the same words. */
export type Child = {
  /**
   * Starts it; resolves with the milliseconds it took to be ready.
   * @throws {ChildError} when it ends or stays silent instead, with the last it said
   */
  readonly start: () => Promise<number>
  /** SIGKILL: no chance to tidy up. Resolves when it is gone; at once when it was. */
  readonly kill: () => Promise<void>
  readonly signal: (signal: NodeJS.Signals) => void
  readonly running: () => boolean
  /** The last it said, on either stream. */
  readonly lastWords: () => string
}

export class ChildError extends Error {
  override readonly name = 'ChildError'
}

const MOST_SAID = 2_000

/** Every child that runs: whoever ends this process takes them along. */
const alive = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL')
})

export function createChild(options: {
  readonly name: string
  readonly words: readonly string[]
  /** What it prints when it is ready. */
  readonly ready: RegExp
  /** Milliseconds it may take; default 180,000: machines are busy. */
  readonly patience?: number
  /** Told of every line, on either stream. */
  readonly onLine?: (line: string) => void
  /** Beside the environment of this process. */
  readonly env?: Readonly<Record<string, string>>
}): Child {
  const { name, words, ready, patience = 180_000, onLine = () => {}, env = {} } = options
  let child: ChildProcess | undefined
  let said = ''
  const running = (): boolean => child !== undefined && child.exitCode === null && child.signalCode === null

  const start = async (): Promise<number> => {
    if (running()) throw new ChildError(`Cannot start ${name}: it runs already`)
    const begun = performance.now()
    // A group of its own: Ctrl-C is for the one who kills, who still wants to look at what is left.
    const started = spawn(process.execPath, ['--conditions=dure-source', ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      env: { ...process.env, ...env },
    })
    child = started
    alive.add(started)
    started.once('exit', () => alive.delete(started))
    said = ''
    await new Promise<void>((resolve, reject) => {
      const fail = (what: string): void =>
        reject(new ChildError(`${name} ${what}; the last it said: ${said.trim() || 'nothing'}`))
      const timer = setTimeout(() => fail(`was not ready after ${patience / 1000} s`), patience)
      // Both pipes are read to the end of its days, or a full pipe would stop it.
      const hear = (text: string): void => {
        said = (said + text).slice(-MOST_SAID)
        if (ready.test(said)) settle(resolve)
      }
      const ended = (code: number | null, signal: string | null): void => settle(() => fail(`ended with ${signal ?? code}`))
      const settle = (then: () => void): void => {
        clearTimeout(timer)
        started.off('exit', ended)
        then()
      }
      for (const stream of [started.stdout, started.stderr]) {
        stream.setEncoding('utf8').on('data', hear)
        createInterface(stream).on('line', onLine)
      }
      started.once('exit', ended)
      started.once('error', (error) => settle(() => fail(error.message)))
    })
    return performance.now() - begun
  }
  return {
    start,
    running,
    signal: (signal) => void child?.kill(signal),
    lastWords: () => said.trim(),
    kill: async () => {
      if (!child || !running()) return
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
    },
  }
}
