import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { rest } from '@dure/rest'
import { DeclaredError, type CallError } from 'dure/contract'
import { service, start, system, type Running, type SystemOptions } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { protoDocument, type ProtoNames } from './grpc.ts'
import { grpcHandlers } from './handlers.ts'
import { EVERYTHING, Orders, shop } from './shop.test-support.ts'

/** A system whose orders are served by another one over gRPC. */
async function translating(
  t: TestContext,
  address: string,
  { doors = [], names = {} }: { doors?: SystemOptions['doors']; names?: ProtoNames } = {},
): Promise<Running> {
  const orders = service(Orders, { handlers: grpcHandlers(Orders, { address, names }) })
  const directory = mkdtempSync(join(tmpdir(), 'dure-grpc-'))
  const running = await start(system('front', { services: [orders], doors, security: 'off' }), { directory, log: silentLogger() })
  t.after(async () => {
    await running.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  return running
}

test('a service of others answers as one of the system would: values, declared errors, deadlines, streams', async (t) => {
  const { address, placed, ended } = await shop(t)
  const orders = (await translating(t, address)).client(Orders)
  assert.deepEqual(await orders.echo(EVERYTHING), EVERYTHING)
  assert.equal(await orders.place({ id: 'a', pieces: 2 }), 'a × 2')
  assert.equal(await orders.forget({ id: 'a' }), undefined)
  await assert.rejects(orders.fail({ how: 'sold out' }), (error) => {
    assert.ok(error instanceof DeclaredError)
    assert.deepEqual([error.code, error.data], ['SOLD_OUT', { left: 2, since: new Date(0) }])
    return true
  })
  await assert.rejects(orders.fail({ how: 'broken' }), { code: 'INTERNAL', message: /log/ })
  await assert.rejects(orders.fail({ how: 'slow' }, { timeout: 100 }), { code: 'DEADLINE_EXCEEDED' })
  const seen: number[] = []
  for await (const { n } of orders.watch({ count: 3 })) {
    seen.push(n)
    if (seen.length === 3) break
  }
  await ended
  assert.deepEqual(seen, [0, 1, 2])
  async function* words(): AsyncGenerator<string> {
    yield 'hello'
    yield 'sold out'
  }
  const heard: string[] = []
  await assert.rejects(
    async () => {
      for await (const said of orders.talk({ room: 'r' }, words())) heard.push(said)
    },
    (error: CallError) => (error.code as string) === 'SOLD_OUT',
  )
  assert.deepEqual([heard, placed], [['r: hello'], ['a']])
})

test('REST before it is REST to gRPC: input, declared errors, issues', async (t) => {
  const { address } = await shop(t)
  const { doors } = await translating(t, address, { doors: [rest({ port: 0 })] })
  const ask = async (path: string, body: object): Promise<unknown> => {
    const response = await fetch(`${doors[0]!.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    return [response.status, await response.json()]
  }
  assert.deepEqual(await ask('/orders/place', { id: 'b', pieces: 1 }), [200, 'b × 1'])
  const [status, problem] = (await ask('/orders/fail', { how: 'sold out' })) as [number, Record<string, unknown>]
  assert.deepEqual([status, problem['code'], problem['data']], [409, 'SOLD_OUT', { left: 2, since: '1970-01-01T00:00:00.000Z' }])
})

test('nobody there is said as such', async (t) => {
  const orders = (await translating(t, '127.0.0.1:1')).client(Orders)
  await assert.rejects(orders.place({ id: 'a', pieces: 1 }), { code: 'UNAVAILABLE' })
})

test('a door serves a contract by the names that clients know it by, and refuses names of what it does not serve', async (t) => {
  const names: ProtoNames = { package: 'acme.shop', service: 'OrderDesk', methods: { place: 'PlaceOrder' } }
  const { address } = await shop(t, { door: { names: { orders: names } } })
  const orders = (await translating(t, address, { names })).client(Orders)
  assert.equal(await orders.place({ id: 'a', pieces: 2 }), 'a × 2')
  await assert.rejects(orders.fail({ how: 'sold out' }), { code: 'SOLD_OUT' })
  const other = (await translating(t, address)).client(Orders)
  await assert.rejects(other.place({ id: 'a', pieces: 2 }), { code: 'UNIMPLEMENTED' })
  const { file, text } = protoDocument(Orders, names)
  assert.equal(file, 'acme/shop/orders.proto')
  assert.match(text, /^package acme\.shop;$[^]+^service OrderDesk \{$[^]+ rpc PlaceOrder\(/m)
  const wrong = shop(t, { door: { names: { order: names } } })
  await assert.rejects(wrong, /Cannot name "order" for gRPC: the door serves no contract called so; it serves orders/)
})
