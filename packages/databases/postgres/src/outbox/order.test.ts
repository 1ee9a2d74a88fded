import assert from 'node:assert/strict'
import fc from 'fast-check'
import { partitionOf } from 'dure/messaging/internal'
import { MOST_LOCKS } from './statements.ts'
import { collector } from '../collector.test-support.ts'
import { onServers, publish, type Place } from './outbox.test-support.ts'

const check = await onServers()

type Planned = {
  readonly keys: readonly number[]
  /** Milliseconds before the messages are written, and between them and the end. */
  readonly before: number
  readonly after: number
  readonly commits: boolean
}

const planned: fc.Arbitrary<Planned> = fc.record({
  keys: fc.array(fc.nat(3), { minLength: 1, maxLength: 3 }),
  before: fc.nat(3),
  after: fc.nat(6),
  commits: fc.integer({ min: 0, max: 4 }).map((n) => n > 0),
})

check('of each key the order of delivery is the order of commit, whoever publishes at the same time', async (place) => {
  await fc.assert(
    fc.asyncProperty(fc.array(planned, { minLength: 30, maxLength: 60 }), async (plans) => {
      const { got, deliver, keys } = collector()
      const relay = place.relay(deliver, { limits: { batch: 7 } })
      const writers = new Map<string, string>()
      let next = 0
      const publisher = async (): Promise<void> => {
        for (let plan = plans[next++]; plan !== undefined; plan = plans[next++]) await carryOut(place, plan, writers)
      }
      await Promise.all(Array.from({ length: 8 }, publisher))
      await relay.flush()
      await relay.stop()
      const committed = await commitTimes(place, writers)
      assert.deepEqual(got.map(({ id }) => id).toSorted(), [...committed.keys()].toSorted())
      for (const [key, messages] of keys()) {
        const times = messages.map(({ id }) => committed.get(id)!)
        assert.deepEqual(
          times,
          times.toSorted((a, b) => a - b),
          `the messages of key ${key}`,
        )
      }
    }),
    { numRuns: 6 },
  )
})

let ids = 0

/** One transaction as planned; says which transaction wrote which message. */
async function carryOut(place: Place, { keys, before, after, commits }: Planned, writers: Map<string, string>): Promise<void> {
  const messages = keys.map((key) => ({ type: 'ordered', key: `key-${key}`, data: null, id: `m-${++ids}` }))
  const client = await place.pool.connect()
  try {
    await client.query('BEGIN')
    await client.query('SELECT pg_sleep($1)', [before / 1_000])
    await publish(client, ...messages)
    const { rows } = await client.query<{ xid: string }>('SELECT pg_current_xact_id()::text AS xid')
    await client.query('SELECT pg_sleep($1)', [after / 1_000])
    await client.query(commits ? 'COMMIT' : 'ROLLBACK')
    if (commits) for (const { id } of messages) writers.set(id, rows[0]!.xid)
  } finally {
    client.release()
  }
}

/** When the transaction of each message committed, as the server recorded it: microseconds. */
async function commitTimes(place: Place, writers: ReadonlyMap<string, string>): Promise<ReadonlyMap<string, number>> {
  const { rows } = await place.pool.query<{ xid: string; time: string }>(
    `SELECT xid, (extract(epoch FROM pg_xact_commit_timestamp(xid::xid)) * 1000000)::bigint AS time FROM unnest($1::text[]) AS xid`,
    [[...new Set(writers.values())]],
  )
  const times = new Map(rows.map(({ xid, time }) => [xid, Number(time)]))
  return new Map([...writers].map(([id, xid]) => [id, times.get(xid)!]))
}

const many = Array.from({ length: MOST_LOCKS * 3 }, (_, i) => `many-${i}`)

