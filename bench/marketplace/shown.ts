import type { BenchResult } from '../bench.ts'

/** Title, figure of the one, of the other; no figures: a heading. */
export type Row = readonly [title: string, one?: string, other?: string]

const PLACEMENTS: readonly Row[] = [
  ['As many transactions as go'],
  ['  transactions a second', 'tx_per_second', 'split_tx_per_second'],
  ['  the same, 48 outstanding', 'tx_per_second_48_outstanding', 'split_tx_per_second_48_outstanding'],
  ['  CPU seconds, all runs', 'cpu_seconds', 'split_cpu_seconds'],
  ['  memory at rest, MB', 'rss_mb', 'split_rest_rss_mb'],
  ['  the same, shared pages once', 'pss_mb', 'split_rest_pss_mb'],
  ['  memory afterwards, MB', 'rss_after_mb', 'split_rss_after_mb'],
  ['  ready after, ms', 'start_ms', 'split_start_ms'],
  ['At a fixed rate'],
  ['  transactions due a second', 'fixed_rate_tx_per_second', 'fixed_rate_tx_per_second'],
  ['  finished a second', 'together_finished_per_second', 'split_finished_per_second'],
  ['  latency p50, ms', 'together_p50_ms', 'split_p50_ms'],
  ['  latency p95, ms', 'together_p95_ms', 'split_p95_ms'],
  ['  latency p99, ms', 'together_p99_ms', 'split_p99_ms'],
  ['  checkout p50, ms', 'together_checkout_at_rate_p50_ms', 'split_checkout_at_rate_p50_ms'],
  ['  CPU ms a transaction', 'together_cpu_ms_per_tx', 'split_cpu_ms_per_tx'],
  ['  CPU cores', 'together_cpu_cores', 'split_cpu_cores'],
  ['  memory, MB', 'together_rss_mb', 'split_rss_mb'],
  ['  the same, shared pages once', 'together_pss_mb', 'split_pss_mb'],
]

/** Both placements side by side, within 80 columns. */
export function describePlacements(figures: BenchResult['figures']): string[] {
  return describeColumns({ columns: ['together', 'split', 'split ÷ one'], rows: PLACEMENTS, figures })
}

/** What was measured twice, side by side, and the second over the first. */
export function describeColumns(options: {
  readonly columns: readonly [string, string, string]
  readonly rows: readonly Row[]
  readonly figures: BenchResult['figures']
}): string[] {
  const { columns, rows, figures } = options
  const format = new Intl.NumberFormat('en', { maximumSignificantDigits: 4 })
  const number = (name: string | undefined): number | undefined => {
    const value = name === undefined ? undefined : figures[name]
    return typeof value === 'number' ? value : undefined
  }
  const line = (title: string, cells: readonly string[]): string =>
    `${title.padEnd(32)}${cells.map((cell) => cell.padStart(14)).join('')}`.trimEnd()
  return [
    line('', columns),
    ...rows.map(([title, ...names]) => {
      const [one, other] = names.map(number)
      if (one === undefined || other === undefined) return title
      const over = one === 0 ? '' : `${format.format(Number((other / one).toPrecision(3)))}×`
      return line(title, [format.format(one), format.format(other), over])
    }),
  ]
}
