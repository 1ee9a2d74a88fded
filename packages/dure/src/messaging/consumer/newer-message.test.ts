import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { event } from '../../contract/contract.ts'
import { until } from '../rig.conformance.ts'
import { assertEffects, Counted, makeRig, messageOf } from '../consumer.test-support.ts'

/** The next release's: it has one field more, and reads what the old one has said. */
const Newer = event('counted', {
  version: 2,
  schema: z.object({ key: z.string(), n: z.int(), by: z.string() }),
  key: ({ key }) => key,
  upcast: { 1: (data: object) => ({ ...data, by: 'nobody' }) },
})

const newer = (key: string, n: number) => messageOf(Newer, key, JSON.stringify({ key, n, by: 'ada' }))

test(
  'a message newer than one copy goes to a copy of the next release: nothing is parked, order is kept',
  { timeout: 60_000 },
  async (t) => {
    const rig = await makeRig(t)
    await rig.broker.declareTopic('counted', { partitions: 4 })
    const seen: string[] = []
    const note =
      (by: string) =>
      (n: number, { message }: { readonly message: { readonly key: string } }) =>
        void seen.push(`${by} ${message.key}${n}`)
    // The old copy is there first, so at first everything is its own.
    const old = await rig.start([rig.effect(note('old'))])
    const keys = ['a', 'b', 'c', 'd', 'e']
    for (const key of keys) await rig.publish(key, 1, 2)
    await rig.quiet(old)
    const next = await rig.start([rig.effect(note('new'), { event: Newer })])
    for (const key of keys) await rig.broker.publish([newer(key, 3), messageOf(Counted, key, JSON.stringify({ key, n: 4 }))])
    await rig.quiet(next)
    await rig.quiet(old)
    await assertEffects(rig, Object.fromEntries(keys.map((key) => [key, [1, 2, 3, 4]])))
    assert.ok(seen.includes('old a1'))
    assert.deepEqual(
      seen.filter((one) => /^old .3$/.test(one)),
      [],
    )
    assert.deepEqual([old.status().parked, next.status().parked, old.status().dead, next.status().dead], [0, 0, 0, 0])
  },
)

test(
  'while every copy is of the old release it waits with its partition, until the next release is there',
  { timeout: 60_000 },
  async (t) => {
    const rig = await makeRig(t)
    await rig.broker.declareTopic('counted', { partitions: 1 })
    const copies = [await rig.start([rig.effect()]), await rig.start([rig.effect()])]
    await rig.publish('a', 1)
    await rig.broker.publish([newer('a', 2)])
    await until(() => rig.lines.some((line) => line.includes('knows versions 1 to 1')))
    assert.deepEqual(
      copies.map((copy) => [copy.status().parked, copy.status().dead]),
      [
        [0, 0],
        [0, 0],
      ],
    )
    await rig.start([rig.effect(undefined, { event: Newer })])
    await until(async () => (await rig.effects()).get('a')?.length === 2)
    await assertEffects(rig, { a: [1, 2] })
  },
)

test('where nobody else reads, it is a dead letter, as nobody will ever know it', { timeout: 60_000 }, async (t) => {
  const rig = await makeRig(t)
  const consumer = await rig.start([rig.effect()])
  await rig.broker.publish([newer('a', 1)])
  await until(() => consumer.status().dead === 1)
})
