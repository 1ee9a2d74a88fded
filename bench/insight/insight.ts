import type { BenchContext, BenchResult } from '../bench.ts'
import { benchTwo, type TwoScale } from '../marketplace/two-shops.ts'

export const SCALE: TwoScale = { seconds: 20, runs: 3, many: 160, published: 48, rate: 100, products: 1_000 }

/** The whole marketplace in one process and, in the same run, with the service of streams beside the others: what it costs to be told what happens over time. */
export async function bench({ progress }: BenchContext, scale: TwoScale = SCALE): Promise<BenchResult> {
  const { first, second, result } = await benchTwo({
    shops: { plain: { split: false }, insight: { split: false, insight: true } },
    ratio: 'insight ÷ plain',
    scale,
    progress,
  })
  return {
    ...result,
    ratios: {
      insight_vs_plain_tx: second.tx_per_second / first.tx_per_second,
      insight_vs_plain_cpu: second.cpu_ms / first.cpu_ms,
      insight_vs_plain_checkout_p50: second.checkout_at_rate_p50_ms / first.checkout_at_rate_p50_ms,
    },
  }
}
