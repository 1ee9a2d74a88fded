import type { BenchResult } from '../bench.ts'
import { withBoth, type Part, type Placed } from './placed.ts'
import type { Run } from './workload.ts'

/**
 * What a placement costs: the same number of transactions falls due a second, whatever becomes of those before, and
 * latency counts from when each was due (an open loop). Both are started afresh, so that what the full load has left in
 * their memory is not this one's. A round that does not count lets both get warm; then rounds alternate, and the calmest
 * counts.
 */
export async function runAtFixedRate(part: Part): Promise<BenchResult> {
  const { seconds, runs, warmUps, rate, many } = part.scale
  return withBoth(part, { name: 'fixed-rate' }, async ({ run }) => {
    const rounds: Placed<Run[]> = { together: [], split: [] }
    for (let round = 1 - warmUps; round <= runs; round++) {
      for (const placement of ['together', 'split'] as const) {
        const result = await run(placement, {
          outstanding: many,
          rate,
          ...(round < 1 ? { seconds: Math.ceil(seconds / 2) } : {}),
        })
        if (round > 0) rounds[placement].push(result)
      }
    }
    const [together, split] = [summary(rounds.together), summary(rounds.split)]
    return {
      ratios: {
        split_vs_together_p50: split.p50_ms / together.p50_ms,
        split_vs_together_p99: split.p99_ms / together.p99_ms,
        split_vs_together_cpu: split.cpu_ms_per_tx / together.cpu_ms_per_tx,
        split_vs_together_rss: split.rss_mb / together.rss_mb,
        split_vs_together_pss: split.pss_mb / together.pss_mb,
      },
      figures: { fixed_rate_tx_per_second: rate, ...named('together', together), ...named('split', split) },
    }
  })
}

type Summary = Readonly<Record<keyof ReturnType<typeof summary>, number | readonly number[]>>

function summary(rounds: readonly Run[]) {
  const calmest = rounds.reduce((best, each) => (each.p99_ms < best.p99_ms ? each : best))
  const done = ({ tx_per_second, seconds }: Run): number => tx_per_second * seconds
  return {
    finished_per_second: calmest.tx_per_second,
    unfinished: calmest.unfinished ?? 0,
    p50_ms: calmest.p50_ms,
    p95_ms: calmest.p95_ms,
    p99_ms: calmest.p99_ms,
    p99_ms_runs: rounds.map(({ p99_ms }) => p99_ms),
    checkout_at_rate_p50_ms: calmest.transactions['checkout']?.p50_ms ?? 0,
    checkout_at_rate_p99_ms: calmest.transactions['checkout']?.p99_ms ?? 0,
    cpu_ms_per_tx: Math.min(...rounds.map((each) => (each.cpuSeconds * 1_000) / done(each))),
    cpu_cores: calmest.cpuSeconds / calmest.seconds,
    rss_mb: Math.max(...rounds.map(({ rssMb }) => rssMb)),
    pss_mb: Math.max(...rounds.map(({ pssMb }) => pssMb)),
  }
}

function named(placement: string, summary: Summary): BenchResult['figures'] {
  return Object.fromEntries(Object.entries(summary).map(([name, value]) => [`${placement}_${name}`, value]))
}
