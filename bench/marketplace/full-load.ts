import type { BenchResult } from '../bench.ts'
import { withBoth, type Part, type Placed, type PlacedShops } from './placed.ts'
import { atRest, type Shop } from './shop.ts'
import type { Usage } from './usage.ts'
import type { Run } from './workload.ts'

/** As many transactions as go, and what is used for them. */
export async function runAtFullLoad(part: Part): Promise<{
  readonly ratios: BenchResult['ratios']
  readonly figures: BenchResult['figures'] & { readonly tx_per_second: number }
}> {
  const rest = new Map<Shop, Usage>()
  // Looked at before the other one is started.
  const started = async (shop: Shop): Promise<void> => void rest.set(shop, await atRest(shop, part.scale.restSeconds))
  return withBoth(part, { name: 'full-load', started }, async (placed) => {
    const { shops } = placed
    const { together, split } = await loadBoth(part, placed)
    const { transactions, anomalies, invariants } = together.best
    const p99 = (type: string): number => transactions[type]?.p99_ms ?? 0
    const after = { together: shops.together.usage(), split: shops.split.usage() }
    const atStart = { together: rest.get(shops.together)!, split: rest.get(shops.split)! }
    return {
      ratios: { split_vs_together_tx: split.best.tx_per_second / together.best.tx_per_second },
      figures: {
        tx_per_second: together.best.tx_per_second,
        tx_per_second_runs: together.runs.map((each) => each.tx_per_second),
        tx_per_second_48_outstanding: together.published.tx_per_second,
        start_ms: shops.together.startMs,
        rss_mb: atStart.together.rssMb,
        rss_after_mb: after.together.rssMb,
        cpu_seconds: together.cpuSeconds,
        checkout_p99_ms: p99('checkout'),
        delivery_p99_ms: p99('delivery'),
        dashboard_p99_ms: p99('dashboard'),
        anomalies,
        invariants_held: invariants.length,
        pss_mb: atStart.together.pssMb,
        split_tx_per_second: split.best.tx_per_second,
        split_tx_per_second_runs: split.runs.map((each) => each.tx_per_second),
        split_tx_per_second_48_outstanding: split.published.tx_per_second,
        split_processes: atStart.split.processes,
        split_start_ms: shops.split.startMs,
        split_rest_rss_mb: atStart.split.rssMb,
        split_rest_pss_mb: atStart.split.pssMb,
        split_rss_after_mb: after.split.rssMb,
        split_cpu_seconds: split.cpuSeconds,
        split_checkout_p99_ms: split.best.transactions['checkout']?.p99_ms ?? 0,
        split_anomalies: split.best.anomalies,
      },
    }
  })
}

type Loaded = {
  readonly best: Run
  readonly runs: readonly Run[]
  readonly published: Run
  /** Of all runs, with what the driver asks before and checks after. */
  readonly cpuSeconds: number
}

async function loadBoth({ scale }: Part, { shops, run }: PlacedShops): Promise<Placed<Loaded>> {
  const cpu = { together: 0, split: 0 }
  const runOne = async (placement: keyof typeof cpu, outstanding: number): Promise<Run> => {
    const before = shops[placement].usage().cpuSeconds
    const result = await run(placement, { outstanding })
    cpu[placement] += shops[placement].usage().cpuSeconds - before
    return result
  }
  const published = { together: await runOne('together', scale.published), split: await runOne('split', scale.published) }
  const runs: Placed<Run[]> = { together: [], split: [] }
  for (let round = 0; round < scale.runs; round++) {
    for (const placement of ['together', 'split'] as const) runs[placement].push(await runOne(placement, scale.many))
  }
  const loaded = (placement: keyof typeof cpu): Loaded => ({
    best: runs[placement].reduce((best, each) => (each.tx_per_second > best.tx_per_second ? each : best)),
    runs: runs[placement],
    published: published[placement],
    cpuSeconds: cpu[placement],
  })
  return { together: loaded('together'), split: loaded('split') }
}
