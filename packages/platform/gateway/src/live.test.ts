import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger } from 'dure/telemetry'
import { liveRoutes, startGateway } from './gateway.ts'

test('a change of one route copies none of the others while a gateway follows them', async (t) => {
  const routes = liveRoutes({
    routes: { a: { prefix: '/a', to: 'one' } },
    upstreams: { one: { addresses: ['127.0.0.1:9'] } },
  })
  const gateway = await startGateway({ port: 0, log: silentLogger(), routes })
  t.after(() => gateway.stop())
  const told: object[] = []
  routes.watch((next) => void told.push(next.routes))
  for (const timeout of [1_000, 2_000, 3_000]) routes.setRoute('a', { prefix: '/a', to: 'one', timeout })
  assert.deepEqual([told[1] === told[0], told[2] === told[0]], [true, true])
})
