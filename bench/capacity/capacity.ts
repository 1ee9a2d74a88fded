import { spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BenchContext, BenchResult } from '../bench.ts'
import { startShop, type Shop } from '../marketplace/shop.ts'
import { runWorkload } from '../marketplace/workload.ts'

/** No package but Dure's. */
export const peers = false

export type CapacityScale = {
  readonly seconds: number
  readonly products: number
  /** Transactions due a second where costs are measured, and where what is predicted of these is. */
  readonly known: readonly number[]
  readonly predicted: readonly number[]
  /** Transactions outstanding where as many are done as can be. */
  readonly full: number
}
const SCALE: CapacityScale = { seconds: 30, products: 1_000, known: [15, 60], predicted: [30, 90, 120], full: 64 }

/** The marketplace split on PostgreSQL: what `dure plan` predicts of loads from two others, beside what these then take. */
export function bench(context: BenchContext): Promise<BenchResult> {
  return benchCapacity(context, SCALE)
}

export async function benchCapacity({ progress }: BenchContext, scale: CapacityScale): Promise<BenchResult> {
  const directory = mkdtempSync(join(tmpdir(), 'dure-bench-capacity-'))
  // As root, PostgreSQL runs as another user, who must be able to get there.
  chmodSync(directory, 0o755)
  const data = join(directory, 'data')
  const shop = await startShop({ data, split: true, database: 'postgres', products: scale.products })
  const measure = (load: Omit<Parameters<typeof measureAt>[0], 'shop' | 'data' | 'directory' | 'progress'>) =>
    measureAt({ ...{ shop, data, directory, progress }, ...load })
  try {
    // Programs get faster while they are new: the first seconds do not count.
    await measure({ name: 'warm', rate: scale.known.at(-1)!, seconds: scale.seconds })
    const known: string[] = []
    for (const rate of scale.known) known.push(await measure({ name: `known-${rate}`, rate, seconds: scale.seconds }))
    const compared = []
    for (const rate of scale.predicted) {
      const file = await measure({ name: `predicted-${rate}`, rate, seconds: scale.seconds })
      compared.push(await asked<Comparison>(['--measured', known.join(','), '--beside', file, '--json']))
    }
    const full = await measure({ name: 'full', rate: 0, outstanding: scale.full, seconds: scale.seconds })
    const most = await asked<Comparison>(['--measured', known.join(','), '--beside', full, '--json'])
    return resultOf(compared, most)
  } finally {
    await shop.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

type Beside = { readonly what: string; readonly predicted: number; readonly measured: number; readonly error: number }
type Comparison = {
  readonly rate: number
  readonly processors: readonly Beside[]
  readonly responses: readonly Beside[]
  readonly full?: { readonly what: string; readonly rate: number }
}

function resultOf(compared: readonly Comparison[], most: Comparison): BenchResult {
  const all = (rows: readonly Beside[]): Beside => rows.find(({ what }) => what === 'all')!
  const off = (numbers: readonly number[]): number => Math.max(...numbers.map(Math.abs))
  // Of a process that does next to nothing the hundredths that Linux counts in are a large part.
  const busy = compared.flatMap(({ processors }) => processors.filter(({ what, measured }) => what !== 'all' && measured >= 0.05))
  return {
    ratios: {
      processors_error: off(compared.map(({ processors }) => all(processors).error)),
      process_error: off(busy.map(({ error }) => error)),
      responses_error: off(compared.map(({ responses }) => all(responses).error)),
      full_predicted_vs_measured: (most.full?.rate ?? 0) / most.rate,
    },
    figures: {
      calls_per_second: compared.map(({ rate }) => rate),
      predicted_processors: compared.map(({ processors }) => all(processors).predicted),
      measured_processors: compared.map(({ processors }) => all(processors).measured),
      predicted_ms: compared.map(({ responses }) => all(responses).predicted),
      measured_ms: compared.map(({ responses }) => all(responses).measured),
      predicted_full_per_second: most.full?.rate ?? 0,
      measured_full_per_second: most.rate,
    },
    shown: [`predicted to be full first: ${most.full?.what ?? 'nothing'}`],
  }
}

/** Measures while the workload runs, but for its beginning and its end. Gives the file. */
async function measureAt(load: {
  readonly shop: Shop
  readonly data: string
  readonly directory: string
  readonly progress: (line: string) => void
  readonly name: string
  readonly rate: number
  readonly outstanding?: number
  readonly seconds: number
}): Promise<string> {
  const { shop, data, directory, progress, name, rate, outstanding = 400, seconds } = load
  progress(`${name}: ${rate === 0 ? `${outstanding} transactions outstanding` : `${rate} transactions a second`}, ${seconds} s`)
  const file = join(directory, `${name}.json`)
  const sent = Promise.withResolvers<void>()
  const measuring = sent.promise.then(() =>
    asked(['--data', data, '--seconds', String(Math.max(1, seconds - 8)), '--save', file], { json: false }),
  )
  const ran = runWorkload({
    shop,
    load: { seconds, outstanding, ...(rate === 0 ? {} : { rate }) },
    json: join(directory, 'workload.json'),
    progress,
    began: () => void setTimeout(sent.resolve, 4_000),
  })
  await ran
  await measuring
  return file
}

const DURE = join(import.meta.dirname, '../../packages/tools/cli/bin/dure.js')

/** @throws {Error} with what it said when it fails */
async function asked<T>(words: readonly string[], { json = true } = {}): Promise<T> {
  const child = spawn(process.execPath, ['--conditions=dure-source', DURE, 'plan', ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const text = { out: '', err: '' }
  child.stdout.on('data', (chunk: Buffer) => void (text.out += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => void (text.err += chunk.toString()))
  const code = await new Promise((resolve) => void child.once('close', resolve))
  if (code !== 0) throw new Error(`Cannot plan: ${text.err}`)
  return (json ? JSON.parse(text.out) : undefined) as T
}
