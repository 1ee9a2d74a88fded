import type { RunEnd } from './driver.ts'
import type { Invariant } from './invariants.ts'
import type { Ledger } from './ledger.ts'
import { TRANSACTIONS, type TransactionType } from './mix.ts'

export type TransactionFigures = {
  readonly count: number
  /** Finished a second. */
  readonly rate: number
  readonly mean_ms: number
  readonly p50_ms: number
  readonly p95_ms: number
  readonly p99_ms: number
  readonly aborts: number
}

/** What `--json` writes. */
export type WorkloadReport = {
  readonly seconds: number
  readonly tx_per_second: number
  /** Latency of all kinds together. */
  readonly p50_ms: number
  readonly p95_ms: number
  readonly p99_ms: number
  /** At a fixed rate: how many fell due, and how many of them had not ended when the time was over. */
  readonly due?: number
  readonly unfinished?: number
  readonly transactions: Readonly<Record<TransactionType, TransactionFigures>>
  readonly anomalies: number
  readonly invariants: readonly Invariant[]
  /** Answers that were not hoped for, and how often. */
  readonly answers: Readonly<Record<string, number>>
}

export function workloadReport(options: {
  ledger: Ledger
  run: RunEnd
  anomalies: number
  invariants: readonly Invariant[]
}): WorkloadReport {
  const { ledger, run, anomalies, invariants } = options
  const { seconds, ...pace } = run
  const { p50, p95, p99 } = ledger.overall()
  const rate = (count: number): number => (seconds > 0 ? round(count / seconds) : 0)
  const figures = (type: TransactionType): TransactionFigures => {
    const { count, mean, p50, p95, p99, aborts } = ledger.summary(type)
    return {
      count,
      rate: rate(count),
      mean_ms: round(mean),
      p50_ms: round(p50),
      p95_ms: round(p95),
      p99_ms: round(p99),
      aborts,
    }
  }
  const transactions = Object.fromEntries(TRANSACTIONS.map((type) => [type, figures(type)])) as WorkloadReport['transactions']
  return {
    seconds: round(seconds),
    tx_per_second: rate(ledger.total()),
    p50_ms: round(p50),
    p95_ms: round(p95),
    p99_ms: round(p99),
    ...pace,
    transactions,
    anomalies,
    invariants,
    answers: Object.fromEntries(ledger.complaints()),
  }
}

/** The figures as a table, one line a kind of transaction. */
export function describeFigures({ transactions, tx_per_second, seconds, due, unfinished }: WorkloadReport): string[] {
  const head = ['transaction', 'count', 'per second', 'mean ms', 'p50', 'p95', 'p99', 'aborts']
  const rows = TRANSACTIONS.map((type) => {
    const { count, rate, mean_ms, p50_ms, p95_ms, p99_ms, aborts } = transactions[type]
    return [type, ...[count, rate, mean_ms, p50_ms, p95_ms, p99_ms, aborts].map((value) => value.toLocaleString('en'))]
  })
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)))
  const line = (cells: readonly string[]): string =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  ')
  const pace = due === undefined ? '' : `, ${due.toLocaleString('en')} were due, ${unfinished} of them had not ended`
  return [line(head), ...rows.map(line), `${tx_per_second.toLocaleString('en')} transactions a second over ${seconds} s${pace}`]
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}
