import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SqlStore } from 'dure/data'
import { proxyTo } from '../proxy.test-support.ts'
import { RELAXED, testServer } from '../server.test-support.ts'
import { makeRig, ordersTable, until, type Rig } from '../store.test-support.ts'

const server = await testServer({ settings: RELAXED })
const expanding = { ...ordersTable, '0002-note': "ALTER TABLE orders ADD COLUMN note TEXT NOT NULL DEFAULT 'none'" }
const contracting = { ...expanding, '0003-drop': 'ALTER TABLE orders DROP COLUMN total' }
const insert = (store: SqlStore, id: string): Promise<number> =>
  store.transaction((tx) => tx.run('INSERT INTO orders (id, total) VALUES (?, 1)', [id]))
const members = async (rig: Rig): Promise<unknown[]> =>
  (await rig.ask('SELECT member FROM orders.dure_members ORDER BY since')).map(({ member }) => member)
const waited = (rig: Rig): boolean => rig.lines.some((line) => line.includes('waits for older copies'))

test('a migration that only adds is made while older copies run, which go on, and may start again', async (t) => {
  const rig = await makeRig(t, server.url())
  const [old, other] = [await rig.open(), await rig.open()]
  const next = await rig.open({}, 'orders', expanding)
  assert.deepEqual(await members(rig), [old.member, other.member, next.member])
  await insert(old, 'old')
  await other.stop()
  const again = await rig.open()
  await insert(again, 'again')
  assert.deepEqual(await next.select('SELECT id, note FROM orders ORDER BY id'), [
    { id: 'again', note: 'none' },
    { id: 'old', note: 'none' },
  ])
  assert.ok(!waited(rig))
})

test('one that takes something away waits until no older copy runs; afterwards none starts', { timeout: 60_000 }, async (t) => {
  const rig = await makeRig(t, server.url())
  const [old, same] = [await rig.open(), await rig.open({}, 'orders', contracting).catch((error: unknown) => error)]
  // Nobody has gone: it is refused by name, and nothing of it is made.
  const { code, message } = same as { code: string; message: string }
  assert.equal(code, 'FAILED_PRECONDITION')
  assert.match(message, /migration "0003-drop" takes away what older copies use, and 1 of them is running.*To do: stop them/)
  await insert(old, 'old')
  const start = rig.lines.length
  const opening = rig.open({}, 'orders', contracting)
  await until(() => rig.lines.slice(start).some((line) => line.includes('waits for older copies')))
  await insert(old, 'meanwhile')
  await old.stop()
  const next = await opening
  assert.deepEqual(await next.select('SELECT * FROM orders ORDER BY id'), [
    { id: 'meanwhile', note: 'none' },
    { id: 'old', note: 'none' },
  ])
  await assert.rejects(rig.open(), { code: 'FAILED_PRECONDITION', message: /"0003-drop" was applied to it and takes away/ })
  assert.deepEqual(await members(rig), [next.member])
})

test('a copy that is gone without a word is waited for no longer; one whose witness was lost for a moment is', async (t) => {
  const rig = await makeRig(t, server.url())
  const proxy = await proxyTo(rig.url)
  const old = await rig.open({ url: proxy.url })
  t.after(async () => {
    await old.stop()
    await proxy.stop()
  })
  const end = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'dure witness orders ${old.member}'`
  await rig.ask(end)
  await until(() => rig.lines.some((line) => line.includes('is there again')))
  const opening = rig.open({}, 'orders', contracting)
  await until(() => waited(rig))
  // Killed, for the server: its sessions end, and it does not come back.
  proxy.closed = true
  proxy.cut()
  const next = await opening
  assert.deepEqual(await members(rig), [next.member])
  assert.equal((await next.select('SELECT id FROM orders')).length, 0)
})
