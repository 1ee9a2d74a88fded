import type { BenchContext, BenchResult } from '../bench.ts'
import { benchTwo, type TwoScale } from './two-shops.ts'

export const DATABASES_SCALE: TwoScale = { seconds: 20, runs: 3, many: 160, published: 48, rate: 60, products: 1_000 }

/** The whole marketplace in one process on SQLite and, in the same run, on a PostgreSQL of its own. */
export async function benchDatabases({ progress }: BenchContext, scale: TwoScale): Promise<BenchResult> {
  const { first, second, result } = await benchTwo({
    shops: { sqlite: { split: false, database: 'sqlite' }, postgres: { split: false, database: 'postgres' } },
    ratio: 'pg ÷ sqlite',
    scale,
    progress,
  })
  return {
    ...result,
    ratios: {
      postgres_vs_sqlite_tx: second.tx_per_second / first.tx_per_second,
      postgres_vs_sqlite_cpu: second.cpu_ms / first.cpu_ms,
      postgres_vs_sqlite_checkout_p50: second.checkout_at_rate_p50_ms / first.checkout_at_rate_p50_ms,
    },
  }
}
