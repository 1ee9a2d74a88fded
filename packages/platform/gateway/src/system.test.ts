import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { eurekaRegistry, startRegistry } from '@dure/registry'
import { rest } from '@dure/rest'
import { contract, query } from 'dure/contract'
import { realRuntime } from 'dure/runtime'
import { service, start, system } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { z } from 'zod'
import { gateway, startGateway } from './gateway.ts'
import { until } from './bytes.test-support.ts'

function temporary(t: Pick<TestContext, 'after'>): string {
  const folder = mkdtempSync(join(tmpdir(), 'dure-gateway-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

test('a gateway is a door of a system, beside REST, and its routes are among the metrics and traces', async (t) => {
  const Clock = contract('clock', {
    version: '1.0.0',
    owner: 'team-time',
    operations: { zone: query({ input: z.object({ id: z.string() }), output: z.string(), http: 'GET /zones/{id}' }) },
  })
  const clock = service(Clock, { handlers: { zone: ({ id }) => `zone ${id}` } })
  const run = (doors: Parameters<typeof system>[1]['doors']) =>
    start(system('time', { services: [clock], doors: doors!, security: 'off', telemetry: { sampling: 1 } }), {
      directory: temporary(t),
      log: silentLogger(),
    })
  const inner = await run([rest({ port: 0 })])
  t.after(() => inner.stop())
  const address = new URL(inner.doors[0]!.url!).host
  const routes = { routes: { zones: { prefix: '/zones', to: 'time' } }, upstreams: { time: { addresses: [address] } } }
  const outer = await run([rest({ port: 0 }), gateway({ port: 0, routes })])
  t.after(() => outer.stop())
  const [own, edge] = outer.doors.map(({ url }) => url!)
  const answer = await fetch(`${edge}/zones/kr`, { headers: { 'x-correlation-id': 'mine' } })
  assert.deepEqual([answer.status, await answer.json(), answer.headers.get('x-correlation-id')], [200, 'zone kr', 'mine'])
  assert.equal((await fetch(`${edge}/elsewhere`)).status, 404)
  const metrics = await (await fetch(`${own}/metrics`)).text()
  assert.match(metrics, /rpc_server_calls_total\{rpc_service="gateway",rpc_method="zones",rpc_response_status_code="200"\} 1/)
  assert.match(metrics, /rpc_server_call_duration_seconds_count\{rpc_service="gateway",rpc_method="zones"\} 1/)
  assert.match(metrics, /dure_gateway_unrouted_total\{gateway="gateway"\} 1/)
  assert.match(metrics, /dure_gateway_connections\{gateway="gateway"\} \d/)
})

test('a gateway that is given no routes serves what the contracts of its system say, where its registry knows them', async (t) => {
  const Clock = contract('clock', {
    version: '1.0.0',
    owner: 'team-time',
    operations: {
      zone: query({
        input: z.object({ id: z.string() }),
        output: z.string(),
        http: { routes: 'GET /zones/{id}', cache: { fresh: 60_000 } },
      }),
    },
  })
  let calls = 0
  const clock = service(Clock, { handlers: { zone: ({ id }) => `zone ${id} ${++calls}` } })
  const doors = [rest({ port: 0, announce: { host: '127.0.0.1' } }), gateway({ port: 0 })]
  const running = await start(system('time', { services: [clock], doors, security: 'off', telemetry: { sampling: 1 } }), {
    directory: temporary(t),
    log: silentLogger(),
  })
  t.after(() => running.stop())
  const [own, edge] = running.doors.map(({ url }) => url!)
  const ask = (path: string) => fetch(edge + path)
  await eventually(async () => (await ask('/zones/kr')).status === 200)
  for (let i = 0; i < 3; i++) assert.equal(await (await ask('/zones/kr')).json(), 'zone kr 1')
  assert.equal(calls, 1)
  assert.equal((await fetch(`${edge}/zones/kr`, { method: 'POST' })).status, 405)
  assert.match(await (await fetch(`${own}/metrics`)).text(), /dure_gateway_cache_total\{gateway="gateway",result="hit"\} \d/)
})

test('services of a Eureka registry, in whatever language, are found as they come and go', async (t) => {
  const log = silentLogger()
  const registry = await startRegistry({ directory: temporary(t), port: 0, log })
  t.after(() => registry.stop())
  const world = { directory: temporary(t), runtime: realRuntime(), log }
  const services = await eurekaRegistry({ url: registry.url })(world)
  t.after(() => services.stop())
  const edge = await startGateway({
    port: 0,
    log,
    directory: temporary(t),
    registry: eurekaRegistry({ url: registry.url }),
    routes: { routes: { orders: { prefix: '/orders', to: 'orders' } } },
  })
  t.after(() => edge.stop())
  const ask = async (): Promise<string> => (await fetch(`${edge.url}/orders`)).text()
  assert.match(await ask(), /"status":503/)

  const up = async (id: string) => {
    const server = createServer((_request, response) => void response.end(id)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.after(() => void server.close())
    const http = { kind: 'tcp', host: '127.0.0.1', port: (server.address() as AddressInfo).port } as const
    return services.register({ service: 'orders', id, version: '1.0.0', status: 'up', endpoints: { http }, metadata: {} })
  }
  const one = await up('one')
  await eventually(async () => (await ask()) === 'one')
  await up('two')
  await eventually(async () => (await ask()) === 'two')
  await one.update({ status: 'draining' })
  let row = 0
  await eventually(async () => (row = (await ask()) === 'two' ? row + 1 : 0) === 20)
})

/** Asks again until it is so. */
async function eventually(is: () => Promise<boolean>): Promise<void> {
  let so = false
  const look = async (): Promise<void> => {
    while (!so) so = await is()
  }
  void look()
  await until(() => so)
}
