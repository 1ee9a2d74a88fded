import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { event } from 'dure/contract'
import { bindDatabase } from 'dure/data'
import { aggregate, eventsOf, type EventTransaction } from 'dure/eventsourcing'
import { makeRig, runtime } from './store.test-support.ts'
import { RELAXED, testServer } from './server.test-support.ts'
import { Client } from 'pg'
import { z } from 'zod'

const server = await testServer({ settings: RELAXED })
const Counted = event('counted', { schema: z.object({ n: z.int() }), key: () => 'k' })
const counter = aggregate('counter', {
  events: [Counted],
  initial: () => 0,
  decide: (by: number) => [{ type: 'counted', data: { n: by } }],
  evolve: (sum, { data }) => sum + data.n,
})

async function carts(t: TestContext) {
  const rig = await makeRig(t, server.url())
  const { kind } = counter
  const migrations = (typeof kind.migrations === 'function' ? kind.migrations('postgres') : kind.migrations) as {}
  const open = async (isolation?: 'read committed') => {
    const store = await rig.open(isolation && { isolation }, 'orders', migrations)
    const outbox = { append: () => {} } as never
    const opened = await kind.open({ service: 'orders', store, outbox, runtime } as never, [counter])
    const origin = { service: 'orders', correlationId: 'c', causationId: undefined, traceparent: undefined }
    const own = bindDatabase({ store, outbox, runtime, origin, joins: [(tx, from) => opened.join!(tx as never, from)] })
    const append = (id: string, by: number) =>
      own.transaction((tx) =>
        (tx as unknown as EventTransaction).append(counter.stream(id), [{ type: 'counted', data: { n: by } }], {
          expected: 'any',
        }),
      )
    return { store, append, events: eventsOf(own) }
  }
  return { rig, open }
}

/** Holds back the row with this number, written already, until it is let go. */
async function holdBack(ask: (...statements: readonly string[]) => Promise<unknown>, schema: string, n: number) {
  await ask(
    `CREATE FUNCTION "${schema}".hold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       IF NEW.data LIKE '%${n}%' THEN PERFORM pg_advisory_xact_lock(4242); END IF; RETURN NEW; END $$`,
    `CREATE TRIGGER hold BEFORE INSERT ON "${schema}".dure_events FOR EACH ROW EXECUTE FUNCTION "${schema}".hold()`,
  )
}

test(
  'a row that is held back while later ones commit is not skipped, and nobody waits for it',
  { timeout: 120_000 },
  async (t) => {
    const { rig, open } = await carts(t)
    // Serializable, it would be begun again and draw a later position.
    const [one, other] = [await open('read committed'), await open()]
    const [{ schema }] = (await one.store.select('SELECT current_schema() AS schema')) as [{ schema: string }]
    await holdBack(rig.ask, schema, 777)
    const holder = new Client({ connectionString: rig.url })
    await holder.connect()
    t.after(() => holder.end())
    await holder.query('SELECT pg_advisory_lock(4242)')

    await one.append('before', 1)
    const held = one.append('held', 777)
    const waiting = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    while ((await holder.query(waiting)).rows.length === 0) await new Promise((resolve) => setTimeout(resolve, 2))
    for (let n = 0; n < 50; n++) await other.append(`s-${n % 5}`, n)

    const met: string[] = []
    let after: string | undefined
    const readOn = async (limit: number): Promise<void> => {
      for await (const { streamId, version, position } of one.events.readAll({ after, limit })) {
        met.push(`${streamId} ${version}`)
        after = position
      }
    }
    // All others are there, though an earlier position is still to come.
    for (let pages = 0; pages < 8; pages++) await readOn(7)
    assert.equal(met.length, 51)
    assert.equal(met.includes('held 1'), false)

    await holder.query('SELECT pg_advisory_unlock(4242)')
    await held
    await other.append('after', 2)
    await readOn(7)
    assert.deepEqual(met.slice(51), ['held 1', 'after 1'])
    const rows = await one.store.select(
      "SELECT (SELECT position FROM dure_events WHERE stream_id = 'held') < max(position) AS early FROM dure_events WHERE stream_id LIKE 's-%'",
    )
    assert.equal(rows[0]!['early'], 1)
    await readOn(7)
    assert.equal(met.length, 53)
  },
)

test('many rows that come late come in pages, each once, before later ones of their streams', { timeout: 120_000 }, async (t) => {
  const { rig, open } = await carts(t)
  const { append, events, store } = await open()
  const [{ schema }] = (await store.select('SELECT current_schema() AS schema')) as [{ schema: string }]
  const writer = new Client({ connectionString: rig.url })
  await writer.connect()
  t.after(() => writer.end())
  await writer.query(`SET search_path = "${schema}"; BEGIN`)
  const insert = `INSERT INTO dure_events (stream, stream_id, version, id, type, schema_version, time, correlation_id, data)
    SELECT 'counter', 'bulk', n, 'id-' || n, 'counted', 1, 0, 'c', '{"n":1}' FROM generate_series(1, 40) AS n`
  await writer.query(insert)
  await append('a', 1)
  const met: string[] = []
  let after: string | undefined
  const readOn = async (): Promise<void> => {
    for await (const { streamId, version, position } of events.readAll({ after, limit: 9 })) {
      met.push(`${streamId} ${version}`)
      after = position
    }
  }
  await readOn()
  assert.deepEqual(met, ['a 1'])
  await writer.query('COMMIT')
  await append('bulk', 1)
  for (let at = 0; at < 8; at++) await readOn()
  assert.deepEqual(met, ['a 1', ...Array.from({ length: 41 }, (_, at) => `bulk ${at + 1}`)])
})

test('the events are rows that plain SQL reads', { timeout: 120_000 }, async (t) => {
  const { rig, open } = await carts(t)
  const { append, store } = await open()
  const [{ schema }] = (await store.select('SELECT current_schema() AS schema')) as [{ schema: string }]
  await append('a', 3)
  await append('a', 4)
  const sum = `SELECT stream_id, count(*)::int AS events, sum((data::json ->> 'n')::int)::int AS sum FROM "${schema}".dure_events GROUP BY 1`
  assert.deepEqual(await rig.ask(sum), [{ stream_id: 'a', events: 2, sum: 7 }])
})
