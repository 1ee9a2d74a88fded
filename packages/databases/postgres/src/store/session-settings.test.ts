import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OutboxMessage } from 'dure/data'
import { silentLogger } from 'dure/telemetry'
import { collector } from '../collector.test-support.ts'
import { postgres, type PostgresOptions } from '../postgres.ts'
import { missing15, RELAXED, testServer, VERSIONS } from '../server.test-support.ts'
import { ask, makeRig, runtime, until } from '../store.test-support.ts'

/** What operators may have set, all at once, each enough to cancel, end or change what Dure does. */
const HOSTILE: readonly (readonly [name: string, value: string, since?: number])[] = [
  ['statement_timeout', "'100ms'"],
  ['transaction_timeout', "'100ms'", 17],
  ['lock_timeout', "'50ms'"],
  ['idle_in_transaction_session_timeout', "'50ms'"],
  // Longer than it takes to say a first word, on however busy a machine.
  ['idle_session_timeout', "'1s'"],
  ['default_transaction_isolation', 'serializable'],
  ['default_transaction_read_only', 'on'],
  ['default_transaction_deferrable', 'on'],
  ['synchronous_commit', 'off'],
  ['search_path', 'pg_catalog'],
  ['datestyle', "'SQL, DMY'"],
  ['timezone', "'Asia/Seoul'"],
  ['intervalstyle', 'postgres_verbose'],
  ['standard_conforming_strings', 'off'],
  ['bytea_output', 'escape'],
  ['client_encoding', 'LATIN1'],
  ['extra_float_digits', '-10'],
  ['transform_null_equals', 'on'],
  ['array_nulls', 'off'],
  ['row_security', 'off'],
  ['client_min_messages', 'debug5'],
  ['plan_cache_mode', 'force_custom_plan'],
  ['enable_indexscan', 'off'],
]

const migrations = {
  '0001': `CREATE TABLE seen (id TEXT PRIMARY KEY, at TIMESTAMPTZ, took INTERVAL, share FLOAT8, raw BYTEA, names TEXT[])`,
  '0002': 'SELECT pg_sleep(0.3)',
}
const more = { '0003': 'SELECT pg_sleep(0.3)' }
const message: OutboxMessage = {
  ...{ id: 'm-1', source: 'orders', type: 'order.placed', key: 'key-0', time: 1, schemaVersion: 1, correlationId: 'c' },
  ...{ causationId: undefined, traceparent: undefined, data: '"한\\\\"', destination: 'topic' },
}

const INSERT = `INSERT INTO seen VALUES ('한\\', '2026-11-02T15:04:05Z', '1 day 02:00', 0.1::float8 + 0.2::float8, '\\x00ff', '{NULL}')`
const SEEN = `SELECT id, at, took, share, raw, names[1] IS NULL AS "none", current_setting('synchronous_commit') AS flushed FROM seen`
const seen = {
  ...{ id: '한\\', at: '2026-11-02T15:04:05.000Z', took: 'P1DT2H', share: 0.1 + 0.2, raw: new Uint8Array([0, 255]) },
  ...{ none: 1, flushed: 'on' },
}

for (const version of VERSIONS) {
  const skip = version === 15 && missing15
  const server = skip === false ? await testServer({ version, settings: { ...RELAXED, wal_level: 'logical' } }) : undefined
  for (const outbox of ['polling', 'wal'] as const) {
    const what = `what an operator has set for a database or a role is nothing to a store, with its outbox by ${outbox}`
    test(`${what} (PostgreSQL ${version})`, { skip, timeout: 120_000 }, async (t) => {
      const rig = await makeRig(t, server!.url())
      const set = async (what: string): Promise<void> => {
        for (const [name, value, since = 0] of HOSTILE) {
          if (version >= since) await ask(server!.url(), `ALTER ${what} SET ${name} = ${value}`)
        }
      }
      for (const scope of ['database', 'role'] as const) {
        if (scope === 'database') await set(`DATABASE ${rig.database}`)
        else await set(`ROLE ${rig.database}_orders`)
        const store = await rig.open({ outbox }, 'orders', scope === 'database' ? migrations : { ...migrations, ...more })
        const { got, deliver } = collector()
        const opened = await store.outbox!({ store, runtime, log: silentLogger(), deliver })
        // Where something does not hold, nothing of it stays behind.
        t.after(() => opened.stop({ timeout: 0 }).finally(() => store.stop()))
        await store.transaction(async (tx) => {
          await tx.run('DELETE FROM seen')
          await tx.run(INSERT)
          await tx.all('SELECT pg_sleep(0.3)')
          opened.append(tx, [message])
        })
        assert.deepEqual(await store.transaction((tx) => tx.all(SEEN)), [seen])
        assert.deepEqual(await store.select(SEEN), [seen])
        assert.deepEqual(await store.select('SELECT id FROM seen WHERE id = NULL'), [])
        const rested = `SELECT FROM pg_stat_activity WHERE application_name LIKE 'dure witness orders %' AND datname = '${rig.database}' AND clock_timestamp() - state_change > '1.2 s'`
        await until(async () => (await ask(server!.url(), rested)).length === 1)
        await opened.flush()
        assert.deepEqual(
          got.map(({ data }) => data),
          [message.data],
        )
        await opened.stop()
        await store.stop()
      }
      assert.ok(!rig.lines.some((line) => /"level":"(warn|error)"/.test(line)), rig.lines.join('\n'))
    })
  }

  const alone = `a setting that a service may not set back is told, with what to do (PostgreSQL ${version})`
  test(alone, { skip, timeout: 60_000 }, async (t) => {
    const rig = await makeRig(t, server!.url())
    await (await rig.open()).stop()
    await rig.ask(`ALTER ROLE ${rig.database}_orders SET session_replication_role = replica`)
    const failed = await rig.open().then(
      () => assert.fail('it opened'),
      (error: unknown) => error as Error,
    )
    assert.match(failed.message, /"orders" failed: session_replication_role is changed/)
    await rig.ask(/To do: (ALTER ROLE \S+ RESET session_replication_role)/.exec(failed.message)![1]!)
    await (await rig.open()).stop()
  })
}

test('an outbox mode that there is not is refused, the word of before with the one of now', () => {
  const opening = (outbox: unknown) => (): unknown =>
    postgres({ url: 'postgres://nobody@localhost/none', outbox: outbox as PostgresOptions['outbox'] & {} })
  for (const before of ['log', { by: 'log' }]) {
    assert.throws(opening(before), { code: 'INVALID_ARGUMENT', message: /no outbox mode "log"\. To do: write 'wal', which is/ })
  }
  assert.throws(opening({ by: 'wal', table: false }), /has no table beside it any more\. To do: leave the option `table` out/)
  for (const odd of ['', 7, {}, { by: 'polling' }]) assert.throws(opening(odd), /To do: choose 'polling' or 'wal'/)
  for (const mode of ['polling', 'wal', { by: 'wal' }]) assert.equal(typeof opening(mode)(), 'function')
})
