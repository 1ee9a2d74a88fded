import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { isCallError, until } from './rig.conformance.ts'
import { assertEffects, makeRig, runtime, type Rig } from './consumer.test-support.ts'
import type { Consumer } from './consumer.ts'
import { deadLetters } from './dead-letters.ts'

/** A consumer with three dead letters of two kinds, and messages held behind two of them. */
async function withDead(t: TestContext): Promise<{ rig: Rig; consumer: Consumer; mend: () => void }> {
  const rig = await makeRig(t)
  let broken = true
  const consumer = await rig.start([
    rig.effect((n, { message }) => {
      if (n !== 1 || !broken) return
      if (message.key === 'c') throw new TypeError('of another kind')
      throw new Error('out of stock')
    }),
  ])
  // One after another: keys of different partitions have no order among themselves.
  await rig.publish('a', 1, 2, 3)
  await until(() => consumer.status().dead === 3)
  await rig.publish('b', 1)
  await until(() => consumer.status().dead === 4)
  await rig.publish('c', 1, 2)
  await rig.quiet(consumer)
  await until(() => consumer.status().dead === 6)
  return { rig, consumer, mend: () => void (broken = false) }
}

test('dead letters are grouped by reaction and error, and tell what waits behind them', { timeout: 60_000 }, async (t) => {
  const { consumer } = await withDead(t)
  const groups = await consumer.deadLetters.groups()
  assert.deepEqual(
    groups.map(({ consumer: name, error, count }) => ({ name, error, count })),
    [
      { name: 'test/count', error: 'Error: out of stock', count: 2 },
      { name: 'test/count', error: 'TypeError: of another kind', count: 1 },
    ],
  )
  const letters = await consumer.deadLetters.list({ error: 'Error: out of stock' })
  assert.deepEqual(
    letters.map(({ message, attempts, held }) => [message.key, attempts, held]),
    [
      ['a', 4, 2],
      ['b', 4, 0],
    ],
  )
  assert.match(letters[0]!.detail, /dead-letters\.test\.ts/)
  assert.equal((await consumer.deadLetters.list({ limit: 1 })).length, 1)
})

test('one, a group or all are retried; what was held follows in order', { timeout: 60_000 }, async (t) => {
  const { rig, consumer, mend } = await withDead(t)
  mend()
  const [a] = await consumer.deadLetters.list({ error: 'Error: out of stock' })
  assert.equal(await consumer.deadLetters.retry({ messageIds: [a!.message.id] }), 1)
  await until(() => consumer.status().dead === 3)
  await rig.quiet(consumer)
  await assertEffects(rig, { a: [1, 2, 3], b: [], c: [] })
  assert.equal(await consumer.deadLetters.retry({ consumer: 'test/count', error: 'TypeError: of another kind' }), 1)
  await until(() => consumer.status().dead === 1)
  assert.equal(await consumer.deadLetters.retry({}, 'somebody'), 1)
  await until(() => consumer.status().dead === 0)
  await rig.publish('b', 2)
  await rig.quiet(consumer)
  await assertEffects(rig, { a: [1, 2, 3], b: [1, 2], c: [1, 2] })
  assert.equal(await consumer.deadLetters.retry(), 0)
})

test('one that fails again is dead again, and still holds its key', { timeout: 60_000 }, async (t) => {
  const { rig, consumer } = await withDead(t)
  await consumer.deadLetters.retry({ error: 'Error: out of stock' })
  await until(async () => (await consumer.deadLetters.groups()).length === 2)
  await rig.quiet(consumer)
  await until(() => consumer.status().dead === 6)
  await assertEffects(rig, { a: [], b: [], c: [] })
})

test('one is discarded with a reason that is kept, and its key goes on', { timeout: 60_000 }, async (t) => {
  const { rig, consumer } = await withDead(t)
  const [a] = await consumer.deadLetters.list({ limit: 1 })
  assert.equal(await consumer.deadLetters.discard({ messageIds: [a!.message.id] }, 'ordered twice', 'ana'), 1)
  await until(() => consumer.status().dead === 3)
  await rig.quiet(consumer)
  await assertEffects(rig, { a: [2, 3] })
  const [audit] = await rig.store.select('SELECT * FROM dure_parked_audit')
  assert.equal(audit!['action'], 'discard')
  assert.equal(audit!['reason'], 'ordered twice')
  assert.equal(audit!['actor'], 'ana')
  assert.equal(JSON.parse(String(audit!['message'])).id, a!.message.id)
  await rig.publish('a', 4)
  await rig.quiet(consumer)
  await assertEffects(rig, { a: [2, 3, 4] })
})

test('the data of one are edited, the old ones kept, and it runs when retried', { timeout: 60_000 }, async (t) => {
  const { rig, consumer } = await withDead(t)
  const [a] = await consumer.deadLetters.list({ limit: 1 })
  const letter = { consumer: 'test/count', messageId: a!.message.id }
  await consumer.deadLetters.edit(letter, JSON.stringify({ key: 'a', n: 10 }), 'wrong number', 'ana')
  assert.equal(consumer.status().dead, 6)
  await consumer.deadLetters.retry({ messageIds: [letter.messageId] })
  await until(() => consumer.status().dead === 3)
  await rig.quiet(consumer)
  await assertEffects(rig, { a: [10, 2, 3] })
  const [edit] = await rig.store.select("SELECT message FROM dure_parked_audit WHERE action = 'edit'")
  assert.equal(JSON.parse(JSON.parse(String(edit!['message'])).data).n, 1)
  await assert.rejects(consumer.deadLetters.edit(letter, 'null', ''), (error) => isCallError(error, 'NOT_FOUND'))
  const [c] = await consumer.deadLetters.list({ error: 'TypeError: of another kind' })
  const broken = consumer.deadLetters.edit({ consumer: 'test/count', messageId: c!.message.id }, '{"n":', '')
  await assert.rejects(broken, (error) => isCallError(error, 'INVALID_ARGUMENT'))
})

test('works on a stopped consumer, whose next start goes on from there', { timeout: 60_000 }, async (t) => {
  const { rig, consumer, mend } = await withDead(t)
  await consumer.stop()
  mend()
  assert.equal(await deadLetters({ store: rig.store, runtime }).retry(), 3)
  const next = await rig.start([rig.effect()])
  await rig.quiet(next)
  await assertEffects(rig, { a: [1, 2, 3], b: [1], c: [1, 2] })
})
