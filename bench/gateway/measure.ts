/** Load on a proxy: wrk where it is installed, else a program of ours, which costs more beside the server that it shares a core with. */
import { fork, spawn } from 'node:child_process'
import { join } from 'node:path'
import { BESIDE, cpuOf, pin, runs, type Program } from './processes.ts'

export type Measured = {
  /** Requests a second. */
  readonly rps: number
  /** Milliseconds. */
  readonly p99: number
  /** Microseconds of CPU time a request, of both kinds. */
  readonly cpu: number
}

/** As clients send them. The key is one that the full gateway knows. */
export const HEADERS: readonly (readonly [string, string])[] = [
  ['Host', 'shop.example'],
  ['User-Agent', 'load'],
  ['Accept', '*/*'],
  ['X-Api-Key', 'secret'],
  ['Authorization', `Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1c2VyMSIsImV4cCI6OTk5OTk5OTk5OX0.${'abc'.repeat(10)}`],
]
const CONNECTIONS = 32
export const hasWrk: boolean = runs('sh', ['-c', 'command -v wrk'])

/** Asks over 32 connections, each again as soon as it is answered, for so many seconds. */
export async function measure(
  { pid, port, secure = false }: Program,
  seconds: number,
  path = '/orders/7?all=true',
): Promise<Measured> {
  const before = cpuOf(pid)
  const { answers, p99 } = hasWrk
    ? await byWrk(`${secure ? 'https' : 'http'}://127.0.0.1:${port}${path}`, seconds)
    : await byOurs(port, seconds, path)
  return { rps: answers / seconds, p99, cpu: (cpuOf(pid) - before) / answers }
}

type Load = { readonly answers: number; readonly p99: number }

async function byWrk(url: string, seconds: number): Promise<Load> {
  const headers = HEADERS.flatMap(([name, value]) => ['-H', `${name}: ${value}`])
  const words = ['-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, '--latency', ...headers, url]
  const child = spawn('wrk', words, { stdio: ['ignore', 'pipe', 'inherit'] })
  pin(child, BESIDE)
  let out = ''
  child.stdout.on('data', (bytes: Buffer) => (out += bytes.toString()))
  await new Promise((resolve) => child.once('close', resolve))
  const answers = Number(/(\d+) requests in/.exec(out)?.[1])
  const [, tail, unit] = /99%\s+([\d.]+)(us|ms|s)/.exec(out) ?? []
  // Who answers late on a busy machine has answered.
  if (!(answers > 0) || /Non-2xx|(?:connect|read|write) [1-9]/.test(out))
    throw new Error(`Cannot measure ${url}: wrk says\n${out}`)
  return { answers, p99: Number(tail) * { us: 0.001, ms: 1, s: 1_000 }[unit as 'us' | 'ms' | 's'] }
}

async function byOurs(port: number, seconds: number, path: string): Promise<Load> {
  const load = fork(join(import.meta.dirname, 'load.ts'), [String(port), String(seconds), path], {
    execArgv: ['--conditions=dure-source'],
  })
  pin(load, BESIDE)
  return new Promise((resolve, reject) => {
    load.once('message', (message) => resolve(message as Load))
    load.once('exit', (code) => reject(new Error(`The load ended with ${code}`)))
  })
}
