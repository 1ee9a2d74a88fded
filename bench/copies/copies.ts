import type { BenchContext, BenchResult } from '../bench.ts'
import { benchTwo, type TwoScale } from '../marketplace/two-shops.ts'

const SERVICES = ['audit', 'cart', 'customer', 'order', 'payment', 'product', 'seller', 'shipment', 'stock']
const SCALE: TwoScale = { seconds: 20, runs: 3, many: 160, published: 48, rate: 40, products: 1_000 }

/**
 * The marketplace on PostgreSQL, each service in a process of its own and, in the same run, in two: what copies cost
 * where they bring no more machine.
 */
export function bench(context: BenchContext): Promise<BenchResult> {
  return benchCopies(context, SCALE)
}

/** @param services that run twice */
export async function benchCopies(
  { progress }: BenchContext,
  scale: TwoScale,
  services: readonly string[] = SERVICES,
): Promise<BenchResult> {
  const replicas = Object.fromEntries(services.map((name) => [name, 2]))
  const placed = { split: true, database: 'postgres' } as const
  const { first, second, result } = await benchTwo({
    shops: { single: placed, copies: { ...placed, replicas } },
    ratio: 'copies ÷ one',
    scale,
    progress,
  })
  return {
    ...result,
    ratios: {
      copies_vs_single: second.tx_per_second / first.tx_per_second,
      copies_vs_single_cpu: second.cpu_ms / first.cpu_ms,
      copies_vs_single_checkout_p50: second.checkout_at_rate_p50_ms / first.checkout_at_rate_p50_ms,
    },
  }
}
