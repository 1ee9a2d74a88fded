import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BenchContext, BenchResult } from '../bench.ts'
import type { Scale } from './placed.ts'
import { describeColumns, type Row } from './shown.ts'
import { startShop, type Shop } from './shop.ts'
import { runWorkload, type Load, type Run } from './workload.ts'

export type DatabasesScale = Omit<Scale, 'bareSeconds' | 'restSeconds'>

export const DATABASES_SCALE: DatabasesScale = { seconds: 20, runs: 3, many: 160, published: 48, rate: 60, products: 1_000 }

const DATABASES = ['sqlite', 'postgres'] as const
type Database = (typeof DATABASES)[number]

/**
 * The whole marketplace in one process on SQLite and, in the same run, on a PostgreSQL of its own on the same machine,
 * both with commits that survive a power cut. What the server uses counts: it is a child of the marketplace. As many
 * transactions as go, of which the best of three runs counts; then both carry the same load. A run whose invariants do
 * not all hold has no figure.
 */
export async function benchDatabases({ progress }: BenchContext, scale: DatabasesScale): Promise<BenchResult> {
  const directory = mkdtempSync(join(tmpdir(), 'dure-bench-databases-'))
  // Started by root, PostgreSQL runs as somebody else, who must get there.
  chmodSync(directory, 0o755)
  const shops = new Map<Database, Shop>()
  try {
    for (const database of DATABASES) {
      progress(`starting the marketplace on ${database} with ${scale.products.toLocaleString('en')} products`)
      const data = join(directory, database)
      shops.set(database, await startShop({ data, split: false, products: scale.products, database }))
    }
    const run = (database: Database, load: Load): Promise<Run> => {
      const what = load.rate === undefined ? `${load.outstanding} outstanding` : `${load.rate} transactions due a second`
      progress(`${database}: workload for ${load.seconds} s, ${what}`)
      return runWorkload({ shop: shops.get(database)!, load, json: join(directory, 'workload.json'), progress })
    }
    const both = async (load: Load): Promise<Record<Database, Run>> => ({
      sqlite: await run('sqlite', load),
      postgres: await run('postgres', load),
    })
    const { seconds, many, published, rate } = scale
    const calm = await both({ seconds, outstanding: published })
    const rounds: Record<Database, Run>[] = []
    for (let round = 0; round < scale.runs; round++) rounds.push(await both({ seconds, outstanding: many }))
    const fixed = await both({ seconds, outstanding: many, rate })
    const of = (database: Database): Figures =>
      figuresOf(
        rounds.map((round) => round[database]),
        calm[database],
        fixed[database],
      )
    const [sqlite, postgres] = [of('sqlite'), of('postgres')]
    const figures = { fixed_rate_tx_per_second: rate, ...named('sqlite', sqlite), ...named('postgres', postgres) }
    return {
      ratios: {
        postgres_vs_sqlite_tx: postgres.tx_per_second / sqlite.tx_per_second,
        postgres_vs_sqlite_cpu: postgres.cpu_ms_per_tx / sqlite.cpu_ms_per_tx,
        postgres_vs_sqlite_checkout_p50: postgres.checkout_at_rate_p50_ms / sqlite.checkout_at_rate_p50_ms,
      },
      figures,
      shown: describeColumns({ columns: ['sqlite', 'postgres', 'pg ÷ sqlite'], rows: ROWS, figures }),
    }
  } finally {
    for (const shop of shops.values()) await shop.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

type Figures = ReturnType<typeof figuresOf>

function figuresOf(runs: readonly Run[], calm: Run, fixed: Run) {
  const best = runs.reduce((most, each) => (each.tx_per_second > most.tx_per_second ? each : most))
  const p99 = (run: Run, type: string): number => run.transactions[type]?.p99_ms ?? 0
  return {
    tx_per_second: best.tx_per_second,
    tx_per_second_runs: runs.map((each) => each.tx_per_second),
    tx_per_second_48_outstanding: calm.tx_per_second,
    checkout_p99_ms: p99(calm, 'checkout'),
    delivery_p99_ms: p99(calm, 'delivery'),
    invariants_held: best.invariants.length,
    finished_at_rate_per_second: fixed.tx_per_second,
    p50_at_rate_ms: fixed.p50_ms,
    p99_at_rate_ms: fixed.p99_ms,
    checkout_at_rate_p50_ms: fixed.transactions['checkout']?.p50_ms ?? 0,
    cpu_ms_per_tx: (fixed.cpuSeconds * 1_000) / (fixed.tx_per_second * fixed.seconds),
    pss_mb: fixed.pssMb,
  }
}

function named(database: Database, figures: Figures): BenchResult['figures'] {
  return Object.fromEntries(Object.entries(figures).map(([name, value]) => [`${database}_${name}`, value]))
}

const row = (title: string, name: string): Row => [title, `sqlite_${name}`, `postgres_${name}`]

const ROWS: readonly Row[] = [
  ['As many transactions as go'],
  row('  transactions a second', 'tx_per_second'),
  row('  the same, 48 outstanding', 'tx_per_second_48_outstanding'),
  row('  checkout p99, ms', 'checkout_p99_ms'),
  row('  delivery p99, ms', 'delivery_p99_ms'),
  ['At a fixed rate'],
  ['  transactions due a second', 'fixed_rate_tx_per_second', 'fixed_rate_tx_per_second'],
  row('  finished a second', 'finished_at_rate_per_second'),
  row('  latency p50, ms', 'p50_at_rate_ms'),
  row('  latency p99, ms', 'p99_at_rate_ms'),
  row('  checkout p50, ms', 'checkout_at_rate_p50_ms'),
  row('  CPU ms a transaction', 'cpu_ms_per_tx'),
  row('  memory, MB, shared pages once', 'pss_mb'),
]
