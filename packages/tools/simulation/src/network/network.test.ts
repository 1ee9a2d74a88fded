import { DURE } from 'dure/discovery/internal'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keepAlive, realRuntime } from 'dure/runtime'
import { realNetwork, realProcess } from '../real.test-support.ts'
import { createNetwork, createRegistryHub } from './network.ts'

test('a machine that went without a word is not heard of, and is when all is healed', async (t) => {
  const alive = keepAlive()
  t.after(() => alive.stop())
  const runtime = realRuntime()
  const real = realNetwork(runtime)
  let begun = 0
  const world = { ...real, at: (...task: Parameters<typeof real.at>) => (begun++, real.at(...task)) }
  const network = createNetwork(world)
  const hub = createRegistryHub({ ...world, later: (delay, task) => void runtime.timers.after(delay, task), news: () => 0 })
  const [client, server] = [realProcess(runtime), realProcess(runtime)]
  const came = Promise.withResolvers<void>()
  const listener = await network.listen(server, 'one', {
    has: () => true,
    route: () => ({
      call: () => {
        came.resolve()
        return new Promise(() => {})
      },
      stream: () => assert.fail('nobody asks for a stream'),
    }),
  })
  await hub.open(server).register({
    ...{ service: 'shop', id: 'one', version: '1.0.0', status: 'up', metadata: {} },
    endpoints: { [DURE]: listener.address },
  })
  const remote = network.wires(client).connect({ registry: hub.open(client), runtime, log: client.log })
  const now = runtime.clock.monotonic()
  const context = {
    ...{ sentAt: now, deadline: now + 60_000, cancellation: undefined, correlationId: 'c', causationId: undefined },
    ...{
      traceparent: undefined,
      caller: undefined,
      idempotencyKey: undefined,
      ...{ principal: undefined, metadata: undefined },
      principal: undefined,
      metadata: undefined,
    },
  }
  const call = remote.route({ service: 'shop', operation: 'buy' }).call({}, context)
  await came.promise
  const before = begun
  network.died(server, true)
  server.state = 'dead'
  assert.equal(begun, before, 'nothing is on its way to anybody')
  network.heal()
  await assert.rejects(call, { code: 'UNAVAILABLE', message: /connection reset by the other side/ })
  await remote.stop()
})
