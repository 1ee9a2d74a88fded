import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { z } from 'zod'
import { command, contract, event, query } from '../contract/contract.ts'
import { database } from '../data/data.ts'
import { realRuntime } from '../runtime/runtime.ts'
import { service, start, system, type Running, type Service } from '../service/service.ts'
import { silentLogger } from '../telemetry/telemetry.ts'
import { stream, table, topology, tumbling, type Duration } from './stream.ts'

const Sale = z.object({ id: z.string(), seller: z.string(), cents: z.int(), at: z.int() })
const Sold = event('item.sold', { schema: Sale, key: ({ id }) => id })
const Naming = z.object({ seller: z.string(), name: z.string(), at: z.int() })
const Named = event('seller.named', { schema: Naming, key: ({ seller }) => seller })
const Total = event('seller.total', {
  schema: z.object({ seller: z.string(), name: z.string(), from: z.int(), cents: z.int() }),
  key: ({ seller }) => seller,
})
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
  operations: {
    count: query({ input: z.string(), output: z.array(z.int()) }),
    told: query({ output: z.array(z.string()) }),
    open: query({ input: z.string(), output: z.array(z.int()) }),
  },
  events: [Total],
})

function report(size: Duration = '1m'): Service {
  const bySeller = stream(Sold, { time: ({ at }) => at, idle: '200ms' }).keyBy(({ seller }) => seller)
  const counts = bySeller.count({ name: 'counts' })
  const totals = bySeller
    .window(tumbling(size), { late: 'drop' })
    .aggregate({ name: 'totals', init: () => 0, add: (sum, { cents }) => sum + cents })
  const sellers = table(Named, { name: 'sellers', time: ({ at }) => at, idle: '200ms' })
  const named = totals
    .toStream()
    .keyBy(({ key }) => key)
    .leftJoin(sellers, {
      name: 'named',
      join: ({ key, start: from, value }, found) => ({ seller: key, name: found?.name ?? '?', from, cents: value }),
    })
  const sales = topology('sales', [counts, named.to(Total)])
  return service(Report, {
    database: database<{ told: { text: string } }>({ migrations: { '001': 'CREATE TABLE told (text TEXT NOT NULL)' } }),
    extensions: [sales],
    handlers: {
      count: (seller, context) => sales.view(context, counts).find(seller) as Promise<number[]>,
      open: async (seller, context) => (await sales.view(context, totals).find(seller)).map(({ value }) => value),
      told: async (_, { database: own }) =>
        (await own.read.selectFrom('told').selectAll().orderBy('text').execute()).map(({ text }) => text),
    },
    subscriptions: ({ on }) => [
      on(
        Total,
        async ({ data: { seller, name, cents } }, { tx }) =>
          void (await tx
            .insertInto('told')
            .values({ text: `${seller} ${name} ${cents}` })
            .execute()),
      ),
    ],
  })
}

async function makeRig(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'dure-topology-'))
  let running: Running | undefined
  t.after(async () => {
    await running?.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  return async (own: Service): Promise<Running> => {
    await running?.stop()
    running = undefined
    running = await start(system('shop', { services: [shop, own] }), { directory, log: silentLogger() })
    return running
  }
}

const until = async (condition: () => Promise<boolean>): Promise<void> => {
  while (!(await condition())) await realRuntime().timers.sleep(5)
}

test(
  'a service tells what it makes of events, over a restart too, and is asked what is committed',
  { timeout: 60_000 },
  async (t) => {
    const run = await makeRig(t)
    const first = await run(report())
    const now = realRuntime().clock.now()
    const minute = Math.floor(now / 60_000) * 60_000 - 600_000
    const sell = async (running: Running, seller: string, cents: number, at: number): Promise<void> =>
      running.client(Shop).sell({ id: `${seller}${cents}`, seller, cents, at })
    // Its time is the sales': by the clock it would close their window as soon as nobody waits for them.
    await first.client(Shop).name({ seller: 's-1', name: 'Kim', at: minute })
    await sell(first, 's-1', 500, minute)
    await sell(first, 's-1', 700, minute + 1)
    await until(async () => (await first.client(Report).count('s-1'))[0] === 2)
    assert.deepEqual(await first.client(Report).open('s-1'), [1_200])
    const next = await run(report())
    await sell(next, 's-2', 5, minute + 120_000)
    await until(async () => (await next.client(Report).count('s-2'))[0] === 1)
    // Most partitions have had nothing, and none gets anything any more: nobody waits for them.
    await until(async () => (await next.client(Report).told()).length > 0)
    assert.deepEqual(await next.client(Report).told(), ['s-1 Kim 1200'])
    assert.deepEqual(await next.client(Report).open('s-1'), [])
    assert.deepEqual(await next.client(Report).count('s-1'), [2])
    await next.stop()
  },
)

test('an answer that is not of now says how far it has come, and what waits', { timeout: 60_000 }, async (t) => {
  const Asked = contract('report', {
    version: '1.0.0',
    owner: 'tests',
    operations: {
      count: query({ input: z.string(), output: z.array(z.int()) }),
      progress: query({ output: z.object({ behind: z.number(), read: z.int(), lag: z.int(), watermark: z.number() }) }),
    },
  })
  let isStuck = false
  const all = stream(Sold, { time: ({ at }) => at, idle: '200ms' }).byKey()
  const counts = all.count({ name: 'counts' })
  const closing = all.window(tumbling('1s'), { late: 'drop' }).count({ name: 'closing' })
  const watched = closing.map((one) => {
    // It is nobody's record: the topology stands still.
    if (isStuck) throw new Error('stuck')
    return one
  })
  const sales = topology('sales', [counts, watched.toStream()])
  const own = service(Asked, {
    ...{ database: database({ migrations: {} }), extensions: [sales] },
    handlers: {
      count: async (id, context) => [...(await sales.view(context, counts).find(id))],
      progress: async (_, context) => {
        const { behind = 0, watermark = 0, partitions } = await sales.view(context, counts).progress()
        const read = partitions.filter(({ position }) => position !== undefined).length
        return { behind, watermark, read, lag: partitions.reduce((sum, { lag = 0 }) => sum + lag, 0) }
      },
    },
  })
  const run = await makeRig(t)
  const running = await run(own)
  const { count, progress } = running.client(Asked)
  const sell = (at: number): Promise<void> => running.client(Shop).sell({ id: 'o-1', seller: 's', cents: 1, at })
  const start = realRuntime().clock.now() - 60_000
  await sell(start)
  await until(async () => (await count('o-1'))[0] === 1 && (await progress()).lag === 0)
  isStuck = true
  await sell(start + 10_000)
  await until(async () => (await progress()).lag === 1)
  const stale = await progress()
  assert.deepEqual([await count('o-1'), stale.read], [[1], 1])
  // The window is not closed.
  assert.ok(stale.watermark < start + 1_000 && stale.behind > 50_000)
  isStuck = false
  await until(async () => (await progress()).lag === 0)
  assert.deepEqual(await count('o-1'), [2])
})

test('a release whose operator cannot go on with its state is refused', { timeout: 60_000 }, async (t) => {
  const run = await makeRig(t)
  await run(report())
  await assert.rejects(
    run(report('5m')),
    /operator "totals" of topology "sales" cannot go on with its state: size was 60000 and is 300000/,
  )
  await run(report())
})
