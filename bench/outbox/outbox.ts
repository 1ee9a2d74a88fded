import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startServer } from '@dure/postgres/server'
import type { BenchContext, BenchResult } from '../bench.ts'
import { graphileWorker } from './graphile-worker.ts'
import { logLatency, logRate } from './log.ts'
import { pollingLatency, pollingRate } from './polling.ts'
import { publishCost } from './publishing.ts'
import { transactionalOutbox } from './transactional-outbox.ts'

export type Scale = {
  /** Transactions with and without publishing, for what it costs. */
  readonly transactions: number
  /** Messages in the table when the relay starts, for its rate; and for each peer's. */
  readonly backlog: number
  readonly peerBacklog: number
  /** Messages a second, and for how long, for how long they take. */
  readonly rate: number
  readonly seconds: number
}

/**
 * The outbox on PostgreSQL beside `pg-transactional-outbox` and `graphile-worker`, on the same server in the same run: a
 * PostgreSQL 18 of its own with its default settings, so a commit is on the disk. All in one process with the server beside
 * it on the machine, as an application has it that relays for itself.
 *
 * The rates are of messages that wait, taken by one relay and handed to somebody who takes them at once. Of the peers the
 * first keeps order within a segment (measured both with it and without), the second keeps none.
 */
export function bench(context: BenchContext): Promise<BenchResult> {
  return benchOutbox(context, { transactions: 2_000, backlog: 60_000, peerBacklog: 20_000, rate: 1_000, seconds: 10 })
}

export async function benchOutbox({ progress, peer }: BenchContext, scale: Scale): Promise<BenchResult> {
  const directory = mkdtempSync(join(tmpdir(), 'dure-bench-outbox-'))
  progress('starting a PostgreSQL')
  const server = await startServer({ settings: { shared_buffers: '256MB', max_wal_size: '2GB' } })
  const place = { url: server.url(), directory }
  try {
    progress('what publishing costs a transaction')
    const cost = await publishCost(place, scale.transactions)
    progress(`polling: ${scale.backlog} messages that wait`)
    const rates = [await pollingRate(place, scale.backlog), await pollingRate(place, scale.backlog)]
    progress(`polling: ${scale.rate} messages a second for ${scale.seconds} seconds`)
    const latency = await pollingLatency(place, scale)
    const log = await byLog(progress, scale)
    progress('peer: graphile-worker')
    const graphile = await graphileWorker(peer, place.url, scale.peerBacklog)
    progress('peer: pg-transactional-outbox')
    const transactional = await transactionalOutbox(peer, place.url, scale.peerBacklog)
    const rate = Math.max(...rates)
    return {
      ratios: {
        publish_cost: cost.ratio,
        bare_insert_cost: cost.floor,
        publish_cost_of_three_statements: cost.ofThree,
        vs_pg_transactional_outbox: rate / Math.max(transactional.inOrder, transactional.parallel),
        vs_graphile_worker: rate / graphile,
      },
      figures: {
        ...cost.figures,
        polling_per_second: rate,
        polling_per_second_runs: rates,
        ...latency,
        ...log,
        graphile_worker_per_second: graphile,
        pg_transactional_outbox_in_order_per_second: transactional.inOrder,
        pg_transactional_outbox_parallel_per_second: transactional.parallel,
      },
    }
  } finally {
    await server.close()
    rmSync(directory, { recursive: true, force: true })
  }
}

/** The log is written for reading on a server of its own: what it costs the others would not be theirs. */
async function byLog(progress: BenchContext['progress'], scale: Scale): Promise<BenchResult['figures']> {
  const server = await startServer({ settings: { shared_buffers: '256MB', max_wal_size: '2GB', wal_level: 'logical' } })
  const place = { url: server.url(), directory: '' }
  try {
    progress(`log: ${scale.backlog} messages that wait`)
    const rates = [await logRate(place, scale.backlog), await logRate(place, scale.backlog)]
    progress(`log: ${scale.rate} messages a second for ${scale.seconds} seconds`)
    const latency = await logLatency(place, scale)
    return { log_per_second: Math.max(...rates), log_per_second_runs: rates, ...latency }
  } finally {
    await server.close()
  }
}
