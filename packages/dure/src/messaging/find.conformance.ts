import assert from 'node:assert/strict'
import type { Message } from '../contract/contract.ts'
import type { Capabilities } from './capabilities.ts'
import type { FindBy, FindOptions, Found } from './found.ts'
import { numberOf, range, until } from './numbered.conformance.ts'
import { isCallError, type Register, type Rig } from './rig.conformance.ts'

/** `traceparent` of this trace. */
const traced = (traceId: string): string => `00-${traceId}-00f067aa0ba902b7-01`
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'

/** What is undefined is not there. */
const written = (message: Message): unknown => JSON.parse(JSON.stringify(message))

const numbers = ({ messages }: Found): readonly number[] =>
  messages.map(({ message }) => numberOf(message)).toSorted((a, b) => a - b)

/** Messages are found without a group, by what they say of themselves; where there is no log, that is said. */
export function findConformance(broker: Register, capabilities: Capabilities): void {
  const search = ({ broker: b, topic }: Rig, by: FindBy, more: Partial<FindOptions> = {}): Promise<Found> =>
    b.find({ by, topics: [topic], ...more })

  broker('refuses a search that cannot be', async (rig) => {
    const { topic } = rig
    const wrong: readonly Partial<FindOptions>[] = [
      ...[{ by: {} }, { by: { id: '' } }, { by: { id: 'a', key: 'b' } }, { by: { id: [] } }, { by: { data: 'a' } as never }],
      ...[{ limit: 0 }, { bytes: 0 }, { timeout: 0 }, { since: NaN }, { topics: [''] }],
    ]
    for (const one of wrong)
      await assert.rejects(rig.broker.find({ by: { id: 'a' }, topics: [topic], ...one }), (error) =>
        isCallError(error, 'INVALID_ARGUMENT'),
      )
  })

  if (!capabilities.browse) {
    broker('says that it cannot look for messages, and why', async (rig) => {
      const found = await search(rig, { id: 'a' }, { queues: [rig.queue] })
      assert.deepEqual(found.messages, [])
      assert.deepEqual(
        found.unseen.map(({ on, name }) => `${on} ${name}`),
        [`topic ${rig.topic}`, `queue ${rig.queue}`],
      )
    })
    return
  }

  broker('finds messages by correlation, id, key and trace, wherever they stand', async (rig) => {
    const { broker: b, topic } = rig
    await b.declareTopic(topic, { partitions: 3 })
    const messages = range(60).map((n): Message => {
      const special = n % 20 === 7 ? { correlationId: 'the-one', traceparent: traced(TRACE), headers: { tenant: 'a' } } : {}
      return { ...rig.message(`k${n % 6}`, n), ...special }
    })
    await b.publish(messages)
    const found = await search(rig, { correlationId: 'the-one' })
    assert.deepEqual(numbers(found), [7, 27, 47])
    assert.deepEqual([found.cutOff, found.unseen], [undefined, []])
    for (const one of found.messages) {
      assert.ok(one.on === 'topic' && one.topic === topic)
      assert.deepEqual(written(one.message), written(messages[numberOf(one.message)]!), 'all of it')
      const there = await b.browse({ topic, partition: one.partition, limit: 1_000 })
      assert.equal(there.find(({ position }) => position === one.position)?.message.id, one.message.id)
    }
    assert.deepEqual(numbers(await search(rig, { traceId: TRACE })), [7, 27, 47])
    assert.deepEqual(numbers(await search(rig, { id: messages[12]!.id })), [12])
    assert.deepEqual(
      numbers(await search(rig, { key: 'k4' })),
      range(10).map((n) => n * 6 + 4),
    )
    assert.deepEqual(numbers(await search(rig, { id: [messages[3]!.id, messages[31]!.id, 'none'] })), [3, 31])
    for (const any of ['the-one', TRACE]) assert.deepEqual(numbers(await search(rig, { any })), [7, 27, 47])
    assert.deepEqual(numbers(await search(rig, { any: [messages[5]!.id, 'k2'] })).length, 11)
    assert.deepEqual(numbers(await search(rig, { text: '"n":33}' })), [33])
    assert.deepEqual(numbers(await search(rig, { key: 'none' })), [])
    assert.deepEqual(numbers(await search(rig, { key: 'k4' }, { topics: [`${topic}.none`] })), [])
  })

  broker('finds within a time, and says where it stopped', async (rig) => {
    const { broker: b, topic, runtime } = rig
    await b.declareTopic(topic, { partitions: 2 })
    const now = runtime.clock.now()
    // The first two are of before; what is published late is found by its own time all the same.
    const times = [now - 7_200_000, now - 3_600_000, now - 1_000, now]
    const messages = times.map((time, n): Message => ({ ...rig.message('k', n), time }))
    await b.publish(messages)
    const by = { key: 'k' }
    assert.deepEqual(numbers(await search(rig, by, { since: now - 3_600_000 })), [1, 2, 3])
    assert.deepEqual(numbers(await search(rig, by, { since: now - 3_600_000, until: now })), [1, 2])
    assert.deepEqual(numbers(await search(rig, by, { until: now - 3_600_000 })), [0])
    const two = await search(rig, by, { limit: 2 })
    assert.deepEqual([two.messages.length, two.cutOff], [2, 'limit'])
    assert.equal((await search(rig, by, { limit: 4 })).cutOff, undefined)
    const one = await search(rig, by, { bytes: 1 })
    assert.deepEqual([one.messages.length, one.cutOff], [1, 'bytes'])
  })

  broker('finds work that waits on a queue, or says that nobody but its receiver sees it', async ({ broker: b, queue, job }) => {
    const waiting = { ...job(1), correlationId: 'the-one' }
    await b.send([job(0), waiting])
    const { messages, unseen } = await b.find({ by: { correlationId: 'the-one' }, topics: [], queues: [queue] })
    if (messages.length === 0)
      return assert.deepEqual(
        unseen.map(({ on, name }) => [on, name]),
        [['queue', queue]],
      )
    assert.deepEqual(
      messages.map((one) => [one.on === 'queue' && one.queue, one.message.id]),
      [[queue, waiting.id]],
    )
    assert.deepEqual(unseen, [])
    // Nobody has taken it by that.
    const taken = new Set<string>()
    await b.receive({ queue, handle: async ({ id }) => void taken.add(id) })
    await until(() => taken.has(waiting.id))
  })
}
