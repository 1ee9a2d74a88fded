import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Running } from 'dure/service'
import { Counter } from './keyed.system.test-support.ts'
import { until } from './store.test-support.ts'

const CHILD = fileURLToPath(new URL('keyed.child.test-support.ts', import.meta.url))

export type Copy = {
  readonly pid: number
  readonly tell: (line: string) => void
  readonly signal: (signal: NodeJS.Signals) => void
  readonly kill: () => Promise<void>
  readonly heard: (beginning: string) => string | undefined
  readonly said: (beginning: string) => Promise<string>
}

export function startCopy(url: string, directory: string, number: number): Copy {
  const words = ['--conditions=dure-source', CHILD, url, directory, String(number)]
  const child = spawn(process.execPath, words, { stdio: ['pipe', 'pipe', 'inherit'] })
  const closed = once(child, 'close')
  const lines: string[] = []
  createInterface({ input: child.stdout }).on('line', (line) => void lines.push(line))
  const heard = (beginning: string): string | undefined => lines.find((line) => line.startsWith(beginning))
  const said = async (beginning: string): Promise<string> => {
    await until(() => heard(beginning) !== undefined)
    return heard(beginning)!
  }
  const tell = (line: string): void => void child.stdin.write(`${line}\n`)
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL')
    await closed
  }
  return { pid: child.pid!, tell, heard, said, kill, signal: (signal) => void child.kill(signal) }
}

/** A call as its caller saw it: after how many other events it was begun and answered. */
export type Seen = {
  readonly kind: 'add' | 'read'
  readonly name: string
  readonly from: number
  readonly to: number
  readonly value: number
}

/** Callers that add, and now and then read, each asking again with the same key until it is answered; two of each of the first names. */
export function load(running: Running, names: readonly string[]) {
  const client = running.client(Counter)
  const done: Seen[] = []
  let [ended, asked, time] = [false, 0, 0]
  const caller = async (name: string): Promise<void> => {
    while (!ended) {
      const idempotencyKey = `n${++asked}`
      const from = ++time
      const kind = asked % 4 === 0 ? 'read' : 'add'
      for (let value: number | undefined; value === undefined;) {
        const call =
          kind === 'read' ? client.read({ name }, { timeout: 2_000 }) : client.add({ name }, { idempotencyKey, timeout: 2_000 })
        value = await call.catch(() => undefined)
        if (value === undefined) await new Promise((resolve) => setTimeout(resolve, 20))
        else done.push({ kind, name, from, to: ++time, value })
      }
    }
  }
  const callers = [...names, ...names.slice(0, 4)].map(caller)
  /** Until each of these names has been added to so many times more. */
  const more = async (count: number, of: readonly string[] = names): Promise<void> => {
    const counts = (): number[] => of.map((name) => done.filter((one) => one.name === name).length)
    const before = counts()
    await until(() => counts().every((now, n) => now >= before[n]! + count))
  }
  return {
    done,
    more,
    end: async () => {
      ended = true
      await Promise.all(callers)
    },
  }
}
