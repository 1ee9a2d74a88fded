import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BenchContext, BenchResult } from '../bench.ts'
import { bareDoor } from './floor.ts'

const ROOT = join(import.meta.dirname, '../..')
const SECONDS = 20
const RUNS = 3
/** Transactions outstanding: what loads one process fully, and what the benchmark's authors used on 64 cores. */
const [MANY, PUBLISHED] = [160, 48]

/**
 * The whole marketplace in one process under its published workload (headline mix), the driver in a process of its own
 * on the same machine. The best of three runs counts, because other work on a machine only ever slows down; all are
 * shown. A run whose invariants do not all hold has no figure.
 * The floor is a bare node:http server answering the same number of requests to the same kind of client.
 */
export async function bench({ progress }: BenchContext): Promise<BenchResult> {
  const directory = mkdtempSync(join(tmpdir(), 'dure-bench-marketplace-'))
  progress('starting the marketplace with 1,000 products')
  const shop = await startMarketplace(join(directory, 'data'))
  try {
    const rest = await restingMemory(shop.pid)
    const cpuBefore = cpuSeconds(shop.pid)
    const run = async (outstanding: number): Promise<Workload> => {
      progress(`workload for ${SECONDS} s, ${outstanding} transactions outstanding`)
      const result = await runWorkload({ url: shop.url, outstanding, json: join(directory, 'workload.json'), progress })
      const broken = result.invariants.filter(({ ok }) => !ok)
      if (broken.length > 0) throw new Error(`Cannot give a figure: broken ${broken.map(({ name }) => name).join(', ')}`)
      return result
    }
    const published = await run(PUBLISHED)
    const runs: Workload[] = []
    for (let i = 0; i < RUNS; i++) runs.push(await run(MANY))
    const workload = runs.reduce((best, each) => (each.tx_per_second > best.tx_per_second ? each : best))
    const cpu = cpuSeconds(shop.pid) - cpuBefore
    progress('the floor: a bare server')
    const bare = await bareDoor({ seconds: 5, connections: 48 })
    const { transactions } = workload
    const p99 = (type: string): number => transactions[type]?.p99_ms ?? 0
    return {
      ratios: { transactions_vs_bare_requests: workload.tx_per_second / bare },
      figures: {
        tx_per_second: workload.tx_per_second,
        tx_per_second_runs: runs.map((each) => each.tx_per_second),
        tx_per_second_48_outstanding: published.tx_per_second,
        start_ms: shop.startMs,
        rss_mb: rest,
        rss_after_mb: memory(shop.pid),
        cpu_seconds: cpu,
        checkout_p99_ms: p99('checkout'),
        delivery_p99_ms: p99('delivery'),
        dashboard_p99_ms: p99('dashboard'),
        anomalies: workload.anomalies,
        invariants_held: workload.invariants.length,
        bare_requests_per_second: bare,
      },
    }
  } finally {
    await shop.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

type Shop = { readonly url: string; readonly pid: number; readonly startMs: number; readonly stop: () => Promise<void> }

/** Starts the program users start, and times it to its `ready`. */
async function startMarketplace(data: string): Promise<Shop> {
  const started = performance.now()
  const child = spawn(
    process.execPath,
    [
      '--conditions=source',
      join(ROOT, 'examples/marketplace/main.ts'),
      '--port',
      '0',
      '--data',
      data,
      '--products',
      '1000',
      '--customers',
      '1000',
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const text = await output(child, /ready[\s\S]*?(http:\/\/[^\s]+)/)
  const url = new URL(/http:\/\/[^\s]+/.exec(text)![0]).origin
  return { url, pid: child.pid!, startMs: performance.now() - started, stop: () => stopped(child) }
}

/** What the child has printed once it matches. */
function output(child: ChildProcess, wanted: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    let errors = ''
    child.stderr!.on('data', (chunk: Buffer) => (errors = (errors + chunk.toString()).slice(-4_000)))
    child.stdout!.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      if (wanted.test(text)) resolve(text)
    })
    child.once('exit', (code) => reject(new Error(`Cannot start the marketplace: it ended with code ${code}\n${errors}`)))
  })
}

function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return Promise.resolve()
  return new Promise((resolve) => {
    child.removeAllListeners('exit')
    child.once('exit', () => resolve())
    child.kill('SIGTERM')
  })
}

type Workload = {
  readonly tx_per_second: number
  readonly transactions: Readonly<Record<string, { readonly p99_ms: number }>>
  readonly anomalies: number
  readonly invariants: readonly { readonly name: string; readonly ok: boolean }[]
}

async function runWorkload(options: {
  readonly url: string
  readonly outstanding: number
  readonly json: string
  readonly progress: (line: string) => void
}): Promise<Workload> {
  const { url, outstanding, json, progress } = options
  const child = spawn(
    process.execPath,
    [
      '--conditions=source',
      join(ROOT, 'examples/marketplace/workload/main.ts'),
      '--url',
      url,
      '--seconds',
      String(SECONDS),
      '--concurrency',
      String(outstanding),
      '--json',
      json,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => {
    errors = (errors + chunk.toString()).slice(-4_000)
    progress(`  ${chunk.toString().trim()}`)
  })
  child.stdout.resume()
  const code = await new Promise((resolve) => child.once('close', resolve))
  if (code !== 0 && code !== 1) throw new Error(`Cannot run the workload: it ended with code ${String(code)}\n${errors}`)
  return JSON.parse(readFileSync(json, 'utf8')) as Workload
}

/** Resident megabytes once they have stopped moving: the smallest of a few readings after start. */
async function restingMemory(pid: number): Promise<number> {
  const readings: number[] = []
  for (let i = 0; i < 10; i++) {
    await new Promise((resolve) => void setTimeout(resolve, 300))
    readings.push(memory(pid))
  }
  return readings.at(-1)!
}

function memory(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)![1]) / 1024
}

/** User and system seconds a process has used (Linux counts in hundredths). */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}
