import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import type { BenchContext, BenchResult } from '../bench.ts'
import { cpuOf, MEASURED, memoryOf } from '../gateway/processes.ts'
import { linesOf, PLACES, poster, rate, spansOf, WORDS, type Post } from './load.ts'
import { others } from './others.ts'

/** It compares with programs that npm does not bring. */
export const peers = false

/** Lines that are stored before searches are measured; `DURE_BENCH_LINES` says otherwise. */
const LINES = Number(process.env['DURE_BENCH_LINES'] ?? 5_000_000)
const SPANS = Math.min(600_000, LINES)
/** Lines that each of the others gets, and we once more; and those before, for what gets faster as it runs. */
const COMPARED = Math.min(500_000, LINES)
const WARM = 50_000
const SEARCHES = 21
/** As `dure collector` starts. */
const SMALL_YOUNG = '--max-semi-space-size=8'
const GIVEN_BACK = { MALLOC_MMAP_THRESHOLD_: '131072' }

/**
 * What a collector of one core takes: lines of `_bulk` and spans of OTLP in a second, both stored and found, and how long two words take among all
 * lines. Where there are two cores, it has one and whoever sends has the other. The same lines go to VictoriaLogs and to OpenSearch, each on that core.
 */
export async function bench({ progress }: BenchContext): Promise<BenchResult> {
  const own = await inFolder((directory) => ourselves(directory, progress))
  progress(`${COMPARED} lines, to be compared`)
  const ours = await inFolder((directory) => withServed(directory, ({ post }) => taken(post, '/_bulk')))
  const ratios: Record<string, number> = {}
  const figures: Record<string, number> = {}
  for (const [name, { start, missing }] of Object.entries(others)) {
    await inFolder(async (directory) => {
      const other = await start(directory, progress)
      if (other === undefined) return progress(`✖ ${name} is not measured: ${missing}`)
      progress(`${COMPARED} lines, to ${name}`)
      try {
        const { port, pid } = other.program
        const each = await taken(poster(`http://127.0.0.1:${port}`), other.bulk, other.settle)
        const found = await other.count()
        if (found !== COMPARED + WARM) throw new Error(`${name} was sent ${COMPARED + WARM} lines, and finds ${found}`)
        ratios[`vs_${name}`] = ours / each
        figures[`${name}_logs_per_second`] = each
        figures[`${name}_rss_mb`] = memoryOf(pid)
      } finally {
        other.program.stop()
      }
    })
  }
  return { ratios, figures: { ...own, compared_logs_per_second: ours, ...figures } }
}

/** Lines a second, from the first to when all are found. */
async function taken(post: Post, path: string, settle?: string): Promise<number> {
  const send = (from: number) => post(path, 'application/x-ndjson', linesOf(from))
  await rate({ count: WARM }, send)
  const began = performance.now()
  await rate({ count: COMPARED }, (from) => send(from + WARM))
  if (settle !== undefined) await post(settle, 'application/json', '')
  return (COMPARED / (performance.now() - began)) * 1_000
}

async function ourselves(directory: string, progress: BenchContext['progress']): Promise<Readonly<Record<string, number>>> {
  // Whoever installs it has no types to strip, which takes memory in each thread; nor has a second start, once both threads have worked.
  await withServed(directory, async ({ post }) => {
    await post('/_bulk', 'application/x-ndjson', linesOf(0))
    await post('/api/operator/logs/search', 'application/json', '{"words":"placed","limit":1}')
  })
  return withServed(directory, async ({ post, pid }) => {
    let largest = 0
    const look = (): void => {
      largest = Math.max(largest, memoryOf(pid))
    }
    const processor = (): number => cpuOf(pid) / 1_000_000
    progress(`${SPANS} spans`)
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
      ...{ logs_per_second: lines.each, spans_per_second: spans.each },
      // What one core does when nothing else is on it.
      ...{ logs_per_cpu_second: lines.ofProcessor, spans_per_cpu_second: spans.ofProcessor },
      search_ms: sorted[Math.floor(sorted.length / 2)]!,
      search_slowest_ms: sorted.at(-1)!,
      rss_mb: largest,
      lines: LINES,
    }
  })
}

async function inFolder<T>(work: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'dure-bench-collector-'))
  try {
    return await work(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true, maxRetries: 20 })
  }
}

type Served = { readonly post: Post; readonly pid: number }

/** Our collector, for as long as somebody works with it. */
async function withServed<T>(directory: string, work: (served: Served) => Promise<T>): Promise<T> {
  const node = [process.execPath, SMALL_YOUNG, '--conditions=dure-source']
  const program = [...node, join(import.meta.dirname, 'serve.ts'), directory]
  const [command, ...words] = availableParallelism() > 1 ? ['taskset', '-c', String(MEASURED), ...program] : program
  const env = { ...process.env, ...GIVEN_BACK, NODE_COMPILE_CACHE: join(directory, 'compiled') }
  const child: ChildProcessByStdio<null, Readable, null> = spawn(command!, words, { stdio: ['ignore', 'pipe', 'inherit'], env })
  try {
    const [url] = (await once(createInterface(child.stdout), 'line')) as [string]
    return await work({ post: poster(url), pid: child.pid! })
  } finally {
    const exit = once(child, 'exit')
    child.kill('SIGTERM')
    await exit
  }
}
