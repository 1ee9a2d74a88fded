import assert from 'node:assert/strict'
import { test } from 'node:test'
import { command, contract, query, type AnyContract } from 'dure/contract'
import { z } from 'zod'
import { named, serving, started } from './gateway.test-support.ts'
import { until } from './bytes.test-support.ts'
import { contractRoutes, liveRoutes } from './gateway.ts'

const Id = z.object({ id: z.string() })
const Orders = contract('orders', {
  version: '1.0.0',
  owner: 'team-checkout',
  operations: {
    place: command({ input: z.object({ sku: z.string() }), output: z.string(), http: 'POST /orders' }),
    cancel: command({ input: Id, idempotent: true, http: 'POST /orders/{id}/cancel' }),
    drop: command({ input: Id, http: 'DELETE /orders/{id}' }),
    find: query({ input: Id, output: z.string(), http: ['GET /orders/{id}', 'GET /o/{id}'], deadline: 400 }),
    inside: query({ output: z.string() }),
  },
})
const Stock = contract('stock', {
  version: '1.0.0',
  owner: 'team-warehouse',
  operations: {
    count: query({ input: Id, output: z.int(), http: { routes: 'GET /stock/{id}', cache: { fresh: 60_000 } } }),
    set: command({ input: Id, idempotent: true, http: 'PUT /stock/{id}' }),
  },
})
const twoOf = async (t: Parameters<typeof named>[0]) => {
  const [orders, stock] = [await named(t, 'orders'), await named(t, 'stock')]
  return { orders: { addresses: [orders.address] }, stock: { addresses: [stock.address] } }
}

test('contracts of several services behind one gateway: each operation with an HTTP mapping has its routes, and no other', async (t) => {
  const upstreams = await twoOf(t)
  const { get, lines } = await started(t, { contracts: [Orders, Stock], routes: { routes: {}, upstreams } })
  assert.equal((await get('/orders/7')).text, 'orders GET /orders/7')
  assert.equal((await get('/o/7?a=b')).text, 'orders GET /o/7?a=b')
  assert.equal((await get('/stock/7')).text, 'stock GET /stock/7')
  assert.equal((await get('/stock/7', { method: 'HEAD' })).status, 200)
  assert.equal((await get('/orders', { method: 'POST', body: '{}' })).text, 'orders POST /orders')
  assert.equal((await get('/orders/7', { method: 'PUT' })).headers.get('allow'), 'DELETE, GET, HEAD')
  assert.equal((await get('/orders/7/lines')).status, 404)
  assert.equal((await get('/orders', { method: 'POST', body: 'x'.repeat(1_100_000) })).status, 413)
  await until(() => lines.length >= 3)
  assert.deepEqual(
    lines.slice(0, 3).map(({ route }) => route),
    ['orders.find', 'orders.find:2', 'stock.count'],
  )
})

test('what may be repeated is: queries and idempotent commands, and no other whatever its method', async (t) => {
  let asked = 0
  const server = await serving(t, (_request, response) => void response.writeHead(++asked % 2 === 1 ? 503 : 200).end())
  const upstreams = { orders: { addresses: [server.address], ejection: { failures: 100 } } }
  const { get } = await started(t, { contracts: [Orders], routes: { routes: {}, upstreams } })
  for (const [method, path, status] of [
    ['GET', '/orders/7', 200],
    ['POST', '/orders/7/cancel', 200],
    ['DELETE', '/orders/7', 503],
    ['POST', '/orders', 503],
  ] as const) {
    asked = 0
    assert.equal((await get(path, { method })).status, status, `${method} ${path}`)
  }
})

