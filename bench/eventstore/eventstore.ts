import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startServer } from '@dure/postgres/server'
import type { BenchContext, BenchResult } from '../bench.ts'
import { emmettRates } from './emmett.ts'
import { openCounters } from './ours.ts'
import { measureProjection, measureRebuild, measureSnapshot } from './reading.ts'
import { appendRate, loadRate, median } from './rates.ts'
import { sqlRates } from './sql.ts'

export type Scale = {
  /** Events appended one in each transaction, by 16 at once, each in streams of its own. */
  readonly appends: number
  /** Streams of 100 events that are loaded, by 16 at once. */
  readonly loads: number
  /** Events that a subscription makes rows of, and that are read for a rebuild. */
  readonly projected: number
  readonly rebuilt: number
  readonly rounds: number
}

/**
 * The event store on PostgreSQL beside bare `pg` (one INSERT by itself, one SELECT, on as many connections) and
 * `@event-driven-io/emmett-postgresql`, on the same server in the same run: a PostgreSQL 18 of its own with its default settings,
 * so a commit is on the disk. The three take turns, round by round.
 */
export function bench(context: BenchContext): Promise<BenchResult> {
  return benchEventStore(context, { appends: 2_000, loads: 1_000, projected: 30_000, rebuilt: 1_000_000, rounds: 3 })
}

export async function benchEventStore({ progress, peer }: BenchContext, scale: Scale): Promise<BenchResult> {
  const directory = mkdtempSync(join(tmpdir(), 'dure-bench-eventstore-'))
  progress('starting a PostgreSQL')
  const server = await startServer({ settings: { shared_buffers: '256MB', max_wal_size: '2GB' } })
  const ends: (() => Promise<unknown>)[] = []
  try {
    const ours = await openCounters({ url: server.url(), directory })
    ends.push(ours.stop)
    const sql = await sqlRates(server.url())
    ends.push(sql.stop)
    const emmett = await emmettRates(peer, server.url())
    ends.push(emmett.stop)
    const runs = { ours: [] as number[], published: [] as number[], sql: [] as number[], emmett: [] as number[] }
    const loads = { ours: [] as number[], sql: [] as number[], emmett: [] as number[] }
    for (let round = 1; round <= scale.rounds; round++) {
      progress(`appends, round ${round}`)
      const names = (of: string) => (worker: number) => `${of}-${round}-${worker}`
      runs.ours.push(await appendRate(scale.appends, names('a'), ours.append))
      runs.published.push(await appendRate(scale.appends, names('p'), ours.appendPublished))
      runs.sql.push(await appendRate(scale.appends, names('s'), sql.append))
      runs.emmett.push(await appendRate(scale.appends, names('e'), emmett.append))
    }
    for (const side of [ours, sql, emmett]) await side.fill(20, 100)
    for (let round = 1; round <= scale.rounds; round++) {
      progress(`loads, round ${round}`)
      loads.ours.push(await loadRate(scale.loads, ours.load))
      loads.sql.push(await loadRate(scale.loads, sql.load))
      loads.emmett.push(await loadRate(scale.loads, emmett.load))
    }
    progress('a state of 10,000 events from its snapshot')
    const snapshot = await measureSnapshot(ours)
    progress(`a projection of ${scale.projected} events, a rebuild of ${scale.rebuilt}`)
    const projection = await measureProjection(ours, scale.projected)
    const rebuild = await measureRebuild(ours, scale.rebuilt)
    return {
      ratios: {
        append_vs_sql: median(runs.ours) / median(runs.sql),
        load_vs_sql: median(loads.ours) / median(loads.sql),
        append_vs_emmett: median(runs.ours) / median(runs.emmett),
        load_vs_emmett: median(loads.ours) / median(loads.emmett),
        append_published_vs_append: median(runs.published) / median(runs.ours),
      },
      figures: {
        appends_per_second: runs.ours,
        published_appends_per_second: runs.published,
        sql_appends_per_second: runs.sql,
        emmett_appends_per_second: runs.emmett,
        loads_per_second: loads.ours,
        sql_loads_per_second: loads.sql,
        emmett_loads_per_second: loads.emmett,
        snapshot_load_ms: snapshot,
        projection_per_second: projection,
        rebuild_million_s: rebuild,
      },
    }
  } finally {
    for (const end of ends.toReversed()) await end()
    await server.close()
    rmSync(directory, { recursive: true, force: true })
  }
}
