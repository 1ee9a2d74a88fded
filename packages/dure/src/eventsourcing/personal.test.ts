import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { event } from '../contract/contract.ts'
import { aggregate } from './eventsourcing.ts'
import { all, rigOf, type Copy } from './eventsourcing.test-support.ts'

const Given = event('order.address-given', {
  schema: z.object({
    orderId: z.string(),
    customer: z.string(),
    name: z.string(),
    address: z.object({ street: z.string(), zip: z.string() }),
  }),
  key: (e) => e.orderId,
})
const order = aggregate('order', {
  events: [Given],
  initial: () => 0,
  decide: () => [],
  evolve: (count) => count + 1,
  personal: {
    'order.address-given': { subject: 'customer', fields: { name: '(forgotten)', 'address.street': '' } },
  },
})
const given = (orderId: string, customer: string) =>
  ({
    type: 'order.address-given',
    data: { orderId, customer, name: 'Ada Lovelace', address: { street: 'Main 1', zip: '10' } },
  }) as const

const put = ({ transaction }: Copy, id: string, customer: string) =>
  transaction((tx) => tx.append(order.stream(id), [given(id, customer)], { expected: 'any' }))
const read = async ({ events }: Copy, id: string) => (await all(events.read(order.stream(id)))).map(({ data }) => data)

test('personal fields are sealed, and read as declared once their subject is forgotten', async (t) => {
  const rig = rigOf(t)
  const copy = await rig.copy([order])
  await put(copy, 'o-1', 'ada')
  await put(copy, 'o-2', 'ben')
  assert.deepEqual(await read(copy, 'o-1'), [given('o-1', 'ada').data])
  const stored = await copy.store.select('SELECT data FROM dure_events ORDER BY position')
  assert.doesNotMatch(String(stored[0]!['data']), /Lovelace|Main/)
  assert.equal(await copy.events.forget('ada'), true)
  assert.equal(await copy.events.forget('ada'), false)
  const forgotten = { orderId: 'o-1', customer: 'ada', name: '(forgotten)', address: { street: '', zip: '10' } }
  assert.deepEqual(await read(copy, 'o-1'), [forgotten])
  assert.deepEqual(await read(copy, 'o-2'), [given('o-2', 'ben').data])
  // Who comes back has another key.
  await put(copy, 'o-1', 'ada')
  assert.deepEqual(await read(copy, 'o-1'), [forgotten, given('o-1', 'ada').data])
  assert.equal(await [...copy.open.values()][0]!.control!['forget']!({ subject: 'ben' } as never), true)
})

test('what was restored from a backup of the events stays forgotten', async (t) => {
  const copy = await rigOf(t).copy([order])
  await put(copy, 'o-1', 'ada')
  const backup = await copy.store.select('SELECT * FROM dure_events')
  await copy.events.forget('ada')
  await copy.store.transaction(async (tx) => {
    await tx.run('DELETE FROM dure_events')
    const { xid: _, ...row } = backup[0]!
    const names = Object.keys(row)
    await tx.run(`INSERT INTO dure_events (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`, Object.values(row))
  })
  assert.equal((await read(copy, 'o-1'))[0]!.name, '(forgotten)')
})

test('a damaged store of keys is said, and nothing is taken for forgotten', async (t) => {
  const copy = await rigOf(t).copy([order])
  await put(copy, 'o-1', 'ada')
  const keys = copy.stores.get('subject-keys')!
  const [kept] = await keys.select('SELECT * FROM dure_subject_keys')
  const change = (sql: string, values: readonly (string | null)[] = []) => keys.transaction((tx) => tx.run(sql, values))
  const unreadable = (message: RegExp) => assert.rejects(read(copy, 'o-1'), { code: 'DATA_LOSS', message })
  await change("UPDATE dure_subject_keys SET secret = 'AAAA'")
  await unreadable(/is damaged.*restore that store from its backup/)
  await assert.rejects(put(copy, 'o-1', 'ada'), { code: 'DATA_LOSS' })
  await change('UPDATE dure_subject_keys SET secret = ?', [Buffer.alloc(32).toString('base64')])
  await unreadable(/event 1 of order "o-1".*field "name" was not sealed with key/)
  await change('DELETE FROM dure_subject_keys')
  await unreadable(/is not in it/)
  await change('INSERT INTO dure_subject_keys (id, subject, secret) VALUES (?, ?, ?)', [
    String(kept!['id']),
    'ada',
    String(kept!['secret']),
  ])
  assert.deepEqual(await read(copy, 'o-1'), [given('o-1', 'ada').data])
})

test('a sealed field opens nowhere else', async (t) => {
  const copy = await rigOf(t).copy([order])
  await put(copy, 'o-1', 'ada')
  await put(copy, 'o-2', 'ada')
  await copy.store.transaction((tx) =>
    tx.run("UPDATE dure_events SET data = (SELECT data FROM dure_events WHERE stream_id = 'o-1') WHERE stream_id = 'o-2'"),
  )
  await assert.rejects(read(copy, 'o-2'), { code: 'DATA_LOSS', message: /event 1 of order "o-2".*has been changed/ })
})

test('personal fields are not published, and not kept in snapshots', () => {
  const options = { events: [Given], initial: () => 0, decide: () => [], evolve: (n: number) => n }
  const personal = { 'order.address-given': { subject: 'customer', fields: { name: '' } } }
  assert.throws(() => aggregate('order', { ...options, personal, publish: [Given] }), /is published/)
  assert.throws(() => aggregate('order', { ...options, personal, snapshot: { every: 5, state: z.number() } }), /snapshots/)
  assert.throws(
    () => aggregate('order', { ...options, personal: { other: personal['order.address-given'] } as never }),
    /none of its events/,
  )
  assert.throws(() => aggregate('or der', options), /1 to 100 letters/)
})
