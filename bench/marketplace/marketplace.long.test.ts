import assert from 'node:assert/strict'
import { test } from 'node:test'
import { benchDatabases } from './databases.ts'
import { benchMarketplace } from './marketplace.ts'
import { describePlacements } from './shown.ts'

const FIGURES = [
  ...['tx_per_second', 'tx_per_second_48_outstanding', 'start_ms', 'rss_mb', 'rss_after_mb', 'cpu_seconds', 'invariants_held'],
  ...['checkout_p99_ms', 'delivery_p99_ms', 'dashboard_p99_ms', 'bare_requests_per_second'],
  ...[
    'split_tx_per_second',
    'split_start_ms',
    'split_cpu_seconds',
    'split_rest_rss_mb',
    'split_rest_pss_mb',
    'split_rss_after_mb',
  ],
  ...['together', 'split'].flatMap((placement) =>
    ['p50_ms', 'p95_ms', 'p99_ms', 'cpu_ms_per_tx', 'cpu_cores', 'rss_mb', 'pss_mb'].map((name) => `${placement}_${name}`),
  ),
]
const RATIOS = ['transactions_vs_bare_requests', 'split_vs_together_tx', 'split_vs_together_p50', 'split_vs_together_cpu']

/**
 * In a second of work on a busy machine little may get done, or nothing: what depends on that is there and no less than
 * nothing.
 */
function assertMeasured(value: unknown, name: string): void {
  assert.equal(typeof value, 'number', `${name} is ${String(value)}`)
  const least = /^(?:.*_)?(?:start_ms|rss_mb|pss_mb|invariants_held)$/.test(name) ? 1 : 0
  assert.ok(!(Number(value) < least), `${name} is ${String(value)}`)
}

test('the marketplace is measured together and split, under names that stay', { timeout: 240_000 }, async () => {
  const scale = {
    seconds: 1,
    runs: 1,
    warmUps: 0,
    many: 16,
    published: 8,
    rate: 20,
    products: 50,
    bareSeconds: 0.1,
    restSeconds: 0,
  }
  const { figures, ratios, shown = [] } = await benchMarketplace({ progress: () => {}, peer: () => Promise.resolve() }, scale)
  for (const name of FIGURES) assertMeasured(figures[name], name)
  for (const name of RATIOS) assertMeasured(ratios[name], name)
  assert.equal(figures['fixed_rate_tx_per_second'], 20)
  // The supervisor, a process for each of nine services, the broker's and the doors'.
  assert.equal(figures['split_processes'], 12)
  assert.match(shown.join('\n'), /^ {2}CPU ms a transaction +[\d.]+ +[\d.]+ +[\d.]+×$/m)
})

test('the marketplace is measured on both databases, under names that stay', { timeout: 240_000 }, async () => {
  const scale = { seconds: 1, runs: 1, many: 16, published: 8, rate: 10, products: 50 }
  const { figures, ratios, shown = [] } = await benchDatabases({ progress: () => {}, peer: () => Promise.resolve() }, scale)
  for (const name of ['tx_per_second', 'checkout_p99_ms', 'p50_at_rate_ms', 'cpu_ms', 'deadlocks', 'pss_mb', 'invariants_held']) {
    for (const database of ['sqlite', 'postgres']) assertMeasured(figures[`${database}_${name}`], `${database}_${name}`)
  }
  for (const name of ['tx', 'cpu', 'checkout_p50']) assertMeasured(ratios[`postgres_vs_sqlite_${name}`], name)
  assert.ok(shown.every((line) => line.length <= 80))
})

test('both placements are shown side by side in 80 columns, what was not measured without figures', () => {
  const lines = describePlacements({ tx_per_second: 1_186.4, split_tx_per_second: 593.2, cpu_seconds: 0, split_cpu_seconds: 1 })
  assert.ok(lines.every((line) => line.length <= 80))
  const row = (title: string): string => lines.find((line) => line.startsWith(title))!.replaceAll(/ +/g, ' ')
  assert.equal(row('  transactions a second'), ' transactions a second 1,186 593.2 0.5×')
  assert.equal(row('  CPU seconds'), ' CPU seconds, all runs 0 1')
  assert.equal(row('  latency p99'), ' latency p99, ms')
})
