/** The processes of the proof: those of the shop, and callers of another make. */
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Part } from './shop.test-support.ts'

const beside = (file: string): string => fileURLToPath(new URL(file, import.meta.url))

export type Process = { readonly kill: () => Promise<void> }

const killing = (child: ChildProcess): Process['kill'] => {
  const ended = once(child, 'close')
  return async () => {
    child.kill('SIGKILL')
    await ended
  }
}

/** A process of the shop, once it is ready. */
export async function started(part: Part): Promise<Process> {
  const child = spawn(process.execPath, ['--conditions=dure-source', beside('shop.test-support.ts'), JSON.stringify(part)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const kill = killing(child)
  const lines = createInterface(child.stdout)
  const [first] = (await Promise.race([once(lines, 'line'), once(child, 'exit')])) as [unknown]
  if (first !== 'ready') throw new Error(`A process of the shop (${part.part.join(', ')}) ended before it was ready`)
  return { kill }
}

export type Answer = { readonly status: number; readonly headers: ReadonlyMap<string, string>; readonly body: string }

/** Asks with curl. */
export async function curl(url: string, ...words: readonly string[]): Promise<Answer> {
  const { stdout } = await promisify(execFile)('curl', [
    '--silent',
    '--show-error',
    '--include',
    '--max-time',
    '20',
    ...words,
    url,
  ])
  const end = stdout.indexOf('\r\n\r\n')
  const [first = '', ...lines] = stdout.slice(0, end).split('\r\n')
  const headers = lines.map((line): [string, string] => {
    const at = line.indexOf(':')
    return [line.slice(0, at).toLowerCase(), line.slice(at + 1).trim()]
  })
  return { status: Number(first.split(' ')[1]), headers: new Map(headers), body: stdout.slice(end + 4) }
}

export type Call = { readonly at: number; readonly url: string; readonly status: number }

const python = (words: readonly string[]): ChildProcess =>
  spawn('python3', [beside('peers.py'), ...words], { stdio: ['pipe', 'pipe', 'inherit'] })

/** Python calls these addresses, each with so many calls of each of two callers, or (0) until it is ended. */
export function load(
  keyFile: string,
  urls: readonly string[],
  calls = 0,
): Process & { readonly end: () => Promise<readonly Call[]> } {
  const child = python(['load', keyFile, String(calls), ...urls])
  let out = ''
  child.stdout!.on('data', (bytes: Buffer) => (out += bytes.toString()))
  const ended = once(child, 'close')
  return {
    kill: killing(child),
    end: async () => {
      child.stdin!.end()
      await ended
      return (JSON.parse(out) as [number, string, number][]).map(([at, url, status]) => ({ at, url, status }))
    },
  }
}

export type Received = { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: string }

/** Python's receiver of webhooks. */
export function receiver(port: number, secret: string): Process & { readonly got: readonly Received[] } {
  const child = python(['receive', String(port), secret])
  const got: Received[] = []
  createInterface(child.stdout!).on('line', (line) => got.push(JSON.parse(line) as Received))
  return { got, kill: killing(child) }
}

/** Headers of a webhook that Python has signed. */
export async function signedByPython(secret: string, body: string): Promise<Readonly<Record<string, string>>> {
  const { stdout } = await promisify(execFile)('python3', [beside('peers.py'), 'sign', secret, body])
  return JSON.parse(stdout) as Readonly<Record<string, string>>
}

/** Waits until it is so, for a minute at most. */
export async function until(what: string, is: () => boolean | Promise<boolean>): Promise<void> {
  const began = performance.now()
  while (!(await is())) {
    if (performance.now() - began > 60_000) throw new Error(`It is not so after a minute: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
