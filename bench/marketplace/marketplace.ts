import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BenchContext, BenchResult } from '../bench.ts'
import { benchDatabases, DATABASES_SCALE } from './databases.ts'
import { runAtFixedRate } from './fixed-rate.ts'
import { bareDoor } from './floor.ts'
import { runAtFullLoad } from './full-load.ts'
import type { Scale } from './placed.ts'
import { describePlacements } from './shown.ts'

const FULL: Scale = {
  seconds: 20,
  runs: 3,
  warmUps: 1,
  many: 160,
  published: 48,
  rate: 200,
  products: 1_000,
  bareSeconds: 5,
  restSeconds: 3,
}

/**
 * The whole marketplace under its published workload (headline mix), the driver in a process of its own on the same
 * machine: in one process and, in the same run, with each service in a process of its own. The best of three runs
 * counts, because other work on a machine only ever slows down; all are shown. A run whose invariants do not all hold
 * has no figure.
 * Then both carry the same load, a fixed number of transactions a second, for what each costs and how long it takes.
 * The floor is a bare node:http server answering the same number of requests to the same kind of client.
 * With `--database postgres`: in one process, on SQLite and on PostgreSQL (see `databases.ts`).
 */
export function bench(context: BenchContext): Promise<BenchResult> {
  return context.database === 'postgres' ? benchDatabases(context, DATABASES_SCALE) : benchMarketplace(context, FULL)
}

export async function benchMarketplace({ progress }: BenchContext, scale: Scale): Promise<BenchResult> {
  const directory = mkdtempSync(join(tmpdir(), 'dure-bench-marketplace-'))
  try {
    const full = await runAtFullLoad({ directory, scale, progress })
    const fixed = await runAtFixedRate({ directory, scale, progress })
    progress('the floor: a bare server')
    const bare = await bareDoor({ seconds: scale.bareSeconds, connections: 48 })
    const ratios = { transactions_vs_bare_requests: full.figures.tx_per_second / bare, ...full.ratios, ...fixed.ratios }
    const figures = { ...full.figures, ...fixed.figures, bare_requests_per_second: bare }
    return { ratios, figures, shown: describePlacements(figures) }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
