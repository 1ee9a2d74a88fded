/** Events and stores that nobody wants. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { event } from '../../contract/contract.ts'
import { deadLetters } from '../../messaging/internal.ts'
import { session, stream, topology, tumbling } from '../stream.ts'
import { askedRecords } from './asked.ts'
import { streamRecords } from './records.ts'
import { deliveriesOf, makeRig, messageOf, MINUTE, START } from './rig.test-support.ts'

const Seen = event('page.seen', { schema: z.object({ n: z.int() }), key: () => 'k' })
const Told = event('page.told', { schema: z.object({ key: z.string(), n: z.int() }), key: ({ key }) => key })
const place = { topic: Seen.topic, partition: 0 }
const assignment = (epoch: number) => ({ ...place, epoch, broker: 'b' })
const one = { init: () => 0, add: (sum: number) => sum + 1 }

test('keys that are missing, long, or look like others are keys, in memory and read back', { timeout: 60_000 }, async (t) => {
  const counts = topology('counts', [
    stream(Seen)
      .byKey()
      .aggregate({ name: 'counts', ...one }),
  ])
  const rig = await makeRig(t, counts)
  rig.memory = 1
  const keys = ['', '#', `#${'0'.repeat(40)}`, 'k'.repeat(1 << 20), `${'k'.repeat(1 << 20)}l`, "'; --", '한글', 'a@0']
  for (let epoch = 1; epoch <= 2; epoch++) {
    const reader = rig.reader('shared', 0)
    await reader.assigned(assignment(epoch))
    for (let n = 0; n < 2; n++)
      await reader.deliver(
        deliveriesOf(
          keys.map((key) => messageOf(Seen, key, START, { n })),
          0,
        ),
        place,
      )
  }
  const records = askedRecords(rig.store, 'counts')
  for (const key of keys)
    assert.deepEqual(
      (await records.find('counts', key, { from: 0, to: 0 })).map(({ value }) => value),
      [4],
    )
})

test('one hot key, and a session that never ends, are one row each', { timeout: 60_000 }, async (t) => {
  const keyed = stream(Seen).byKey()
  const sessions = keyed.window(session('1m'), { late: 'drop' }).aggregate({ name: 'sessions', ...one, merge: (a, b) => a + b })
  const rig = await makeRig(t, topology('hot', [keyed.aggregate({ name: 'counts', ...one }), sessions]))
  const reader = rig.reader('shared', 0)
  await reader.assigned(assignment(1))
  for (let batch = 0; batch < 4; batch++)
    await reader.deliver(
      deliveriesOf(
        Array.from({ length: 4_096 }, (_, n) => messageOf(Seen, 'k', START + (batch * 4_096 + n) * 1_000, { n })),
        0,
      ),
      place,
    )
  const { rows } = await streamRecords(rig.store, 'hot').progress()
  // With those of what was seen last.
  assert.equal(rows, 2 + 4)
})

test(
  'a clock that steps back, and a schema of the future, take nothing from what was counted',
  { timeout: 60_000 },
  async (t) => {
    const told = stream(Seen)
      .byKey()
      .window(tumbling('1m'), { late: 'drop' })
      .aggregate({ name: 'counts', ...one })
      .to(Told, ({ key, value }) => ({ key, n: value }))
    const rig = await makeRig(t, topology('clock', [told]))
    const reader = rig.reader('shared', 0)
    await reader.assigned(assignment(1))
    rig.runtime.jump(10 * MINUTE)
    const future = { ...messageOf(Seen, 'k', START, { n: { much: 'more' } }), schemaVersion: 7 }
    await reader.deliver(deliveriesOf([messageOf(Seen, 'k', START, { n: 1 }), future], 0), place)
    rig.runtime.jump(-60 * MINUTE)
    await reader.tick(() => true)
    await reader.deliver(deliveriesOf([messageOf(Seen, 'k', START + 1, { n: 1 })], 0), place)
    assert.deepEqual(rig.published.length, 0)
    rig.runtime.jump(120 * MINUTE)
    await reader.tick(() => true)
    assert.deepEqual(
      rig.published.map(({ data }) => JSON.parse(data)),
      [{ key: 'k', n: 2 }],
    )
    const letters = deadLetters({
      ...{ store: rig.store, runtime: rig.runtime },
      reactions: [{ kind: 'topic', event: Seen, consumer: 'shop/clock' }],
    })
    assert.deepEqual(
      (await letters.list()).map(({ message }) => message.id),
      [future.id],
    )
  },
)

test('a store that takes nothing for a while loses nothing', { timeout: 60_000 }, async (t) => {
  const rig = await makeRig(
    t,
    topology('gone', [
      stream(Seen)
        .byKey()
        .aggregate({ name: 'counts', ...one }),
    ]),
  )
  const reader = rig.reader('shared', 0)
  await reader.assigned(assignment(1))
  const batches = [0, 1].map((n) => deliveriesOf([messageOf(Seen, 'k', START, { n }), messageOf(Seen, 'l', START, { n })], 0))
  await reader.deliver(batches[0]!, place)
  for (const trouble of ['before', 'within', 'before', 'after'] as const) {
    rig.trouble = trouble
    await assert.rejects(reader.deliver(batches[1]!, place), /killed/)
  }
  await reader.deliver(batches[1]!, place)
  const found = await askedRecords(rig.store, 'gone').find('counts', 'k', { from: 0, to: 0 })
  assert.deepEqual(
    found.map(({ value }) => value),
    [2],
  )
})

test('state that is a promise is not written', { timeout: 60_000 }, async (t) => {
  const promised = stream(Seen)
    .byKey()
    .aggregate({ name: 'counts', init: () => 0, add: () => Promise.resolve(1) as never })
  const rig = await makeRig(t, topology('promised', [promised]))
  const reader = rig.reader('shared', 0)
  await reader.assigned(assignment(1))
  await assert.rejects(reader.deliver(deliveriesOf([messageOf(Seen, 'k', START, { n: 1 })], 0), place), /promise cannot travel/)
})
