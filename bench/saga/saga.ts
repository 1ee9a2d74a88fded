import { fork, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { once } from 'node:events'
import { startServer, type LocalServer } from '@dure/postgres/server'
import { Client } from 'pg'
import type { BenchContext, BenchResult } from '../bench.ts'
import { percentile } from '../outbox/store.ts'
import { installPeers } from '../peers.ts'
import { contender } from './contender.ts'
import type { Measured } from './load.ts'
import { openShop, Shop } from './own.ts'

/** Its peers are many; they are installed here. */
export const peers = false

export type Scale = {
  readonly count: number
  /** Of those that are slower. */
  readonly peerCount: number
  readonly atOnce: number
  readonly sequential: number
  readonly sleeping: number
  readonly peers: boolean
}

/**
 * Sagas of three steps, each of which writes a row: so many a second with 32 at once, and how long one takes by itself. On one
 * PostgreSQL 18 with fsync, each contender with a process and a database of its own. The floor is as many transactions of one
 * row on bare `pg` as a saga of ours has. Restate and Temporal keep their state in servers of their own, DBOS and Effect in the
 * database.
 */
export function bench(context: BenchContext): Promise<BenchResult> {
  return benchSaga(context, { count: 6_000, peerCount: 1_000, atOnce: 32, sequential: 200, sleeping: 100_000, peers: true })
}

export async function benchSaga({ progress }: BenchContext, scale: Scale): Promise<BenchResult> {
  if (scale.peers) await installPeers(import.meta.dirname, progress)
  const directory = mkdtempSync(join(tmpdir(), 'dure-bench-saga-'))
  progress('starting a PostgreSQL')
  const server = await startServer({ settings: { shared_buffers: '256MB', max_wal_size: '2GB', max_connections: 200 } })
  const { atOnce, sequential } = scale
  const run = async (program: string, name: string, count: number, env?: Readonly<Record<string, string>>) => {
    progress(`${name}: ${count} sagas, ${atOnce} at once`)
    const folder = join(directory, name)
    mkdirSync(folder)
    return contender(program, { url: await databaseOf(server, name), folder, count, atOnce, sequential }, env)
  }
  try {
    const own = await run('own.ts', 'own', scale.count)
    const commits = await transactionsOf(server, 'own')
    const again = await run('own.ts', 'own_again', scale.count)
    const floor = await run('floor.ts', 'floor', scale.count, { COMMITS: String(commits) })
    const onSqlite = await run('own.ts', 'sqlite', scale.count, { SAGA_STORE: 'sqlite' })
    const sleeping = await sleepers(server, directory, scale.sleeping, progress)
    const others: Record<string, number> = {}
    const ratios: Record<string, number> = {}
    const rate = Math.max(own.perSecond, again.perSecond)
    if (scale.peers) {
      for (const name of ['dbos', 'restate', 'temporal', 'effect'] as const) {
        if (name === 'temporal' && !hasTemporal()) {
          progress(
            'temporal is left out: `go install github.com/temporalio/cli/cmd/temporal@v1.5.1`, or say where it is by TEMPORAL_CLI',
          )
          continue
        }
        const { perSecond, sequentialMs } = await run(
          `${name}.js`,
          name,
          name === 'effect' ? scale.peerCount / 4 : scale.peerCount,
        )
        others[`${name}_per_second`] = perSecond
        others[`${name}_sequential_p50_ms`] = percentile(sequentialMs, 0.5)
        ratios[`vs_${name}`] = rate / perSecond
      }
    }
    return {
      ratios: { vs_floor: rate / floor.perSecond, ...ratios },
      figures: {
        sagas_per_second: rate,
        sagas_per_second_runs: [own.perSecond, again.perSecond],
        transactions_of_a_saga: commits,
        floor_per_second: floor.perSecond,
        floor_commits_per_second: floor.perSecond * commits,
        sequential_p50_ms: median(own, again),
        sqlite_per_second: onSqlite.perSecond,
        sqlite_sequential_p50_ms: median(onSqlite),
        ...sleeping,
        ...others,
      },
    }
  } finally {
    await server.close()
    rmSync(directory, { recursive: true, force: true })
  }
}

function median(...measured: readonly Measured[]): number {
  return percentile(
    measured.flatMap(({ sequentialMs }) => sequentialMs),
    0.5,
  )
}

async function asked<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

/** A database with a table of rows; one for each contender. */
async function databaseOf(server: LocalServer, name: string): Promise<string> {
  await asked(server.url(), (client) => client.query(`CREATE DATABASE ${name}`))
  await asked(server.url(name), (client) => client.query('CREATE TABLE rows (saga TEXT NOT NULL, step TEXT NOT NULL)'))
  return server.url(name)
}

/** How many transactions that write a saga has had, of those that are there: each row says by its `xmin` who has written it. */
async function transactionsOf(server: LocalServer, name: string): Promise<number> {
  const { url, schema } = await asked(server.url(name), async (client) => {
    const sql = "SELECT table_schema FROM information_schema.tables WHERE table_name = 'dure_sagas'"
    return { url: server.url(name), schema: (await client.query<{ table_schema: string }>(sql)).rows[0]!.table_schema }
  })
  const sql = `
    SELECT count(DISTINCT xmin::text)::float8 / (SELECT count(*) FROM ${schema}.dure_sagas) AS n FROM (
      SELECT xmin FROM ${schema}.dure_sagas UNION ALL SELECT xmin FROM ${schema}.dure_saga_steps UNION ALL SELECT xmin FROM ${schema}.lines
    ) AS written`
  // The one that began it is not to be seen any more: its row was written again at the end.
  return Math.round(1 + (await asked(url, (client) => client.query<{ n: number }>(sql))).rows[0]!.n)
}

/** One saga that sleeps, as often as wanted; then a process that starts on them. */
async function sleepers(
  server: LocalServer,
  directory: string,
  count: number,
  progress: BenchContext['progress'],
): Promise<BenchResult['figures']> {
  progress(`${count} sagas that sleep`)
  const url = await databaseOf(server, 'sleeping')
  const folder = join(directory, 'sleeping')
  const running = await openShop(url, folder)
  await running.client(Shop).sleep('template')
  const schema = await asked(url, async (client) => {
    const sql = "SELECT table_schema FROM information_schema.tables WHERE table_name = 'dure_sagas'"
    return (await client.query<{ table_schema: string }>(sql)).rows[0]!.table_schema
  })
  const asleep = `SELECT 1 FROM ${schema}.dure_saga_steps WHERE state = 'waiting'`
  while ((await asked(url, (client) => client.query(asleep))).rowCount === 0);
  await running.stop()
  const none = await startSleeping(url, folder)
  for (const table of ['dure_sagas', 'dure_saga_steps']) {
    const copy = `INSERT INTO ${schema}.${table} SELECT (jsonb_populate_record(t, jsonb_build_object('id', 'sleeper-' || n))).*
      FROM ${schema}.${table} t, generate_series(1, ${count}) n WHERE id = 'template'`
    await asked(url, (client) => client.query(copy))
  }
  await asked(url, (client) => client.query('ANALYZE'))
  const all = await startSleeping(url, folder)
  return {
    sleeping_100k_ready_ms: all.ready,
    sleeping_none_ready_ms: none.ready,
    sleeping_100k_memory_mb: all.mb,
    sleeping_none_memory_mb: none.mb,
  }
}

async function startSleeping(url: string, folder: string): Promise<{ readonly ready: number; readonly mb: number }> {
  const child = fork(new URL('sleeping.ts', import.meta.url), {
    env: { ...process.env, SAGA_URL: url, SAGA_FOLDER: folder },
    execArgv: [...process.execArgv, '--expose-gc'],
  })
  const [said] = (await once(child, 'message')) as [{ readonly ready: number; readonly mb: number }]
  child.send('enough')
  await once(child, 'exit')
  return said
}

function hasTemporal(): boolean {
  return spawnSync(process.env['TEMPORAL_CLI'] ?? 'temporal', ['--version']).status === 0
}
