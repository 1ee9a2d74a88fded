import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { command, contract, event, query } from 'dure/contract'
import { database } from 'dure/data'
import { service, start, system, type Running } from 'dure/service'
import { stream, table, topology } from 'dure/stream'
import { realRuntime } from 'dure/runtime'
import { createLogger } from 'dure/telemetry'
import { z } from 'zod'
import { postgres } from './postgres.ts'
import { RELAXED, testServer } from './server.test-support.ts'
import { makeRig, until } from './store.test-support.ts'

const server = await testServer({ settings: RELAXED })
const Sale = z.object({ id: z.string(), seller: z.string(), cents: z.int() })
const Sold = event('item.sold', { schema: Sale, key: ({ id }) => id, partitions: 4 })
const Naming = z.object({ seller: z.string(), name: z.string() })
const Named = event('seller.named', { schema: Naming, key: ({ seller }) => seller, partitions: 2 })
const Shop = contract('shop', {
  version: '1.0.0',
  owner: 'tests',
  operations: { sell: command({ input: Sale }), name: command({ input: Naming }) },
  events: [Sold, Named],
})
const shop = service(Shop, {
  database: database({ migrations: {} }),
  handlers: {
    sell: (data, { database: own }) => own.transaction((tx) => tx.publish(Sold, data)),
    name: (data, { database: own }) => own.transaction((tx) => tx.publish(Named, data)),
  },
})
const Report = contract('report', {
  version: '1.0.0',
  owner: 'tests',
  operations: { named: query({ input: z.string(), output: z.array(z.string()) }), sum: query({ output: z.array(z.int()) }) },
})

function reportOf(url: string, by: 'seller' | 'id') {
  const keyed = by === 'id' ? stream(Sold).byKey() : stream(Sold).keyBy(({ seller }) => seller)
  const sums = keyed.aggregate({ name: 'sums', init: () => 0, add: (sum: number, { cents }) => sum + cents })
  const sellers = table(Named, { name: 'sellers' })
  const named = sums.join(sellers, { name: 'named', join: (sum, { name }) => `${name} ${sum}` })
  const texts = named.toStream().byKey().toTable({ name: 'texts' })
  const sales = topology('sales', [texts])
  return service(Report, {
    ...{ database: database({ migrations: {} }), store: postgres({ url }), extensions: [sales] },
    handlers: {
      named: async (seller, context) => [...(await sales.view(context, texts).find(seller))],
      sum: async (_, context) => (await sales.view(context, sums).list({ limit: 100 })).map(({ value }) => value),
    },
  })
}

async function rigOf(t: TestContext) {
  const { url } = await makeRig(t, server.url())
  const directory = mkdtempSync(join(tmpdir(), 'dure-streams-'))
  const lines: string[] = []
  const log = createLogger({ clock: realRuntime().clock, write: (line) => void lines.push(line) })
  let running: Running | undefined
  t.after(async () => {
    await running?.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  const run = async (by: 'seller' | 'id'): Promise<Running> => {
    await running?.stop()
    running = undefined
    running = await start(system('market', { services: [shop, reportOf(url, by)] }), { directory, log })
    return running
  }
  return { run, lines }
}

test('a topology with another key, and with two topics, runs on a store that copies share', { timeout: 120_000 }, async (t) => {
  const { run } = await rigOf(t)
  const first = await run('seller')
  await first.client(Shop).name({ seller: 's-1', name: 'Kim' })
  for (let n = 0; n < 20; n++) await first.client(Shop).sell({ id: `o-${n}`, seller: `s-${n % 3}`, cents: n })
  await until(async () => (await first.client(Report).named('s-1'))[0] === 'Kim 70')
  await until(async () => (await first.client(Report).sum()).reduce((sum, one) => sum + one, 0) === 190)
  const next = await run('seller')
  await next.client(Shop).sell({ id: 'o-20', seller: 's-1', cents: 30 })
  await until(async () => (await next.client(Report).named('s-1'))[0] === 'Kim 100')
  await assert.rejects(
    run('id'),
    /operator "sums" of topology "sales" cannot go on with its state: it was spread by its key, in 4 parts and is by the partitions of topic "item\.sold"/,
  )
})

test(
  'while PostgreSQL is away nothing is read; when it is back, all goes on, and nothing is lost or twice',
  { timeout: 240_000 },
  async (t) => {
    const { run, lines } = await rigOf(t)
    const running = await run('seller')
    let sold = 0
    const sell = async (some: number): Promise<void> => {
      for (let n = 0; n < some; n++) await running.client(Shop).sell({ id: `o-${sold}`, seller: `s-${sold++ % 3}`, cents: 1 })
    }
    const sum = async (): Promise<number | undefined> => {
      const sums = await running
        .client(Report)
        .sum()
        .catch(() => undefined)
      return sums?.reduce((all, one) => all + one, 0)
    }
    await sell(30)
    await until(async () => (await sum()) === 30)
    for (const leave of [server.stop, server.crash]) {
      const told = lines.length
      const before = sold
      await sell(10)
      await leave()
      await sell(30)
      await until(() =>
        lines.slice(told).some((line) => /Events could not be taken|could not be taken; it is tried again/.test(line)),
      )
      await server.start()
      await sell(5)
      await until(async () => (await sum()) === before + 45)
    }
  },
)
