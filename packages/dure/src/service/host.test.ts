import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { z } from 'zod'
import { event } from '../contract/contract.ts'
import { database, sqlite } from '../data/data.ts'
import { aggregate } from '../eventsourcing/eventsourcing.ts'
import { readModel } from '../query/query.ts'
import { saga } from '../saga/saga.ts'
import { hostOf } from './host.ts'

function folder(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'dure-host-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

test('a saga in an application that is no system goes on after its restart', async (t) => {
  const directory = folder(t)
  const done: string[] = []
  const order = saga('order', {
    input: z.string(),
    signals: { paid: z.int() },
    output: z.string(),
    run: async (s, id) => {
      await s.step('reserve', { do: () => void done.push(`reserve ${id}`) })
      const amount = await s.signal('paid')
      await s.step('ship', { do: () => void done.push(`ship ${id}`) })
      return `${id} for ${amount}`
    },
  })
  const open = () => hostOf({ name: 'shop', store: sqlite(), extensions: [order], directory })
  const first = await open()
  await first.database.transaction((tx) => tx.begin(order, 'tea', { id: '1' }))
  while (done.length === 0) await new Promise((resolve) => setImmediate(resolve))
  await first.stop()
  const second = await open()
  t.after(() => second.stop())
  await second.database.transaction((tx) => tx.signal(order, '1', 'paid', 5))
  const shown = async () => (await second.ask('saga', 'show', { id: '1' })) as { state: string; output: unknown }
  while ((await shown()).state !== 'completed') await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual([done, (await shown()).output], [['reserve tea', 'ship tea'], 'tea for 5'])
})

test('an event store and a read model of it in one; what cannot be in an application is refused', async (t) => {
  const directory = folder(t)
  const Added = event('cart.added', { schema: z.object({ cart: z.string(), sku: z.string() }), key: (e) => e.cart })
  const cart = aggregate('cart', {
    ...{ events: [Added], publish: [Added], initial: () => [] as readonly string[] },
    decide: (sku: string, skus) => (skus.includes(sku) ? [] : [{ type: 'cart.added', data: { cart: 'c', sku } }]),
    evolve: (skus, { data }) => [...skus, data.sku],
  })
  const sales = readModel('sales', {
    ...{ version: 1, from: [Added] },
    tables: database<{ sales: { sku: string } }>({ migrations: { '001': 'CREATE TABLE sales (sku TEXT NOT NULL)' } }),
    on: { 'cart.added': ({ data: { sku } }, { tx }) => tx.insertInto('sales').values({ sku }).execute() },
  })
  const options = { name: 'shop', store: sqlite(), directory, events: [Added] } as const
  await assert.rejects(hostOf({ ...options, extensions: [cart, cart] }), /has the aggregate "cart" 2 times/)
  const host = await hostOf({ ...options, extensions: [cart, sales] })
  t.after(() => host.stop())
  for (const sku of ['tea', 'cup', 'tea']) await host.database.transaction((tx) => tx.decide(cart.stream('c'), sku))
  const read = () => sales.serving(host.context()).read.selectFrom('sales').select('sku').execute()
  while ((await read()).length < 2) await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(await read(), [{ sku: 'tea' }, { sku: 'cup' }])
})
