import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { command, contract } from 'dure/contract'
import { database, sql, sqlite, type Kysely } from 'dure/data'
import { service, start, system } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import fc from 'fast-check'
import { prepared } from './prepared.ts'

type Tables = { pairs: { a: number; b: string | null } }
type Db = Kysely<Tables>

/** Runs `work` with a transaction of a database that has one empty table. */
async function withTable(work: (tx: Db) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'prepared-'))
  let failure: unknown
  const Probe = contract('probe', { version: '1.0.0', owner: 'test', operations: { run: command({ deadline: 60_000 }) } })
  const probe = service(Probe, {
    database: database<Tables>({ migrations: { '1': 'CREATE TABLE pairs (a INTEGER NOT NULL, b TEXT)' } }),
    handlers: {
      run: async (_input, { database }) => {
        // A call would hide what went wrong.
        await database.transaction(work, { timeout: 60_000 }).catch((error: unknown) => void (failure = error))
      },
    },
  })
  const running = await start(system('probe', { services: [probe], database: sqlite({ durability: 'process' }) }), {
    directory,
    log: silentLogger(),
  })
  try {
    await running.client(Probe).run()
    if (failure !== undefined) throw failure
  } finally {
    await running.stop()
    await rm(directory, { recursive: true, force: true })
  }
}

test('a prepared query answers for its own values as a query built for them would, whatever they are', () => {
  let builds = 0
  const insert = prepared((tx: Db, rows: readonly Tables['pairs'][]) => {
    builds++
    return tx.insertInto('pairs').values(rows)
  })
  const find = prepared((tx: Db, { b, least }: { least: number; b: string }) =>
    tx
      .selectFrom('pairs')
      .selectAll()
      .where('b', '=', b)
      .where('a', '>=', least)
      .where(sql<boolean>`a < ${1_000}`)
      .orderBy('a'),
  )
  return withTable(async (tx) => {
    const rows = fc.array(
      fc.record(
        { a: fc.integer({ min: -999, max: 2_000 }), b: fc.option(fc.constantFrom('x', 'y', "'; --")) },
        { noNullPrototype: true },
      ),
      { minLength: 1, maxLength: 4 },
    )
    await fc.assert(
      fc.asyncProperty(rows, fc.constantFrom('x', 'y', "'; --"), fc.integer({ min: -999, max: 999 }), async (pairs, b, least) => {
        await tx.deleteFrom('pairs').execute()
        assert.equal((await insert(tx, pairs)).changed, pairs.length)
        const expected = pairs.filter((pair) => pair.b === b && pair.a >= least && pair.a < 1_000).toSorted((p, q) => p.a - q.a)
        assert.deepEqual((await find(tx, { least, b })).rows, expected)
      }),
    )
    assert.ok(builds <= 4, `built ${builds} times for lists of 1 to 4`)
  })
})
