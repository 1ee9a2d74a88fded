import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BenchResult } from '../bench.ts'
import type { Scale } from './placed.ts'
import { describeColumns, type Row } from './shown.ts'
import { startShop, type Shop, type ShopOptions } from './shop.ts'
import { runWorkload, type Load, type Run } from './workload.ts'

export type TwoScale = Omit<Scale, 'bareSeconds' | 'restSeconds' | 'warmUps'>

export type Two = Readonly<Record<string, Omit<ShopOptions, 'data' | 'products'>>>

/**
 * Two marketplaces on the same machine in the same run, both with commits that survive a power cut; a PostgreSQL of
 * their own counts as theirs, because it is their child. As many transactions as go, of which the best of the runs
 * counts; then both carry the same load. A run whose invariants do not all hold has no figure.
 * @param ratio as the second over the first is called in the table
 */
export async function benchTwo(options: {
  readonly shops: Two
  readonly ratio: string
  readonly scale: TwoScale
  readonly progress: (line: string) => void
}): Promise<{ readonly first: Figures; readonly second: Figures; readonly result: Pick<BenchResult, 'figures' | 'shown'> }> {
  const { shops: wanted, ratio, scale, progress } = options
  const [one, other] = Object.keys(wanted) as [string, string]
  const directory = mkdtempSync(join(tmpdir(), 'dure-bench-two-'))
  // Started by root, PostgreSQL runs as somebody else, who must get there.
  chmodSync(directory, 0o755)
  const shops = new Map<string, Shop>()
  try {
    for (const name of [one, other]) {
      progress(`${name}: starting the marketplace with ${scale.products.toLocaleString('en')} products`)
      shops.set(name, await startShop({ ...wanted[name]!, data: join(directory, name), products: scale.products }))
    }
    const run = (name: string, load: Load): Promise<Run> => {
      const what = load.rate === undefined ? `${load.outstanding} outstanding` : `${load.rate} transactions due a second`
      progress(`${name}: workload for ${load.seconds} s, ${what}`)
      return runWorkload({ shop: shops.get(name)!, load, json: join(directory, 'workload.json'), progress })
    }
    const both = async (load: Load): Promise<readonly [Run, Run]> => [await run(one, load), await run(other, load)]
    const { seconds, many, published, rate } = scale
    const calm = await both({ seconds, outstanding: published })
    const rounds: (readonly [Run, Run])[] = []
    for (let round = 0; round < scale.runs; round++) rounds.push(await both({ seconds, outstanding: many }))
    const fixed = await both({ seconds, outstanding: many, rate })
    const of = async (at: 0 | 1, name: string): Promise<Figures> => {
      const runs = rounds.map((round) => round[at])
      return { ...figuresOf(runs, calm[at], fixed[at]), deadlocks: await shops.get(name)!.deadlocks() }
    }
    const [first, second] = [await of(0, one), await of(1, other)]
    const figures = { fixed_rate_tx_per_second: rate, ...named(one, first), ...named(other, second) }
    return {
      first,
      second,
      result: { figures, shown: describeColumns({ columns: [one, other, ratio], rows: rowsOf(one, other), figures }) },
    }
  } finally {
    for (const shop of shops.values()) await shop.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

export type Figures = ReturnType<typeof figuresOf> & { readonly deadlocks: number }

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
    /** Of all its processes, the database's server included. */
    cpu_ms: (fixed.cpuSeconds * 1_000) / (fixed.tx_per_second * fixed.seconds),
    pss_mb: fixed.pssMb,
  }
}

function named(shop: string, figures: Figures): BenchResult['figures'] {
  return Object.fromEntries(Object.entries(figures).map(([name, value]) => [`${shop}_${name}`, value]))
}

function rowsOf(one: string, other: string): readonly Row[] {
  const row = (title: string, name: string): Row => [title, `${one}_${name}`, `${other}_${name}`]
  return [
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
    row('  CPU ms a transaction', 'cpu_ms'),
    row('  memory, MB, shared pages once', 'pss_mb'),
    ['In all of it'],
    row('  deadlocks in PostgreSQL', 'deadlocks'),
  ]
}