test('its deadline is kept, and the one that a client asks for', async (t) => {
  const server = await serving(t, () => {})
  const { get, lines } = await started(t, {
    contracts: [Orders],
    routes: { routes: {}, upstreams: { orders: { addresses: [server.address] } } },
  })
  assert.equal((await get('/orders/7')).status, 504)
  assert.equal((await get('/orders/7/cancel', { method: 'POST', headers: { 'request-timeout': '0.1' } })).status, 504)
  await until(() => lines.length === 2)
  const [own, asked] = lines
  assert.ok(own!.duration >= 640 && own!.duration < 4_000, `${own!.duration} ms`)
  assert.ok(asked!.duration >= 340 && asked!.duration < 4_000, `${asked!.duration} ms`)
})

test('what its contract says may be kept is, until it is changed', async (t) => {
  let count = 0
  const server = await serving(
    t,
    (_request, response) => void response.writeHead(200, { 'cache-control': 'max-age=60' }).end(String(++count)),
  )
  const { get } = await started(t, {
    contracts: [Stock],
    routes: { routes: {}, upstreams: { stock: { addresses: [server.address] } } },
  })
  for (const [method, text] of [
    ['GET', '1'],
    ['GET', '1'],
    ['PUT', '2'],
    ['GET', '3'],
    ['GET', '3'],
  ] as const)
    assert.equal((await get('/stock/7', { method })).text, text)
})

test('written routes go before those of contracts, and give their place back', async (t) => {
  const written = await named(t, 'written')
  const upstreams = { ...(await twoOf(t)), written: { addresses: [written.address] } }
  const routes = liveRoutes({
    upstreams,
    routes: {
      mine: { path: '/orders/{number}', methods: ['GET'], to: 'written' },
      beta: { path: '/stock/{id}', headers: { 'x-beta': true }, to: 'written' },
      rest: { prefix: '/', to: 'written' },
    },
  })
  const { get } = await started(t, { contracts: [Orders, Stock], routes })
  assert.equal((await get('/orders/7')).text, 'written GET /orders/7')
  assert.equal((await get('/orders/7', { method: 'DELETE' })).text, 'orders DELETE /orders/7')
  assert.equal((await get('/stock/7')).text, 'stock GET /stock/7')
  assert.equal((await get('/stock/7', { headers: { 'x-beta': '1' } })).text, 'written GET /stock/7')
  assert.equal((await get('/else')).text, 'written GET /else')
  routes.setRoute('mine', undefined)
  assert.equal((await get('/orders/7')).text, 'orders GET /orders/7')
  routes.setRoute('all stock'.replace(' ', '-'), { path: '/stock/{any}', to: 'written' })
  assert.equal((await get('/stock/7', { method: 'PUT' })).text, 'written PUT /stock/7')
})

test('two contracts that ask for the same are refused at start, both by name', async (t) => {
  const Other = contract('shelf', {
    version: '1.0.0',
    owner: 'team-warehouse',
    operations: { look: query({ input: z.object({ sku: z.string() }), output: z.int(), http: 'GET /stock/{sku}' }) },
  })
  const upstreams = { stock: { addresses: ['127.0.0.1:1'] }, shelf: { addresses: ['127.0.0.1:1'] } }
  await assert.rejects(
    started(t, { contracts: [Stock, Other], routes: { routes: {}, upstreams } }),
    /Route "shelf\.look": it asks for the same as route "stock\.count"/,
  )
  await assert.rejects(started(t, {}), /there is nothing that it could serve/)
})

test('a change of one mapping is a change of one route: the others are the same values', () => {
  const changed: AnyContract = contract('stock', {
    version: '1.1.0',
    owner: 'team-warehouse',
    operations: { ...Stock.operations, set: command({ input: Id, idempotent: true, http: 'PUT /shelves/{id}' }) },
  })
  const [old, next] = [contractRoutes([Orders, Stock]), contractRoutes([Orders, changed])]
  assert.deepEqual(Object.keys(next), Object.keys(old))
  for (const name of Object.keys(old))
    if (name === 'stock.set') assert.notDeepEqual(next[name], old[name])
    else assert.deepStrictEqual(next[name], old[name])
})
