import assert from 'node:assert/strict'
import { test } from 'node:test'
import { embeddedBroker } from 'dure/messaging'
import { realRuntime } from 'dure/runtime'
import type { Lag } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { dure, startHere, temporary } from './shell.test-support.ts'

test('a group that no service has any more is told apart, and retired by whoever means it', async (t) => {
  const data = temporary()
  const runtime = realRuntime()
  const broker = await embeddedBroker()({ directory: data, runtime, log: silentLogger() })
  // What was read by a reaction before it was renamed.
  const before = await broker.subscribe({ group: 'desk/old', topics: ['order.placed'], deliver: async () => {} })
  await before.stop()
  const message = {
    source: 'shop',
    type: 'order.placed',
    key: 'a',
    time: runtime.clock.now(),
    schemaVersion: 1,
    correlationId: 'c',
  }
  const rest = { causationId: undefined, traceparent: undefined, data: '{"orderId":"a","quantity":1}' }
  await broker.publish([1, 2].map(() => ({ id: runtime.ids.next(), ...message, ...rest })))
  await broker.stop()
  const running = await startHere('desk.test-support.ts', '--data', data)
  t.after(() => running.stop())
  const lag = (...args: string[]): ReturnType<typeof dure> => dure(['lag', ...args, '--data', data])
  const groups = async (): Promise<readonly (readonly [string, boolean, number | undefined])[]> => {
    const { consumers } = JSON.parse((await lag('--json')).out) as Lag
    return consumers.filter(({ kind }) => kind === 'topic').map((one) => [one.consumer, one.abandoned, one.unread] as const)
  }
  while ((await groups()).some(([consumer, , unread]) => consumer === 'desk/order.placed' && unread !== 0));
  assert.deepEqual(await groups(), [
    ['desk/order.placed', false, 0],
    ['desk/old', true, 2],
  ])
  assert.match(
    (await lag()).out,
    /no service has them:\n {2}desk\/old on order\.placed {2}dure lag forget desk\/old --reason TEXT/,
  )

  const reason = ['--reason', 'renamed']
  const unsure = await lag('forget', 'desk/old', ...reason)
  assert.equal(unsure.code, 2)
  assert.match(unsure.err, /Cannot forget "desk\/old" with 2 unread messages: nobody can be asked .* add --yes/)
  const read = await lag('forget', 'desk/order.placed', ...reason, '--yes')
  assert.equal(read.code, 1)
  assert.match(read.err, /"desk\/order\.placed" on topic "order\.placed": it has 1 members reading; stop them first/)
  assert.equal((await lag('forget', 'desk/old', '--reason', ' ', '--yes')).code, 2)
  assert.equal((await lag('forget', 'desk/old', '--topic', 'other', ...reason, '--yes')).code, 1)

  const done = await lag('forget', 'desk/old', ...reason, '--yes', '--json')
  assert.deepEqual(JSON.parse(done.out), { forgotten: [{ topic: 'order.placed', unread: 2 }] })
  assert.deepEqual(await groups(), [['desk/order.placed', false, 0]])
  assert.match(
    (await lag('forget', 'desk/old', ...reason, '--yes')).err,
    /Cannot forget group "desk\/old": it has no position there/,
  )
})
