import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { event } from '../../contract/contract.ts'
import { decodeMessage, type BrokerRecord } from '../cloud-events/cloud-events.ts'
import { assertEffects, makeRig, type Rig } from '../consumer.test-support.ts'
import { until } from '../numbered.conformance.ts'

/** What a program that knows nothing of Dure left on the topic: an adapter reads it so. */
async function left(
  rig: Rig,
  position: number,
  key: string | Uint8Array,
  data: string | Uint8Array,
  more: Partial<BrokerRecord> = {},
): Promise<void> {
  const place = { topic: 'counted', partition: 0, position: String(position), time: 1_700_000_000_000, headers: [] }
  await rig.broker.publish([decodeMessage('kafka', { ...place, key, data, ...more })])
}

const counted = (key: string, n: number): string => JSON.stringify({ key, n })

test(
  'records of others have their effect once, in order of their keys, however often they come',
  { timeout: 60_000 },
  async (t) => {
    const rig = await makeRig(t)
    const consumer = await rig.start([rig.effect()])
    for (const position of [0, 1, 0, 1, 2]) await left(rig, position, 'a', counted('a', position))
    await left(rig, 3, Buffer.from([0, 0, 0, 7]), counted('b', 3))
    await rig.quiet(consumer)
    await assertEffects(rig, { a: [0, 1, 2], b: [3] })
    assert.equal(consumer.status().duplicates, 2)
  },
)

test(
  'two events of others with the same source and id are one: the second has no effect, and is counted',
  { timeout: 60_000 },
  async (t) => {
    const rig = await makeRig(t)
    const consumer = await rig.start([rig.effect()])
    const named = (source: string) => Object.entries({ ce_specversion: '1.0', ce_id: '1', ce_source: source, ce_type: 'counted' })
    await left(rig, 0, 'a', counted('a', 1), { headers: named('/shop') })
    await left(rig, 1, 'a', counted('a', 2), { headers: named('/shop') })
    await left(rig, 2, 'a', counted('a', 3), { headers: named('/store') })
    await rig.quiet(consumer)
    await assertEffects(rig, { a: [1, 3] })
    assert.equal(consumer.status().duplicates, 1)
  },
)

test(
  'what nobody can read waits under its key with the reason and its bytes, and goes when somebody has mended it',
  { timeout: 60_000 },
  async (t) => {
    const rig = await makeRig(t)
    const consumer = await rig.start([rig.effect()])
    const bytes = Buffer.from([0, 0, 0, 0, 1, 0xff])
    await left(rig, 0, 'a', counted('a', 1))
    await left(rig, 1, 'a', bytes)
    await left(rig, 2, 'a', counted('a', 3))
    await left(rig, 3, 'b', counted('b', 1))
    await until(() => consumer.status().dead === 2)
    await rig.quiet(consumer)
    await assertEffects(rig, { a: [1], b: [1] })
    const [letter, ...more] = await consumer.deadLetters.list()
    assert.deepEqual([more.length, letter!.message.key, letter!.held, letter!.attempts], [0, 'a', 1, 1])
    assert.equal(
      letter!.error,
      'NonRetryableError: Cannot read message "counted/0/1@1700000000000" of "counted": its data are no text in UTF-8, and nothing says what they are (6 bytes at 1 of partition 0 of "counted")',
    )
    const detail = await consumer.deadLetters.show(letter!.id)
    assert.equal((JSON.parse(detail.message.data) as { base64: string }).base64, bytes.toString('base64'))
    await consumer.deadLetters.edit(letter!.id, counted('a', 2), 'read by hand')
    await consumer.deadLetters.retry()
    await until(() => consumer.status().dead === 0)
    await rig.quiet(consumer)
    await assertEffects(rig, { a: [1, 2, 3], b: [1] })
  },
)

test(
  "what nobody can read is nobody's, and so for all who take events of its topic; others of the topic are not",
  { timeout: 60_000 },
  async (t) => {
    const rig = await makeRig(t)
    const Own = event('own', { schema: z.object({ key: z.string(), n: z.int() }), key: ({ key }) => key, topic: 'counted' })
    const consumer = await rig.start([rig.effect(undefined, { event: Own })])
    await left(rig, 0, 'a', counted('a', 1))
    await left(rig, 1, 'a', 'no JSON')
    await until(() => consumer.status().dead === 1)
    await rig.quiet(consumer)
    await assertEffects(rig, { a: [] })
  },
)
