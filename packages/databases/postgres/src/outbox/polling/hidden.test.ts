import assert from 'node:assert/strict'
import { partitionOf } from 'dure/messaging/internal'
import { createPublisher } from '../outbox.ts'
import { READ } from './reader.ts'
import { SETTINGS } from './session.ts'
import { collector } from '../../collector.test-support.ts'
import { onServers, publish, type Place } from '../outbox.test-support.ts'
import { VERSIONS } from '../../server.test-support.ts'

/** A transaction that notifies cannot be prepared. */
const quietly = createPublisher({ source: 'test', notify: false })

const check = await onServers(VERSIONS)

/** Keys that share no bucket with one another, so that nobody waits for who is held back here. */
function keysApart(count: number): readonly string[] {
  const byBucket = new Map<number, string>()
  for (let i = 0; byBucket.size < count; i++) {
    const bucket = partitionOf(`key-${i}`, 1024)
    if (!byBucket.has(bucket)) byBucket.set(bucket, `key-${i}`)
  }
  return [...byBucket.values()]
}

const [held, prepares, rollsBack, isLost, ...keys] = keysApart(27) as [string, string, string, string, ...string[]]

/** So many transactions of one to three messages, several at once; each key is published by one of them at a time. */
async function load(place: Place, transactions: number, from = 0): Promise<void> {
  let next = from
  await Promise.all(
    Array.from({ length: 6 }, async (_, publisher) => {
      const own = keys.filter((_, at) => at % 6 === publisher)
      while (next < from + transactions) {
        const n = next++
        const key = own[n % own.length]!
        await place.publish(...Array.from({ length: 1 + (n % 3) }, (_, at) => ({ type: 'counted', key, data: n + at / 10 })))
      }
    }),
  )
}

const messages = (transactions: number): number =>
  Array.from({ length: transactions }, (_, n) => 1 + (n % 3)).reduce((a, b) => a + b, 0)

function assertInOrder(got: readonly { key: string; data: string }[]): void {
  for (const [key, of] of Map.groupBy(got, (message) => message.key)) {
    const numbers = of.map(({ data }) => Number(data))
    assert.deepEqual(
      numbers,
      numbers.toSorted((a, b) => a - b),
      `the messages of ${key}`,
    )
    assert.equal(new Set(numbers).size, numbers.length, `the messages of ${key} came once`)
  }
}

check('a row held back uncommitted while thousands commit delays nobody, and comes when it commits', async (place) => {
  const { got, deliver, until } = collector()
  const relay = place.relay(deliver, { limits: { batch: 100 } })
  await load(place, 50)
  const holding = await place.client()
  await holding.query('BEGIN')
  await publish(holding, { type: 'counted', key: held, data: 1 })
  const [{ position }] = (await holding.query('SELECT max(position) AS position FROM dure_outbox')).rows as [{ position: string }]

  await load(place, 1_500, 50)
  await relay.flush()
  assert.equal(got.length, messages(1_550))
  const [{ last }] = (await place.pool.query('SELECT last_value AS last FROM dure_outbox_position_seq')).rows as [
    { last: string },
  ]
  assert.ok(Number(last) - Number(position) > 2_500, 'thousands have passed it')
  assert.ok(!got.some(({ key }) => key === held))

  await holding.query('COMMIT')
  await until((all) => all.some(({ key }) => key === held))
  await load(place, 50, 1_550)
  await relay.flush()
  assert.equal(got.length, messages(1_600) + 1)
  assertInOrder(got)
  await relay.stop()
  assert.equal(await place.left(), 0)
})

check('a later message of the key that is held back waits for it, and for nothing else', async (place) => {
  const { got, deliver } = collector()
  const relay = place.relay(deliver)
  const holding = await place.client()
  await holding.query('BEGIN')
  await publish(holding, { type: 'counted', key: held, data: 1 })
  const later = place.publish({ type: 'counted', key: held, data: 2 })
  await place.publish({ type: 'counted', key: keys[0]!, data: 1 })
  // Until the server says that somebody waits for the bucket: nothing has been skipped, because nothing is there.
  const waiting = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
  while ((await place.pool.query(waiting)).rowCount === 0);
  await relay.flush()
  assert.deepEqual(
    got.map(({ key }) => key),
    [keys[0]],
  )
  await holding.query('COMMIT')
  await later
  await relay.flush()
  assertInOrder(got)
  assert.equal(got.length, 3)
})

