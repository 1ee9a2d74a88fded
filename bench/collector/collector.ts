import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import type { BenchContext, BenchResult } from '../bench.ts'

export const peers = false

/** Lines that are stored before searches are measured; `DURE_BENCH_LINES` says otherwise. */
const LINES = Number(process.env['DURE_BENCH_LINES'] ?? 5_000_000)
const SPANS = 600_000
/** Lines, and spans, of a request. */
const AT_ONCE = 2_000
const SEARCHES = 21

/**
 * What a collector of one core takes: lines of `_bulk` and spans of OTLP in a second, both stored and found, and how long two words take among all
 * lines. Where there are two cores, it has one and whoever sends has the other.
 */
export async function bench({ progress }: BenchContext): Promise<BenchResult> {
  const directory = mkdtempSync(join(tmpdir(), 'dure-bench-collector-'))
  const program = [process.execPath, '--conditions=dure-source', join(import.meta.dirname, 'serve.ts'), directory]
  const pinned = availableParallelism() > 1 ? ['taskset', '-c', '1', ...program] : program
  const started = async (): Promise<{ readonly child: Served; readonly url: string }> => {
    const env = { ...process.env, NODE_COMPILE_CACHE: join(directory, 'compiled') }
    const child = spawn(pinned[0]!, pinned.slice(1), { stdio: ['ignore', 'pipe', 'inherit'], env })
    const [url] = (await once(createInterface(child.stdout), 'line')) as [string]
    return { child, url }
  }
  // Whoever installs it has no types to strip, which takes memory in each thread; nor has a second start.
  await ended((await started()).child)
  const { child, url } = await started()
  try {
    const post = poster(url)
    let largest = 0
    const look = (): void => {
      largest = Math.max(largest, rssOf(child.pid!))
    }
    progress(`${SPANS} spans`)
    const processor = (): number => processorOf(child.pid!)
    const spans = await rate({ count: SPANS, look, processor }, (from) => post('/v1/traces', 'application/json', spansOf(from)))
    progress(`${LINES} lines`)
    const lines = await rate({ count: LINES, look, processor }, (from) => post('/_bulk', 'application/x-ndjson', linesOf(from)))
    progress('searches')
    const took: number[] = []
    for (let i = 0; i < SEARCHES; i++) {
      const input = { words: `${WORDS[i % WORDS.length]} ${PLACES[i % PLACES.length]}`, limit: 50 }
      const began = performance.now()
      const answer = await post('/api/operator/logs/search', 'application/json', JSON.stringify(input))
      took.push(performance.now() - began)
      if (!answer.includes('"lines":[{')) throw new Error(`Nothing was found for "${input.words}"`)
    }
    look()
    const sorted = took.toSorted((a, b) => a - b)
    return {
      ratios: {},
      figures: {
        ...{ logs_per_second: lines.each, spans_per_second: spans.each },
        // What one core does when nothing else is on it.
        ...{ logs_per_cpu_second: lines.ofProcessor, spans_per_cpu_second: spans.ofProcessor },
        search_ms: sorted[Math.floor(sorted.length / 2)]!,
        search_slowest_ms: sorted.at(-1)!,
        rss_mb: largest,
        lines: LINES,
      },
    }
  } finally {
    await ended(child)
    rmSync(directory, { recursive: true, force: true })
  }
}

type Served = ChildProcessByStdio<null, Readable, null>

async function ended(child: Served): Promise<void> {
  const exit = once(child, 'exit')
  child.kill('SIGTERM')
  await exit
}

type Post = (path: string, type: string, body: string) => Promise<string>

function poster(url: string): Post {
  const { port } = new URL(url)
  return (path, type, body) =>
    new Promise((resolve, reject) => {
      const headers = { 'content-type': type, 'content-length': Buffer.byteLength(body) }
      const sent = request({ host: '127.0.0.1', port, method: 'POST', path, headers }, (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (part: string) => (text += part))
        response.once('end', () =>
          response.statusCode === 200 ? resolve(text) : reject(new Error(`${path}: ${response.statusCode} ${text}`)),
        )
      })
      sent.once('error', reject)
      sent.end(body)
    })
}

/** Two requests are under way at any time. */
async function rate(
  { count, look, processor }: { readonly count: number; readonly look: () => void; readonly processor: () => number },
  send: (from: number) => Promise<unknown>,
): Promise<{ readonly each: number; readonly ofProcessor: number }> {
  const [began, used] = [performance.now(), processor()]
  let next = 0
  const sender = async (): Promise<void> => {
    while (next < count) {
      const from = next
      next += AT_ONCE
      await send(from)
      if (from % (AT_ONCE * 50) === 0) look()
    }
  }
  await Promise.all([sender(), sender()])
  return { each: (count / (performance.now() - began)) * 1_000, ofProcessor: count / (processor() - used) }
}

const WORDS = ['placed', 'paid', 'shipped', 'refused', 'returned', 'cancelled', 'packed']
const PLACES = ['seoul', 'busan', 'daegu', 'incheon', 'gwangju']
const LEVELS = ['info', 'info', 'info', 'debug', 'warn', 'error']

function linesOf(from: number): string {
  let text = ''
  const now = new Date().toISOString()
  for (let i = from; i < from + AT_ONCE; i++) {
    const message = `Order ${i} was ${WORDS[i % 7]} in ${PLACES[i % 5]} after ${(i * 7) % 1_000} ms`
    const line = {
      '@timestamp': now,
      level: LEVELS[i % 6],
      message,
      service: `service-${i % 20}`,
      status: 200 + (i % 3),
      path: `/orders/${i % 1_000}`,
    }
    text += `{"index":{}}\n${JSON.stringify(line)}\n`
  }
  return text
}

function spansOf(from: number): string {
  const nanos = (ms: number): string => `${ms}000000`
  const now = Date.now()
  const spans = Array.from({ length: AT_ONCE }, (_, n) => {
    const [trace, i] = [Math.floor((from + n) / 10), from + n]
    return {
      ...{
        traceId: (trace + 1).toString(16).padStart(32, '0'),
        spanId: (i + 1).toString(16).padStart(16, '0'),
        name: `orders.operation-${i % 30}`,
        kind: 2,
      },
      ...(i % 10 === 0 ? {} : { parentSpanId: (trace * 10 + 1).toString(16).padStart(16, '0') }),
      ...{ startTimeUnixNano: nanos(now), endTimeUnixNano: nanos(now + (i % 50)) },
      attributes: [
        { key: 'rpc.method', value: { stringValue: 'place' } },
        { key: 'db.rows', value: { intValue: String(i % 10) } },
      ],
      status: {},
    }
  })
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: `service-${(from / AT_ONCE) % 20}` } }] }
  return JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ spans }] }] })
}

/** Seconds of a processor, of all its threads, where the system says it. */
function processorOf(pid: number): number {
  try {
    const [user, system] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ').slice(11, 13)
    return (Number(user) + Number(system)) / TICKS
  } catch {
    return NaN
  }
}
/** Of a second, as Linux counts. */
const TICKS = 100

/** Megabytes, where the system says it. */
function rssOf(pid: number): number {
  try {
    const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    return Number(kilobytes ?? 0) / 1_024
  } catch {
    return 0
  }
}