check('more keys than locks are worth: one lock stands for all, and the order holds', async (place) => {
  assert.ok(new Set(many.map((key) => partitionOf(key, 1024))).size > MOST_LOCKS)
  const { deliver, keys } = collector()
  const relay = place.relay(deliver)
  const rounds = 6
  const sizes = new Set<number>()
  let turn = 0
  const one = async (publisher: number): Promise<void> => {
    for (let round = 0; round < rounds; round++) {
      await place.transaction(async (client) => {
        const some = publisher % 2 === 0 ? many : many.slice(0, 5)
        await publish(client, ...some.map((key) => ({ type: 'ordered', key, data: null, id: `${publisher}-${round}-${key}` })))
        const { rows } = await client.query<{ locks: string }>(
          `SELECT count(*) AS locks FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid()`,
        )
        sizes.add(Number(rows[0]!.locks))
        // Under the locks of the key, so these are the numbers of its commits.
        await client.query(`UPDATE dure_outbox SET data = $1::text WHERE key = 'many-0' AND xid = pg_current_xact_id()`, [++turn])
      })
    }
  }
  await Promise.all(Array.from({ length: 4 }, (_, publisher) => one(publisher)))
  await relay.flush()
  const numbers = keys()
    .get('many-0')!
    .map(({ data }) => Number(data))
  assert.deepEqual(
    numbers,
    Array.from({ length: 4 * rounds }, (_, i) => i + 1),
  )
  assert.equal(keys().get(many.at(-1)!)!.length, 2 * rounds)
  assert.deepEqual(
    [...sizes].toSorted((a, b) => a - b),
    [1, 6],
    'one for all; or one of each key and its share in that of all',
  )
})

check(
  'transactions that lock rows in opposite orders and publish the same keys do not wait for each other for ever',
  async (place) => {
    const { deliver, got } = collector()
    const relay = place.relay(deliver)
    await place.pool.query('CREATE TABLE shelves (id int PRIMARY KEY, n int NOT NULL)')
    await place.pool.query('INSERT INTO shelves SELECT generate_series(1, 40), 0')
    // Rows that each has to itself, then keys in opposite orders: only the publishing could make them wait in a circle.
    const one = async (publisher: number): Promise<void> => {
      for (let round = 0; round < 25; round++) {
        const keys = Array.from({ length: 10 }, (_, i) => `shared-${i}`)
        if (publisher % 2 === 1) keys.reverse()
        await place.transaction(async (client) => {
          for (let row = 1; row <= 5; row++)
            await client.query('UPDATE shelves SET n = n + 1 WHERE id = $1', [publisher * 5 + row])
          await publish(client, ...keys.map((key) => ({ type: 'ordered', key, data: round })))
        })
      }
    }
    await Promise.all(Array.from({ length: 8 }, (_, publisher) => one(publisher)))
    await relay.flush()
    assert.equal(got.length, 8 * 25 * 10)
    const { rows } = await place.pool.query<{ deadlocks: string }>(
      'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()',
    )
    assert.equal(Number(rows[0]!.deadlocks), 0)
  },
)

check('work on queues waits for nobody who uses the same key', async (place) => {
  const { deliver, got } = collector()
  const relay = place.relay(deliver)
  const holding = await place.client()
  await holding.query('BEGIN')
  await publish(holding, { type: 'mail', key: 'same', data: 1, destination: 'queue' })
  await place.publish({ type: 'mail', key: 'same', data: 2, destination: 'queue' })
  await relay.flush()
  assert.deepEqual(
    got.map(({ data }) => data),
    ['2'],
  )
  await holding.query('COMMIT')
  await relay.flush()
  assert.deepEqual(
    got.map(({ data }) => data),
    ['2', '1'],
  )
})

check('a message that is wrong is refused before anything is written', async (place) => {
  for (const wrong of [
    { type: '', key: 'a', data: 1 },
    { type: 'a', key: 'half a pair \ud800', data: 1 },
  ]) {
    await assert.rejects(place.publish({ type: 'fine', key: 'a', data: 1 }, wrong), { code: 'INVALID_ARGUMENT' })
  }
  assert.equal(await place.left(), 0)
})
