import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client } from 'pg'
import type { SqlStore } from 'dure/data'
import { RELAXED, testServer } from '../server.test-support.ts'
import { makeRig, until, type Rig } from '../store.test-support.ts'

const server = await testServer({ settings: RELAXED })
const ALONE = { isolated: false }
const OLD = 1_000
const run = { operation: 'place', key: 'a', fingerprint: 'f', owner: 'one', lease: 1 }

test('an answer that another copy takes over just then is not forgotten as an old one', { timeout: 60_000 }, async (t) => {
  const rig = await makeRig(t, server.url())
  const store = await rig.open()
  const { idempotency, upkeep } = store.records
  await store.transaction((tx) => idempotency.begin(tx, { ...run, run: 'first', instead: undefined }), ALONE)
  await rig.ask(`UPDATE orders.dure_idempotency SET made_at = made_at - ${2 * OLD}`)
  const forget = (): Promise<number> => store.transaction((tx) => upkeep.forget(tx, { part: 'keys', age: OLD, limit: 10 }), ALONE)
  const takeOver = "UPDATE dure_idempotency SET body = 'second', made_at = (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
  assert.equal(await meeting(rig, takeOver, forget), 0)
  assert.equal((await idempotency.find(run))?.body, 'second')
  assert.equal(crossings(store), 0)
  await rig.ask(`UPDATE orders.dure_idempotency SET made_at = made_at - ${2 * OLD}`)
  assert.equal(await forget(), 1)
})

test('of two copies that take a run over, the second finds that it is the first one by then', { timeout: 60_000 }, async (t) => {
  const rig = await makeRig(t, server.url())
  const store = await rig.open()
  const { idempotency } = store.records
  await store.transaction((tx) => idempotency.begin(tx, { ...run, run: 'first', instead: undefined }), ALONE)
  const instead = await idempotency.find(run)
  const takeOver = (id: string): Promise<boolean> =>
    store.transaction((tx) => idempotency.begin(tx, { ...run, run: id, instead }), ALONE)
  assert.equal(await meeting(rig, "UPDATE dure_idempotency SET body = 'second'", () => takeOver('third')), false)
  const answer = { ...run, run: 'first', outcome: 'answered', body: '1' } as const
  assert.equal(await store.transaction((tx) => idempotency.answer(tx, answer), ALONE), false)
  assert.equal((await idempotency.find(run))?.body, 'second')
  assert.equal(crossings(store), 0)
})

test('a dead letter that another copy decides about just then is decided once', { timeout: 60_000 }, async (t) => {
  const rig = await makeRig(t, server.url())
  const store = await rig.open()
  const { deadLetters, parked } = store.records
  await store.transaction((tx) => parked.add(tx, [letter('a'), letter('b')], undefined))
  const decision = { at: 3, by: 'test', reason: 'gone', action: 'discard', unmarked: 'orders/outbox' } as const
  const discard = (): Promise<number> => store.transaction((tx) => deadLetters.decide(tx, {}, decision), ALONE)
  const retry = "UPDATE dure_parked SET state = 'waiting', revision = revision + 1 WHERE message_id = 'a'"
  assert.equal(await meeting(rig, retry, discard), 1)
  assert.deepEqual(await rig.ask('SELECT message_id, state FROM orders.dure_parked'), [{ message_id: 'a', state: 'waiting' }])
  assert.deepEqual(await rig.ask('SELECT message_id FROM orders.dure_parked_audit'), [{ message_id: 'b' }])
  assert.deepEqual(await rig.ask('SELECT message_id FROM orders.dure_inbox'), [{ message_id: 'b' }])
  assert.equal(crossings(store), 0)
})

/** What becomes of `work`, which looked before `change` was committed and has to wait for it. */
async function meeting<T>(rig: Rig, change: string, work: () => Promise<T>): Promise<T> {
  const other = new Client({ connectionString: rig.url })
  await other.connect()
  try {
    await other.query('SET search_path = orders; BEGIN')
    await other.query(change)
    const working = work()
    await until(async () => (await rig.ask('SELECT 1 FROM pg_locks WHERE NOT granted')).length > 0)
    await other.query('COMMIT')
    return await working
  } finally {
    await other.end()
  }
}

function crossings(store: SqlStore): number {
  return store.readings!().find(({ family }) => family.name === 'dure.transaction.crossed')?.value ?? 0
}

function letter(messageId: string) {
  const message = { id: messageId, source: 'test', type: 'counted', key: messageId, time: 1, schemaVersion: 1 }
  return {
    ...({ consumer: 'orders/count', partition: 0, key: messageId, state: 'dead', error: 'no', revision: 0 } as const),
    message: { ...message, correlationId: 'c', causationId: undefined, traceparent: undefined, data: '{}' },
    ...{ letter: `letter-${messageId}`, group: 'g', started: 1, finished: 1, crashes: 0, wait: 0 },
    ...{ firstFailure: 1, lastFailure: 1 },
  }
}
