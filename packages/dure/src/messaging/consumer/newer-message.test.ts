import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { event } from '../../contract/contract.ts'
import { until } from '../numbered.conformance.ts'
import type { ConsumerStatus } from './consumer.ts'
import { assertEffects, Counted, makeRig, messageOf, QUICK } from '../consumer.test-support.ts'

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

test(
  'what a copy of the next release has parked, older ones leave alone until the next one is there',
  { timeout: 60_000 },
  async (t) => {
    const rig = await makeRig(t)
    await rig.broker.declareTopic('counted', { partitions: 1 })
    const fails = (): never => {
      throw new Error('Not now')
    }
    const next = await rig.start([rig.effect(fails, { event: Newer, retry: { ...QUICK, attempts: 10_000 } })])
    await rig.broker.publish([newer('a', 1)])
    await until(() => next.status().waiting === 1)
    const copies = [await rig.start([rig.effect()]), await rig.start([rig.effect()])]
    const sum = (of: (status: ConsumerStatus) => number): number => copies.reduce((total, copy) => total + of(copy.status()), 0)
    await next.stop()
    await until(() => sum(({ waiting }) => waiting) === 1)
    // Its key is held, and others go on.
    await rig.publish('a', 2)
    await rig.publish('b', 1)
    await until(() => sum(({ waiting }) => waiting) === 2 && sum(({ handled }) => handled) === 1)
    const last = await rig.start([rig.effect(undefined, { event: Newer })])
    for (const copy of copies) await copy.stop()
    await rig.quiet(last)
    await assertEffects(rig, { a: [1, 2], b: [1] })
    assert.equal(last.status().dead, 0)
  },
)

test('work newer than one copy is done by a copy of the next release', { timeout: 60_000 }, async (t) => {
  const rig = await makeRig(t)
  const old = await rig.start([rig.effect(undefined, { kind: 'queue' })])
  const next = await rig.start([rig.effect(undefined, { kind: 'queue', event: Newer })])
  const keys = ['a', 'b', 'c', 'd', 'e', 'f']
  await rig.broker.send(keys.map((key) => newer(key, 1)))
  await until(() => next.status().handled === keys.length)
  assert.deepEqual([old.status().parked, old.status().dead, old.status().handled], [0, 0, 0])
})
