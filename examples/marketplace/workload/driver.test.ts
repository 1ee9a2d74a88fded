import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { createDriver, type Driver, type DriverOptions } from './driver.ts'
import { doorClient } from './door.ts'
import { parseMix } from './mix.ts'
import { openShop, type Shop, type ShopOptions } from './shop.test-support.ts'

type Rig = { driver: Driver; shop: Shop; runUntil: (done: () => boolean) => Promise<void> }

async function rig(
  t: TestContext,
  mix: string,
  shopOptions: ShopOptions = {},
  options: Partial<DriverOptions> = {},
): Promise<Rig> {
  const shop = await openShop(shopOptions)
  const door = doorClient({ url: shop.url, connections: 4, timeout: 5000 })
  let driver: Driver | undefined
  t.after(async () => {
    await driver?.stop()
    await door.close()
    await shop.close()
  })
  const uniform = { kind: 'uniform' } as const
  const sessions = { sellers: uniform, products: uniform, checkoutProbability: 100, voucherProbability: 50, uniqueSeller: false }
  const made = (driver = await createDriver({ door, concurrency: 4, seed: 1, mix: parseMix(mix), sessions, ...options }))
  const runUntil = async (done: () => boolean): Promise<void> => {
    const stop = new AbortController()
    const poll = setInterval(() => done() && stop.abort(), 5)
    try {
      // Half a minute is for when the condition never comes true; the assertion after it then says so.
      await made.run(30, stop.signal)
    } finally {
      clearInterval(poll)
    }
  }
  return { driver: made, shop, runUntil }
}

test('every kind of transaction finishes, and its latency counts', async (t) => {
  const { driver, runUntil } = await rig(t, 'checkout:1,price:1,product:1,delivery:1')
  const { ledger } = driver
  const types = ['checkout', 'price', 'product', 'delivery'] as const
  await runUntil(() => types.every((type) => ledger.summary(type).count >= 3))
  for (const type of types) assert.ok(ledger.summary(type).p50 > 0, type)
  assert.ok(ledger.acceptedCheckouts.size >= 3)
  assert.deepEqual([...ledger.complaints()], [])
})

test('at a rate, what is due does not wait for what is slow, and what is slow counts from when it was due', async (t) => {
  const arrivals: number[] = []
  const answer = (_method: string, path: string): undefined => {
    if (path.startsWith('/shipment/')) arrivals.push(performance.now())
  }
  // One transaction at a time, and more due than anybody could carry out this way.
  const rate = 20_000
  const { driver } = await rig(t, 'delivery:1', { answer }, { rate, concurrency: 1 })
  const { ledger } = driver
  const stop = new AbortController()
  const poll = setInterval(() => ledger.total() >= 20 && stop.abort(), 5)
  t.after(() => clearInterval(poll))
  const { due = 0, unfinished = 0, seconds } = await driver.run(30, stop.signal)
  assert.ok(due >= Math.floor(seconds * rate), `${due} due in ${seconds} s`)
  assert.equal(unfinished, due - ledger.total())
  assert.ok(unfinished > 0)
  // The first fell due before it arrived, and the others at equal distances after it.
  const last = ledger.total() - 1
  assert.ok(ledger.overall().max >= arrivals[last]! - arrivals[0]! - (last * 1000) / rate)
})

test('each customer is in one session at a time', async (t) => {
  const { driver, shop, runUntil } = await rig(t, 'checkout:1', { customers: 2 }, { concurrency: 8 })
  await runUntil(() => driver.ledger.summary('checkout').count >= 20)
  const items = new Map<string, number>()
  for (const { path, body } of shop.requests) {
    const [, , customer = '', what] = path.split('/')
    if (what === 'add') {
      items.set(customer, (items.get(customer) ?? 0) + 1)
      assert.ok(Number(body['quantity']) >= 1 && Number(body['quantity']) <= 10)
      assert.ok([0, 1].includes(Number(body['voucher'])), 'a voucher is a tenth of the unit price')
    }
    if (what !== 'checkout') continue
    const count = items.get(customer) ?? 0
    assert.ok(count >= 1 && count <= 10, `customer ${customer} checked out ${count} items`)
    items.set(customer, 0)
  }
})

