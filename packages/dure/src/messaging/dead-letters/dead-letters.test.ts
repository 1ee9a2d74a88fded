import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { z } from 'zod'
import { CallError } from '../../contract/contract.ts'
import { MESSAGE_LIMITS } from '../../contract/internal.ts'
import type { SqlStore } from '../../data/data.ts'
import { assertEffects, Counted, effectsIn, makeRig, messageOf, QUICK, runtime, type Rig } from '../consumer.test-support.ts'
import type { Consumer } from '../consumer/consumer.ts'
import { queue } from '../queue.ts'
import { until } from '../numbered.conformance.ts'
import { isCallError } from '../rig.conformance.ts'
import { deadLetters } from './dead-letters.ts'

/** A consumer with three dead letters of two kinds, and messages held behind two of them. */
async function withDead(t: TestContext): Promise<{ rig: Rig; consumer: Consumer; mend: () => void }> {
  const rig = await makeRig(t)
  let broken = true
  const consumer = await rig.start([
    rig.effect((n, { message }) => {
      if (n !== 1 || !broken) return
      if (message.key === 'c') throw new TypeError('of another kind')
      throw new Error(`out of stock: "${message.key}" has ${message.key.charCodeAt(0)} left`)
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

const OUT = 'out of stock'

test(
  'dead letters are grouped by reaction and error but for its values, and tell what waits behind them',
  { timeout: 60_000 },
  async (t) => {
    const { consumer } = await withDead(t)
    const groups = await consumer.deadLetters.groups()
    assert.deepEqual(
      groups.map(({ consumer: name, topic, error, count, held }) => ({ name, topic, error: error.slice(0, 19), count, held })),
      [
        { name: 'test/count', topic: 'counted', error: 'Error: out of stock', count: 2, held: 2 },
        { name: 'test/count', topic: 'counted', error: 'TypeError: of anoth', count: 1, held: 1 },
      ],
    )
    const letters = await consumer.deadLetters.list({ group: groups[0]!.id })
    assert.deepEqual(
      letters.map(({ message, attempts, held, edits, kind }) => [message.key, attempts, held, edits, kind]),
      [
        ['a', 4, 2, 0, 'topic'],
        ['b', 4, 0, 0, 'topic'],
      ],
    )
    assert.ok(letters.some(({ id }) => id === groups[0]!.example))
    assert.deepEqual(await consumer.readings(), [
      {
        ...{ consumer: 'test/count', kind: 'topic', topic: 'counted', waiting: 0, deadLetters: 3, held: 3 },
        oldest: letters[0]!.firstFailure,
        handled: 0,
      },
    ])
  },
)

test('lists are filtered, and read page by page', { timeout: 60_000 }, async (t) => {
  const { consumer } = await withDead(t)
  const { list } = consumer.deadLetters
  const keys = async (filter: Parameters<typeof list>[0]): Promise<string> =>
    (await list(filter)).map(({ message }) => message.key).join('')
  assert.equal(await keys({}), 'abc')
  assert.equal(await keys({ key: 'b' }), 'b')
  assert.equal(await keys({ error: OUT }), 'ab')
  assert.equal(await keys({ consumer: 'test/other' }), '')
  assert.equal(await keys({ topic: 'counted', error: 'another kind' }), 'c')
  assert.equal(await keys({ topic: 'other' }), '')
  const [a, b, c] = await list()
  assert.equal(await keys({ ids: [a!.id, c!.id] }), 'ac')
  assert.equal(await keys({ ids: [] }), '')
  assert.equal(await keys({ messageIds: [b!.message.id] }), 'b')
  assert.equal(await keys({ since: c!.lastFailure + 1 }), '')
  assert.equal(await keys({ until: a!.lastFailure }), '')
  assert.equal(await keys({ since: a!.lastFailure, until: c!.lastFailure + 1 }), 'abc')
  const pages: string[] = []
  for (let page = await list({ limit: 2 }); page.length > 0; page = await list({ limit: 2, after: page.at(-1)! }))
    pages.push(page.map(({ message }) => message.key).join(''))
  assert.deepEqual(pages, ['ab', 'c'])
})

test('one is shown with its data, its error, and who waits behind it', { timeout: 60_000 }, async (t) => {
  const { consumer } = await withDead(t)
  const [a] = await consumer.deadLetters.list({ key: 'a' })
  const shown = await consumer.deadLetters.show(a!.id)
  assert.deepEqual(JSON.parse(shown.message.data), { key: 'a', n: 1 })
  assert.match(shown.detail, /dead-letters\.test\.ts/)
  assert.deepEqual(
    shown.behind.map(({ key, type }) => [key, type]),
    [
      ['a', 'counted'],
      ['a', 'counted'],
    ],
  )
  assert.deepEqual(shown.changes, [])
  assert.equal((await consumer.deadLetters.show(a!.id.slice(0, 5))).id, a!.id)
  assert.equal((await consumer.deadLetters.show(a!.message.id)).id, a!.id)
  for (const none of ['zzzz', '', "' OR 1 = 1", '%%%%', shown.behind[0]!.id])
    await assert.rejects(consumer.deadLetters.show(none), (error) => isCallError(error, 'NOT_FOUND'))
})

test('one message dead at two consumers has two ids, and its own says neither', { timeout: 60_000 }, async (t) => {
  const rig = await makeRig(t)
  const fail = (): never => {
    throw new Error('no')
  }
  const consumer = await rig.start([rig.effect(fail), rig.effect(fail, { name: 'again' })])
  await rig.publish('a', 1)
  await until(() => consumer.status().dead === 2)
  const [one, other] = await consumer.deadLetters.list()
  assert.equal(one!.message.id, other!.message.id)
  assert.notEqual(one!.id, other!.id)
  const unclear = consumer.deadLetters.show(one!.message.id)
  await assert.rejects(unclear, (error) => isCallError(error, 'INVALID_ARGUMENT') && /test\/again/.test((error as Error).message))
})

test('one, a group or all are retried; what was held follows in order', { timeout: 60_000 }, async (t) => {
  const { rig, consumer, mend } = await withDead(t)
  mend()
  const [a] = await consumer.deadLetters.list({ error: OUT })
  assert.equal(await consumer.deadLetters.retry({ ids: [a!.id] }), 1)
  await until(() => consumer.status().dead === 3)
  await rig.quiet(consumer)
  await assertEffects(rig, { a: [1, 2, 3], b: [], c: [] })
  const [c] = await consumer.deadLetters.list({ key: 'c' })
  assert.equal(await consumer.deadLetters.retry({ group: c!.group }), 1)
  await until(() => consumer.status().dead === 1)
  assert.equal(await consumer.deadLetters.retry({}, 'somebody'), 1)
  await until(() => consumer.status().dead === 0)
  await rig.publish('b', 2)
  await rig.quiet(consumer)
  await assertEffects(rig, { a: [1, 2, 3], b: [1, 2], c: [1, 2] })
  assert.equal(await consumer.deadLetters.retry(), 0)
  const audit = await consumer.deadLetters.audit()
  assert.deepEqual(audit.map(({ action, by, message }) => `${action} ${message.key} ${by}`).toSorted(), [
    'retry a ',
    'retry b somebody',
    'retry c ',
  ])
})

test('one that fails again is dead again, under the same id, and still holds its key', { timeout: 60_000 }, async (t) => {
  const { rig, consumer } = await withDead(t)
  const before = await consumer.deadLetters.list()
  await consumer.deadLetters.retry({ error: OUT })
  await until(async () => (await consumer.deadLetters.groups())[0]?.count === 2)
  await rig.quiet(consumer)
  await until(() => consumer.status().dead === 6)
  await assertEffects(rig, { a: [], b: [], c: [] })
  const ids = (letters: typeof before): string[] => letters.map(({ id }) => id).toSorted()
  assert.deepEqual(ids(await consumer.deadLetters.list()), ids(before))
})

test('one is discarded with a reason that is kept, its key goes on, and it stays gone', { timeout: 60_000 }, async (t) => {
  const { rig, consumer, mend } = await withDead(t)
  const [a] = await consumer.deadLetters.list({ limit: 1 })
  for (const reason of ['', '  ']) {
    const discarded = consumer.deadLetters.discard({ ids: [a!.id] }, reason)
    await assert.rejects(discarded, (error) => isCallError(error, 'INVALID_ARGUMENT'))
  }
  const { message } = await consumer.deadLetters.show(a!.id)
  assert.equal(await consumer.deadLetters.discard({ ids: [a!.id] }, 'ordered twice', 'ana'), 1)
  await until(() => consumer.status().dead === 3)
  await rig.quiet(consumer)
  await assertEffects(rig, { a: [2, 3] })
  const [entry] = await consumer.deadLetters.audit({ id: a!.id })
  assert.deepEqual([entry!.action, entry!.reason, entry!.by, entry!.message], ['discard', 'ordered twice', 'ana', message])
  // The broker may bring it again: it has had its turn, though it would succeed by now.
  mend()
  await rig.broker.publish([message])
  await rig.publish('a', 4)
  await rig.quiet(consumer)
  await assertEffects(rig, { a: [2, 3, 4] })
})

test('the data of one are edited, the old ones kept, and it runs when retried', { timeout: 60_000 }, async (t) => {
  const { rig, consumer, mend } = await withDead(t)
  const { edit, audit, list } = consumer.deadLetters
  const [a] = await list({ limit: 1 })
  await edit(a!.id, JSON.stringify({ key: 'a', n: 10 }), 'wrong number', 'ana')
  await edit(a!.id, JSON.stringify({ key: 'a', n: 11 }), 'wrong again', 'ana')
  assert.equal(consumer.status().dead, 6)
  assert.equal((await list({ key: 'a' }))[0]!.edits, 2)
  await consumer.deadLetters.retry({ ids: [a!.id] })
  await until(() => consumer.status().dead === 3)
  await rig.quiet(consumer)
  await assertEffects(rig, { a: [11, 2, 3] })
  const edits = await audit({ action: 'edit' })
  assert.deepEqual(
    edits.map(({ message, data, reason }) => [JSON.parse(message.data).n, JSON.parse(data!).n, reason]).toSorted(),
    [
      [1, 10, 'wrong number'],
      [10, 11, 'wrong again'],
    ],
  )
  // The original comes once more: under its own id it has had its effect.
  mend()
  await rig.broker.publish([{ ...a!.message, data: JSON.stringify({ key: 'a', n: 1 }) }])
  await rig.quiet(consumer)
  await assertEffects(rig, { a: [11, 2, 3] })
})

test('an edit that its consumer could not take is refused, and changes nothing', { timeout: 60_000 }, async (t) => {
  const { consumer } = await withDead(t)
  const { edit, show, audit } = consumer.deadLetters
  const [a] = await consumer.deadLetters.list({ key: 'a' })
  const refusals: readonly (readonly [data: string, says: RegExp])[] = [
    ['{"key":', /are not JSON/],
    ['{"key":"a"}', /"n"/],
    ['{"key":"a","n":1.5}', /int/],
    ['null', /object/],
    ['{"key":"b","n":1}', /of key "b", and the message holds the key "a"/],
  ]
  for (const [data, says] of refusals) {
    await assert.rejects(
      edit(a!.id, data, 'a try'),
      (error) => isCallError(error, 'INVALID_ARGUMENT') && says.test((error as Error).message),
      data,
    )
  }
  await assert.rejects(edit(a!.id, '{"key":"a","n":2}', ''), (error) => isCallError(error, 'INVALID_ARGUMENT'))
  await assert.rejects(edit('none', '{"key":"a","n":2}', 'a try'), (error) => isCallError(error, 'NOT_FOUND'))
  assert.equal((await show(a!.id)).message.data, '{"key":"a","n":1}')
  assert.deepEqual(await audit(), [])
})

test('what is dead because it could not be read is mended by an edit', { timeout: 60_000 }, async (t) => {
  const rig = await makeRig(t)
  const consumer = await rig.start([rig.effect()])
  await rig.broker.publish([messageOf(Counted, 'a', '{"key":"a","n":"one"}')])
  await until(() => consumer.status().dead === 1)
  const [letter] = await consumer.deadLetters.list()
  assert.equal(letter!.attempts, 1)
  await consumer.deadLetters.edit(letter!.id, '{"key":"a","n":1}', 'a number')
  await consumer.deadLetters.retry()
  await until(() => consumer.status().dead === 0)
  await rig.quiet(consumer)
  await assertEffects(rig, { a: [1] })
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

const Print = queue('print', { schema: z.object({ key: z.string(), n: z.int() }) })

test('dead work of a queue is seen and treated in the same way, and written down beside it', { timeout: 60_000 }, async (t) => {
  const rig = await makeRig(t)
  let broken = true
  const printing = rig.effect(
    (n) => {
      if (n < 5 && broken) throw new Error(`no paper for ${n}`)
    },
    { kind: 'queue', event: Print, name: 'printing', retry: { ...QUICK, attempts: 1 } },
  )
  const failing = rig.effect(() => {
    if (broken) throw new Error('no')
  })
  const consumer = await rig.start([printing, failing])
  const jobs = [1, 2, 3, 4, 5].map((n) => messageOf(Print, '', JSON.stringify({ key: 'p', n })))
  await rig.broker.send(jobs)
  await rig.publish('a', 1, 2)
  const { list, groups, show, edit, retry, discard, audit } = consumer.deadLetters
  await until(async () => (await list()).length === 5)
  assert.deepEqual(
    (await groups()).map(({ kind, consumer: name, count, held }) => [kind, name, count, held]),
    [
      ['queue', 'test/printing', 4, 0],
      ['topic', 'test/count', 1, 1],
    ],
  )
  assert.deepEqual(
    (await consumer.readings()).map(({ kind, deadLetters: dead }) => [kind, dead]),
    [
      ['queue', 4],
      ['topic', 1],
    ],
  )
  const pages: number[] = []
  const dead: string[] = []
  for (let page = await list({ limit: 2 }); page.length > 0; page = await list({ limit: 2, after: page.at(-1)! })) {
    pages.push(page.length)
    dead.push(...page.map(({ id }) => id))
  }
  assert.deepEqual([pages, new Set(dead).size], [[2, 2, 1], 5])
  const [one, two, three] = await Promise.all(jobs.slice(0, 3).map(({ id }) => show(id)))
  await assert.rejects(edit(one!.id, '{"key":"p"}', 'a try'), (error) => isCallError(error, 'INVALID_ARGUMENT'))
  await edit(one!.id, '{"key":"p","n":9}', 'a thicker one', 'ana')
  assert.equal((await list({ ids: [one!.id] }))[0]!.edits, 1)
  broken = false
  assert.equal(await retry({ ids: [one!.id] }), 1)
  assert.equal(await discard({ ids: [two!.id] }, 'nobody wants it'), 1)
  assert.equal(await retry({ group: three!.group }, 'bo'), 2)
  assert.equal(await retry(), 1)
  await until(async () => ((await effectsIn(rig.store)).get('p') ?? []).length === 4)
  assert.deepEqual((await effectsIn(rig.store)).get('p')!.toSorted(), [3, 4, 5, 9])
  assert.deepEqual((await audit({ consumer: 'test/printing' })).map(({ action, by }) => `${action} ${by}`).toSorted(), [
    'discard ',
    'edit ana',
    'retry ',
    'retry bo',
    'retry bo',
  ])
  assert.deepEqual(await list(), [])
})

test('a key as long as keys may be is parked like any other', { timeout: 60_000 }, async (t) => {
  const rig = await makeRig(t)
  let broken = true
  const consumer = await rig.start([
    rig.effect((n) => {
      if (n === 1 && broken) throw new Error('no')
    }),
  ])
  // All different, so that no database can make it shorter; three bytes each.
  const key = String.fromCharCode(...Array.from({ length: MESSAGE_LIMITS.key }, (_, i) => 0xac00 + ((i * 7919) % 11_000)))
  await rig.publish(key, 1, 2)
  await until(() => consumer.status().dead === 2)
  broken = false
  const [letter] = await consumer.deadLetters.list({ key })
  assert.equal(letter!.held, 1)
  assert.equal((await consumer.deadLetters.show(letter!.id)).behind.length, 1)
  await consumer.deadLetters.retry({ key })
  await until(() => consumer.status().dead === 0)
  await rig.quiet(consumer)
  await assertEffects(rig, { [key]: [1, 2] })
})

test('a change whose commit is not answered is seen by the consumer all the same', { timeout: 60_000 }, async (t) => {
  const { rig, mend } = await withDead(t)
  let told = 0
  const store: SqlStore = {
    ...rig.store,
    transaction: async (work, limits) => {
      await rig.store.transaction(work, limits)
      throw new CallError('UNAVAILABLE', 'The connection was lost at the commit')
    },
  }
  mend()
  const letters = deadLetters({ store, runtime, changed: () => void told++ })
  await assert.rejects(letters.retry({ key: 'a' }), { code: 'UNAVAILABLE' })
  await assert.rejects(letters.discard({ key: 'b' }, 'not needed'), { code: 'UNAVAILABLE' })
  assert.equal(told, 2)
})

test('the audit of one that is gone is found by the beginning of its id as well', { timeout: 60_000 }, async (t) => {
  const { consumer } = await withDead(t)
  const { audit, discard, list } = consumer.deadLetters
  const [a] = await list({ key: 'a' })
  await discard({ ids: [a!.id] }, 'not needed', 'kim')
  await discard({ key: 'b' }, 'not needed')
  const found = async (id: string): Promise<readonly string[]> => (await audit({ id })).map(({ letter }) => letter)
  for (const id of [a!.id, a!.id.slice(0, 6), a!.message.id]) assert.deepEqual(await found(id), [a!.id])
  for (const id of ['', '%', '____', a!.id.slice(0, 3)]) assert.deepEqual(await found(id), [])
})
