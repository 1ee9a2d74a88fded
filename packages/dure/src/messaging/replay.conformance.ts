import assert from 'node:assert/strict'
import type { Broker } from './broker.ts'
import type { Capabilities } from './capabilities.ts'
import { firsts, numberOf, until } from './numbered.conformance.ts'
import { collector, isCallError, type Register, type Rig } from './rig.conformance.ts'

/** What is published survives. */
export function persistenceConformance(broker: Register): void {
  broker('continues after a restart where the group had come to', async (rig) => {
    const { topic } = rig
    const before = collector()
    await rig.broker.subscribe({ group: 'g', topics: [topic], deliver: before.deliver })
    await rig.broker.publish(Array.from({ length: 20 }, (_, n) => rig.message(`k${n % 4}`, n)))
    await until(() => before.ids.size === 20)
    await rig.restart()
    const after = collector()
    await rig.broker.publish([rig.message('k0', 100)])
    await rig.broker.subscribe({ group: 'g', topics: [topic], deliver: after.deliver })
    await until(() => after.ids.size === 1)
    assert.deepEqual(firsts(after.deliveries, 'k0'), [100])
  })

  broker('keeps what nobody has read over a restart, and the number of partitions', async (rig) => {
    const { topic } = rig
    await rig.broker.declareTopic(topic, { partitions: 3 })
    // Without it, a broker that keeps no log keeps nothing.
    await rig.broker.declareGroup({ group: 'g', topics: [topic] })
    await rig.broker.publish(Array.from({ length: 30 }, (_, n) => rig.message(`k${n % 10}`, n)))
    await rig.restart()
    await rig.broker.declareTopic(topic, { partitions: 16 })
    const seen = collector()
    await rig.broker.subscribe({ group: 'g', topics: [topic], deliver: seen.deliver })
    await until(() => seen.ids.size === 30)
    assert.ok(seen.deliveries.every(({ partition }) => partition < 3))
    for (let key = 0; key < 10; key++) assert.deepEqual(firsts(seen.deliveries, `k${key}`), [key, key + 10, key + 20])
  })
}

/** Groups move to where people want them. */
export function replayConformance(broker: Register): void {
  const readAll = async (rig: Rig, count: number): Promise<number[]> => {
    const seen = collector()
    const subscription = await rig.broker.subscribe({ group: 'g', topics: [rig.topic], deliver: seen.deliver })
    // The last message is a fence: when it has come, everything before it in the one partition has.
    const fence = rig.message('a', -1)
    await rig.broker.publish([fence])
    await until(() => seen.ids.has(fence.id) && seen.ids.size >= count)
    await subscription.stop()
    return seen.deliveries.map(({ message }) => numberOf(message)).filter((n) => n >= 0)
  }

  broker('replays from the beginning, from behind a message, from a time, and skips to the end', async (rig) => {
    const { broker: b, topic, runtime } = rig
    await b.declareTopic(topic, { partitions: 1 })
    await b.publish([rig.message('a', 1), rig.message('a', 2)])
    await runtime.timers.sleep(5)
    const time = runtime.clock.now()
    await b.publish([rig.message('a', 3)])
    assert.deepEqual(await readAll(rig, 3), [1, 2, 3])
    const move = (to: Parameters<Broker['seek']>[0]['to']): Promise<void> => b.seek({ group: 'g', topic, to })
    await move('beginning')
    assert.deepEqual(await readAll(rig, 3), [1, 2, 3])
    const [first] = await b.browse({ topic, partition: 0, limit: 1 })
    await move({ partition: 0, after: first!.position })
    assert.deepEqual(await readAll(rig, 2), [2, 3])
    await move({ time })
    assert.deepEqual(await readAll(rig, 1), [3])
    await b.publish([rig.message('a', 4)])
    await move('end')
    assert.deepEqual(await readAll(rig, 0), [])
  })

  broker('refuses to move a group that is reading, or beyond what there is', async (rig) => {
    const { broker: b, topic } = rig
    await b.declareTopic(topic, { partitions: 1 })
    const subscription = await b.subscribe({ group: 'g', topics: [topic], deliver: async () => {} })
    await assert.rejects(b.seek({ group: 'g', topic, to: 'beginning' }), (error) => isCallError(error, 'FAILED_PRECONDITION'))
    await subscription.stop()
    for (const to of [
      { partition: 0, after: 'no position' },
      { partition: 5, after: '0' },
    ]) {
      await assert.rejects(b.seek({ group: 'g', topic, to }), (error) => isCallError(error, 'OUT_OF_RANGE'))
    }
    await assert.rejects(b.seek({ group: 'g', topic: `${topic}.none`, to: 'end' }), (error) => isCallError(error, 'NOT_FOUND'))
  })
}

/** Groups that nobody has any more go. */
export function forgetConformance(broker: Register, capabilities: Capabilities): void {
  broker('forgets a group that nobody has any more, and no other', async (rig) => {
    const { topic } = rig
    const groups = async (): Promise<string[]> => [
      ...new Set((await rig.broker.lag()).filter((one) => one.topic === topic).map(({ group }) => group)),
    ]
    const wish = { group: 'old', reason: 'renamed', by: 'ada' }
    await assert.rejects(rig.broker.forget(wish), (error) => isCallError(error, 'NOT_FOUND'))
    const old = await rig.broker.subscribe({ group: 'old', topics: [topic], deliver: async () => {} })
    await rig.broker.subscribe({ group: 'other', topics: [topic], deliver: async () => {} })
    await assert.rejects(rig.broker.forget(wish), (error) => isCallError(error, 'FAILED_PRECONDITION'))
    await old.stop()
    await rig.broker.publish([rig.message('a', 1), rig.message('a', 2)])
    await assert.rejects(rig.broker.forget({ ...wish, topic: `${topic}.none` }), (error) => isCallError(error, 'NOT_FOUND'))
    assert.deepEqual(await rig.broker.forget({ ...wish, topic }), [{ topic, unread: 2 }])
    assert.deepEqual(await groups(), ['other'])
    await assert.rejects(rig.broker.forget(wish), (error) => isCallError(error, 'NOT_FOUND'))
    if (capabilities.durable) {
      await rig.restart()
      assert.deepEqual(await groups(), ['other'])
    }
    if (!capabilities.log) return
    // Who comes under that name again is new.
    const seen = collector()
    await rig.broker.subscribe({ group: 'old', topics: [topic], deliver: seen.deliver })
    await until(() => seen.ids.size === 2)
  })
}