test('a checkout is tried three times more, with the same name, and then aborted', async (t) => {
  const refuse = (_method: string, path: string): number | undefined => (path.endsWith('/checkout') ? 503 : undefined)
  const { driver, shop, runUntil } = await rig(t, 'checkout:1', { answer: refuse }, { concurrency: 1 })
  await runUntil(() => driver.ledger.summary('checkout').aborts >= 2)
  const names = shop.requests.filter(({ path }) => path.endsWith('/checkout')).map(({ body }) => body['instanceId'])
  assert.deepEqual(names.slice(0, 5), [names[0], names[0], names[0], names[0], names[4]])
  assert.notEqual(names[0], names[4])
  assert.equal(driver.ledger.acceptedCheckouts.size, 0)
  assert.ok((driver.ledger.complaints().get('checkout: 503') ?? 0) >= 8)
})

test('a checkout that got no answer is neither accepted nor forgotten', async (t) => {
  const hangUp = (_method: string, path: string): 'hang up' | undefined => (path.endsWith('/checkout') ? 'hang up' : undefined)
  const { driver, runUntil } = await rig(t, 'checkout:1', { answer: hangUp }, { insist: () => false })
  await runUntil(() => driver.ledger.summary('checkout').aborts >= 1)
  assert.ok(driver.ledger.unknown.size >= 1)
  assert.equal(driver.ledger.acceptedCheckouts.size, 0)
})

test('a checkout that holds fewer lines than were acknowledged is remembered', async (t) => {
  const { driver, runUntil } = await rig(t, 'checkout:1', { answeredLines: 0 })
  await runUntil(() => driver.ledger.summary('checkout').count >= 1)
  const { shortCheckouts } = driver.ledger.observed({ supplied: 0, delivered: 0 })
  assert.match(shortCheckouts[0]!, /holds 0 of \d+ lines/)
})

test('packages that answers name are added up, deliveries without an answer counted', async (t) => {
  let asked = 0
  const answer = (_method: string, path: string): 'hang up' | undefined =>
    path.startsWith('/shipment/') && asked++ % 2 === 1 ? 'hang up' : undefined
  const { driver, runUntil } = await rig(t, 'delivery:1', { answer }, { concurrency: 1 })
  await runUntil(() => asked >= 4)
  const { delivered, unknownDeliveries } = driver.ledger.observed({ supplied: 0, delivered: 0 })
  assert.ok(delivered >= 6 && delivered % 3 === 0, String(delivered))
  assert.ok(unknownDeliveries >= 1)
})

test('a transaction that ends badly is an abort with its reason', async (t) => {
  const { driver, runUntil } = await rig(t, 'checkout:1', { ending: () => 'NOT_ACCEPTED' })
  await runUntil(() => driver.ledger.summary('checkout').aborts >= 3)
  assert.equal(driver.ledger.summary('checkout').count, 0)
  assert.ok((driver.ledger.complaints().get('checkout: NOT_ACCEPTED from test') ?? 0) >= 3)
})

test('one update at a time for each product, each made on what the one before left', async (t) => {
  const { driver, shop, runUntil } = await rig(t, 'price:3,product:1', { products: 2 }, { concurrency: 4 })
  await runUntil(() => driver.ledger.summary('price').count >= 20 && driver.ledger.summary('product').count >= 3)
  const versions = new Map<unknown, unknown>()
  const prices = new Map<unknown, number>()
  for (const { method, path, body } of shop.requests) {
    if (path !== '/product') continue
    const key = body['productId']
    if (method === 'PATCH') {
      assert.equal(body['version'], versions.get(key) ?? '0')
      assert.ok(Number(body['price']) > (prices.get(key) ?? 10))
    }
    if (method === 'PUT') versions.set(key, body['version'])
    prices.set(key, Number(body['price']))
  }
})

test('marks are not missed when their stream breaks', async (t) => {
  const { driver, shop, runUntil } = await rig(t, 'checkout:1')
  const { ledger } = driver
  let breaks = 0
  await runUntil(() => {
    if (breaks < 3 && ledger.summary('checkout').count > breaks * 5) {
      breaks++
      shop.breakStreams()
    }
    return breaks === 3 && ledger.summary('checkout').count >= 30
  })
  assert.ok(ledger.summary('checkout').count >= 30)
  assert.ok(
    ledger.acceptedCheckouts.size - ledger.summary('checkout').count <= 4,
    'only what was outstanding at the end is without a mark',
  )
})

test('a shop that is empty or away is a clear error', async (t) => {
  await assert.rejects(rig(t, 'checkout:1', { products: 0 }), /there are no products/)
  await assert.rejects(rig(t, 'checkout:1', { customers: 0 }), /there are no customers/)
  const door = doorClient({ url: 'http://127.0.0.1:1', connections: 1, timeout: 1000 })
  t.after(door.close)
  await assert.rejects(door.get('/products'), /DoorError: Cannot get \/products: connect ECONNREFUSED/)
  assert.equal((await door.send('PATCH', '/x')).kind, 'refused')
})
