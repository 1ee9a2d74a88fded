import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { command, contract, event, query } from 'dure/contract'
import { database } from 'dure/data'
import { readModel } from 'dure/query'
import { realRuntime } from 'dure/runtime'
import { service, start, system, type Running } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { z } from 'zod'
import { control } from './control/control.ts'
import { dure, temporary } from './shell.test-support.ts'

const Sold = event('item.sold', {
  schema: z.object({ sku: z.string() }),
  key: ({ sku }) => sku,
  retention: { ms: Infinity, bytes: Infinity },
})
const Shop = contract('shop', {
  version: '1.0.0',
  owner: 'tests',
  operations: { sell: command({ input: z.object({ sku: z.string() }) }), count: query({ output: z.int() }) },
  events: [Sold],
})
let fails = true
const sales = readModel('sales', {
  version: 1,
  from: [Sold],
  tables: database<{ sales: { sku: string } }>({ migrations: { '001': 'CREATE TABLE sales (sku TEXT NOT NULL)' } }),
  on: {
    'item.sold': async ({ data: { sku } }, { tx }) => {
      if (sku === 'bad' && fails) throw new Error('No')
      await tx.insertInto('sales').values({ sku }).execute()
    },
  },
  retry: { attempts: 1 },
})
const shop = service(Shop, {
  database: database<{}>({ migrations: {} }),
  extensions: [sales],
  handlers: {
    sell: (data, { database }) => database.transaction((tx) => tx.publish(Sold, data)),
    count: async (_input, context) => (await sales.serving(context).read.selectFrom('sales').selectAll().execute()).length,
  },
})

async function running(t: TestContext): Promise<{ readonly one: Running; readonly data: string }> {
  const data = temporary()
  const one = await start(system('shop', { services: [shop], doors: [control()] }), { directory: data, log: silentLogger() })
  t.after(() => one.stop())
  return { one, data }
}

test('builds are listed, begun anew beside what is served, switched to and gone back from', async (t) => {
  const { one, data } = await running(t)
  const model = async (...args: string[]) => dure(['model', ...args, '--data', data])
  const builds = async () => JSON.parse((await model('list', '--json')).out) as Record<string, unknown>[]
  const until = async (condition: () => Promise<boolean>) => {
    while (!(await condition())) await realRuntime().timers.sleep(10)
  }
  for (const sku of ['a', 'b', 'bad']) await one.client(Shop).sell({ sku })
  await until(async () => (await builds())[0]!['deadLetters'] === 1)
  const listed = await model()
  assert.equal(listed.code, 0)
  assert.match(
    listed.out,
    /^SERVICE +MODEL +BUILD +VERSION +STATE +EVENTS +BEHIND +DEAD +NEWEST\nshop +sales +1 +1 +serving +3 +0 +1 +\d+ m?s\n$/,
  )

  // What is built anew meets the same event, and is not served before that is mended.
  const twice = await Promise.all([model('rebuild', 'sales'), model('rebuild', 'sales')])
  assert.deepEqual(
    twice.map(({ code }) => code),
    [0, 0],
  )
  assert.equal((await builds()).length, 2)
  await until(async () => (await builds())[1]!['deadLetters'] === 1)
  assert.match((await model('switch', 'sales')).err, /no build beside the one that is served has caught up/)
  fails = false
  assert.equal((await model('retry', 'sales')).out, 'Retried 2\n')
  await until(async () => (await builds())[1]!['state'] === 'serving')
  assert.equal(await one.client(Shop).count(), 3)
  assert.match((await model('back', 'sales')).out, /sales +1 +1 +serving.*\n.*sales +2 +1 +previous/)

  const unknown = await model('rebuild', 'stock')
  assert.deepEqual([unknown.code, unknown.err], [1, 'No service has a model "stock"\n'])
  assert.equal((await model('rebuild')).code, 2)
})
