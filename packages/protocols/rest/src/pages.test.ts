import assert from 'node:assert/strict'
import { test } from 'node:test'
import { contract, query } from 'dure/contract'
import { z } from 'zod'
import { rest } from './rest.ts'
import { ask, openShop, Shop, testHost } from './rest.test-support.ts'

type Document = {
  openapi: string
  paths: Record<string, Record<string, { operationId: string; responses: Record<string, unknown> }>>
}

test('what is documented is served, and what is served is documented', async () => {
  await using shop = await openShop()
  const { body } = await ask(`${shop.url}/openapi.json`)
  const document = body as unknown as Document
  const documented = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
  )
  const served = Object.values(Shop.operations).flatMap(({ bindings }): readonly string[] => bindings.http?.routes ?? [])
  assert.ok(documented.length > 0)
  assert.deepEqual(documented.sort(), [...served].sort())
  for (const route of documented) {
    const [method = '', path = ''] = route.split(' ')
    const target = `${shop.url}${path.replaceAll(/\{\w+\}/g, '1')}`
    // Whatever the input lacks, the route itself is known: neither 404 nor 405.
    const { status } = await ask(target, method === 'GET' ? {} : { method, json: path === '/slow' ? { ms: 0 } : {} })
    const described = document.paths[path]![method.toLowerCase()]!.responses
    assert.ok(Object.hasOwn(described, String(status)), `${route} answered ${status}, documented are ${Object.keys(described)}`)
  }
})

test('shows events, status and an index', async () => {
  await using shop = await openShop()
  assert.match(String((await ask(`${shop.url}/asyncapi.json`)).body['asyncapi']), /^3\./)
  assert.equal((await ask(`${shop.url}/status`)).body['quiet'], true)
  const index = (await ask(shop.url)).body as unknown as { system: string; links: { href: string }[] }
  assert.equal(index.system, 'shop <test>')
  for (const { href } of index.links) {
    // One of them has no end.
    const answer = await fetch(shop.url + href)
    assert.equal(answer.status, 200, href)
    await answer.body?.cancel()
  }
})

test('is ready only while every service is, and says why not', async () => {
  await using shop = await openShop()
  assert.equal((await ask(`${shop.url}/health/ready`)).status, 200)
  shop.health.ready = false
  const { status, body } = await ask(`${shop.url}/health/ready`)
  assert.equal(status, 503)
  assert.match(JSON.stringify(body), /database does not answer/)
  assert.equal((await ask(`${shop.url}/health/live`)).status, 200)
})

test('pages move, or stay away, when they are told to', async () => {
  await using moved = await openShop({ pages: '/-' })
  assert.equal((await ask(`${moved.url}/-/status`)).status, 200)
  assert.equal((await ask(`${moved.url}/status`)).status, 404)
  await using none = await openShop({ pages: false })
  assert.equal((await ask(`${none.url}/health/live`)).status, 404)
})

test('two operations of one route keep the door from opening', async () => {
  const make = (name: string, http: `GET /${string}`) =>
    contract(name, {
      version: '1.0.0',
      owner: 't',
      operations: { get: query({ input: z.object({ a: z.string().optional(), b: z.string().optional() }), http }) },
    })
  const open = (...contracts: ReturnType<typeof make>[]) => {
    const { host, world } = testHost(contracts.map((one) => ({ contract: one, handlers: { get: () => undefined } })))
    return rest({ port: 0 }).open(host, world)
  }
  await assert.rejects(
    open(make('x', 'GET /things/{a}'), make('y', 'GET /things/{b}')),
    /"GET \/things\/\{b\}" of x\.get and of y\.get are the same route/,
  )
  await assert.rejects(open(make('x', 'GET /status')), /move the pages/)
})

test('a door serves and documents its own contracts, or all but those of other doors', async () => {
  const made = (['inner', 'mobile'] as const).map((name) =>
    contract(name, {
      version: '1.0.0',
      owner: 't',
      operations: { get: query({ output: z.string(), http: `GET /${name}` }) },
    }),
  )
  const { host, world } = testHost(made.map((one) => ({ contract: one, handlers: { get: () => one.name } })))
  for (const [contracts, is, isNot] of [
    [[made[1]!], 'mobile', 'inner'],
    [{ except: [made[1]!] }, 'inner', 'mobile'],
  ] as const) {
    const door = await rest({ port: 0, contracts }).open(host, world)
    assert.deepEqual([(await ask(`${door.url}/${is}`)).status, (await ask(`${door.url}/${isNot}`)).status], [200, 404])
    assert.deepEqual(Object.keys((await ask(`${door.url}/openapi.json`)).body['paths'] as object), [`/${is}`])
    await door.close()
  }
})
