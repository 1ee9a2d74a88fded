import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { realRuntime } from 'dure/runtime'
import { inTime } from 'dure/runtime/internal'
import type { Placed, PlaceWorld } from './place.ts'

/** Lines that are told of a process that ended too early. */
const LAST = 8

/** A program that runs for a test. @param signal how it is told something; default: by its process id */
export function beginChild(
  [program = '', ...words]: readonly string[],
  { onLine }: Pick<PlaceWorld, 'onLine'>,
  options: { readonly env?: Readonly<Record<string, string>>; readonly signal?: (name: NodeJS.Signals) => void } = {},
): Placed {
  // Its standard input ends with the test's process, and with that it ends as well.
  const child: ChildProcess = spawn(program, words, { env: { ...process.env, ...options.env }, stdio: ['pipe', 'pipe', 'pipe'] })
  const last: string[] = []
  for (const stream of [child.stdout!, child.stderr!])
    createInterface(stream).on('line', (line) => {
      last.push(line.slice(0, 1_000))
      if (last.length > LAST) last.shift()
      onLine(line)
    })
  child.stdin!.on('error', () => {})
  const ended = new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(error.message))
    child.on('close', (code, signal) => resolve([`it ended with ${signal ?? code}`, ...last].join('\n  ')))
  })
  const signal = options.signal ?? ((name) => void child.kill(name))
  const kill = async (): Promise<void> => {
    signal('SIGKILL')
    await ended
  }
  return {
    ended,
    kill,
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
    stop: async (timeout) => {
      signal('SIGTERM')
      await inTime(realRuntime().timers, timeout, ended, kill)
    },
  }
}