check('many rows that were held back come whole and in order, though they are more than one batch', async (place) => {
  const { got, deliver, until } = collector()
  const relay = place.relay(deliver, { limits: { batch: 64 } })
  const holding = await place.client()
  await holding.query('BEGIN')
  for (let from = 0; from < 1_000; from += 100) {
    await publish(holding, ...Array.from({ length: 100 }, (_, at) => ({ type: 'counted', key: held, data: from + at })))
    await load(place, 20, from)
  }
  await relay.flush()
  assert.ok(got.length > 0 && !got.some(({ key }) => key === held))
  await Promise.all([holding.query('COMMIT'), load(place, 200, 10_000)])
  await until((all) => all.filter(({ key }) => key === held).length >= 1_000)
  await relay.flush()
  assertInOrder(got)
  assert.equal(got.filter(({ key }) => key === held).length, 1_000)
})

check('a transaction that is prepared, and one rolled back, and one that ends with its session', async (place) => {
  const { got, deliver } = collector()
  const relay = place.relay(deliver)
  const [prepared, rolledBack, lost] = await Promise.all([place.client(), place.client(), place.client()])
  const holders = [
    [prepared, prepares],
    [rolledBack, rollsBack],
    [lost, isLost],
  ] as const
  for (const [at, [client, key]] of holders.entries()) {
    await client.query('BEGIN')
    await quietly(client, { type: 'counted', key, data: at })
    await place.publish({ type: 'counted', key: held, data: at })
  }
  await prepared.query(`PREPARE TRANSACTION 'outbox'`)
  await rolledBack.query('ROLLBACK')
  await lost.end()
  await load(place, 100, 100)
  await relay.flush()
  assert.equal(got.length, 3 + messages(200) - messages(100))
  await place.pool.query(`COMMIT PREPARED 'outbox'`)
  await relay.flush()
  assert.equal(got.at(-1)!.key, prepares)
  assertInOrder(got)
})

check('a look costs what is new, though a transaction left open keeps thousands of delivered rows from vacuum', async (place) => {
  const { got, deliver } = collector()
  const relay = place.relay(deliver)
  const holding = await place.client()
  await holding.query('BEGIN')
  await publish(holding, { type: 'counted', key: held, data: 1 })
  for (let i = 0; i < 30; i++) {
    await place.publish(...Array.from({ length: 200 }, (_, at) => ({ type: 'counted', key: keys[at % keys.length]!, data: at })))
  }
  await relay.stop()
  assert.equal(got.length, 6_000)
  assert.equal(await place.left(), 0)
  await place.pool.query('VACUUM dure_outbox')
  const { rows } = await place.pool.query<{ position: string; snapshot: string }>(
    'SELECT last_value AS position, pg_current_snapshot()::text AS snapshot FROM dure_outbox_position_seq',
  )
  const [, xmax, running] = rows[0]!.snapshot.split(':')
  assert.notEqual(running, '', 'somebody is running')

  const [seen, fresh] = await pagesRead(place, [
    [rows[0]!.position, running!, xmax!],
    ['0', '', '18446744073709551615'],
  ])
  assert.ok(fresh! > 150, `a first look walks over what vacuum could not take: ${fresh} pages`)
  assert.ok(seen! < fresh! / 10, `one that has been here does not: ${seen} pages`)
})

/** Pages that a look touches, by where it has been: the last position, who was running then, and the first of those to come. */
async function pagesRead(place: Place, looks: readonly (readonly [string, string, string])[]): Promise<readonly number[]> {
  const client = await place.client()
  await client.query(SETTINGS)
  await client.query(`PREPARE look (bigint, int[], int, bigint, xid8[], xid8) AS ${READ}`)
  const pages: number[] = []
  for (const [position, running, from] of looks) {
    const lanes = Array.from({ length: 16 }, (_, lane) => lane).join(',')
    const { rows } = await client.query<{ 'QUERY PLAN': readonly [{ Plan: Record<string, number> }] }>(
      `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE look (${position}, '{${lanes}}', 512, 1000000, '{${running}}', '${from}')`,
    )
    const { Plan: plan } = rows[0]!['QUERY PLAN'][0]
    pages.push(plan['Shared Hit Blocks']! + plan['Shared Read Blocks']!)
  }
  return pages
}
