import type { TransactionType } from './mix.ts'
import { TRANSACTIONS } from './mix.ts'
import type { DashboardFact, Observed } from './facts.ts'
import type { TrackedUpdate } from './anomalies.ts'
import { latencies, type Latencies, type LatencySummary } from './statistics.ts'

/** A checkout whose cart might show a replication anomaly: it held several products of one seller. */
export type Suspect = { readonly customer: number; readonly tid: string }

/** Everything a run remembers: what it measured, and what it must find again when all is quiet. */
export type Ledger = {
  readonly finished: (type: TransactionType, ms: number) => void
  readonly aborted: (type: TransactionType) => void
  /** Counts an answer that was not hoped for, such as `checkout: 405`. */
  readonly complain: (what: string) => void
  readonly complaints: () => ReadonlyMap<string, number>
  readonly summary: (type: TransactionType) => LatencySummary & { readonly aborts: number }
  readonly total: () => number
  /** Latency of all kinds together. */
  readonly overall: () => LatencySummary
  readonly acceptedCheckouts: Set<string>
  readonly acceptedUpdates: Set<string>
  readonly unknown: Set<string>
  readonly suspects: Suspect[]
  readonly updates: Map<string, TrackedUpdate[]>
  readonly seeDashboard: (dashboard: DashboardFact) => void
  /** A delivery was answered, or got no answer. */
  readonly delivery: (packages: number | 'unknown') => void
  /** A checkout's answer held fewer lines than had been acknowledged. */
  readonly shortCheckout: (what: string) => void
  readonly observed: (before: Before) => Observed
}

/** What there was before the run, as the marketplace said. */
export type Before = { readonly supplied: number; readonly delivered: number }

/** A run sees no more dashboards than this; they are samples. */
const MOST_DASHBOARDS = 1000
/** Kinds of answers are few; if they are not, the first many must do. */
const MOST_COMPLAINTS = 100

export function openLedger(): Ledger {
  const measured = {} as Record<TransactionType, { latencies: Latencies; aborts: number }>
  for (const type of TRANSACTIONS) measured[type] = { latencies: latencies(), aborts: 0 }
  const complaints = new Map<string, number>()
  const dashboards: DashboardFact[] = []
  const acceptedCheckouts = new Set<string>()
  const acceptedUpdates = new Set<string>()
  const unknown = new Set<string>()
  const shortCheckouts: string[] = []
  const all = latencies()
  let total = 0
  let delivered = 0
  let unknownDeliveries = 0
  return {
    finished: (type, ms) => {
      total++
      all.record(ms)
      measured[type].latencies.record(ms)
    },
    aborted: (type) => void measured[type].aborts++,
    complain: (what) => {
      if (complaints.has(what) || complaints.size < MOST_COMPLAINTS) complaints.set(what, (complaints.get(what) ?? 0) + 1)
    },
    complaints: () => complaints,
    summary: (type) => ({ ...measured[type].latencies.summary(), aborts: measured[type].aborts }),
    total: () => total,
    overall: all.summary,
    acceptedCheckouts,
    acceptedUpdates,
    unknown,
    suspects: [],
    updates: new Map(),
    seeDashboard: (dashboard) => {
      if (dashboards.length < MOST_DASHBOARDS) dashboards.push(dashboard)
    },
    delivery: (packages) => {
      if (packages === 'unknown') unknownDeliveries++
      else delivered += packages
    },
    shortCheckout: (what) => void shortCheckouts.push(what),
    observed: (before) => ({
      suppliedBefore: before.supplied,
      deliveredBefore: before.delivered,
      acceptedCheckouts,
      acceptedUpdates,
      unknown,
      delivered,
      unknownDeliveries,
      shortCheckouts,
      dashboards,
    }),
  }
}
