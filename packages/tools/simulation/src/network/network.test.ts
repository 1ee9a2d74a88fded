import { DURE } from 'dure/discovery/internal'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keepAlive, realRuntime } from 'dure/runtime'
import { realNetwork, realProcess } from '../real.test-support.ts'
import { createConnection } from './connection.ts'
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

/** A frame that belongs to no call, so nothing befalls it; it begins with its number. */
function frame(size: number, number: number): Buffer {
  const bytes = Buffer.alloc(size)
  bytes.writeUInt32BE(size - 4)
  bytes[4] = PING
  bytes.writeUInt32BE(number, 5)
  return bytes
}

const PING = 3

async function connected() {
  const closed: string[] = []
  const [client, server] = [realProcess(), realProcess()]
  const onClose = (): void => void closed.push('server')
  const world = realNetwork(realRuntime())
  const connection = createConnection({ world, client, server, onClose })
  await new Promise<void>((resolve) => connection.connect(() => true, resolve))
  return { ...connection, world, closed }
}

test('bytes that nobody reads wait with whoever writes them, and come in order once they are read', async (t) => {
  const alive = keepAlive()
  t.after(() => alive.stop())
  const { near, far } = await connected()
  const came: number[] = []
  const drained = Promise.withResolvers<void>()
  near.on('drain', drained.resolve)
  far.on('data', (bytes) => came.push(bytes.readUInt32BE(5)))
  far.pause()
  let taken = 0
  for (let n = 0; n < 20; n++) near.write(frame(50_000, n), () => taken++)
  assert.ok(taken > 0 && taken < 20, `${taken} of 20 were taken`)
  assert.equal(near.writableLength, (20 - taken) * 50_000)
  far.resume()
  await drained.promise
  assert.equal(near.writableLength, 0)
  assert.equal(taken, 20)
  near.destroySoon()
  await new Promise<void>((resolve) => far.on('end', resolve))
  assert.deepEqual(came, [...Array(20).keys()])
})

test('a connection that breaks is told to both ends, once, and carries nothing more', async (t) => {
  const alive = keepAlive()
  t.after(() => alive.stop())
  const { near, far, client, world, breakOff, closed } = await connected()
  const told: string[] = []
  const both = [near, far].map(
    (end, at) => new Promise<void>((resolve) => end.on('close', () => (told.push(`close ${at}`), resolve()))),
  )
  near.on('error', (error) => told.push(`near: ${error.message}`))
  far.on('error', (error) => told.push(`far: ${error.message}`))
  far.on('data', () => told.push('data'))
  breakOff('connection reset', 1)
  breakOff('again', 2)
  await Promise.all(both)
  near.write(frame(20, 1))
  near.destroy()
  // After all that was still to come.
  await new Promise<void>((resolve) => world.at(world.now() + 10, client, resolve))
  assert.deepEqual(told.toSorted(), ['close 0', 'close 1', 'far: connection reset', 'near: connection reset'])
  assert.deepEqual(closed, ['server'])
})
