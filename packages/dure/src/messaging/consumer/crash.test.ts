import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { SqlStore } from '../../data/data.ts'
import { silentLogger } from '../../telemetry/telemetry.ts'
import { until } from '../numbered.conformance.ts'
import type { Broker } from '../broker.ts'
import { consumerOf, Count, Counted, effectOf, effectsIn, messageOf, QUICK, runtime, storeIn } from '../consumer.test-support.ts'
import type { Consumer } from './consumer.ts'
import { embeddedBroker } from '../embedded/embedded.ts'
import { lines, runUntilKilled } from '../killed.test-support.ts'

const child = fileURLToPath(new URL('./crash.test-support.ts', import.meta.url))
const log = silentLogger()

async function directoryOf(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'dure-crash-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  return directory
}

async function openBroker(directory: string): Promise<Broker> {
  return embeddedBroker({ durability: 'process' })({ directory, runtime, log })
}

async function consumeHere(
  t: TestContext,
  directory: string,
  attempts: number,
  kind: 'topic' | 'queue' = 'topic',
): Promise<{ broker: Broker; store: SqlStore; consumer: Consumer }> {
  const broker = await openBroker(directory)
  const store = await storeIn(directory)
  const consumer = await consumerOf({
    store,
    broker,
    limits: { batch: 16 },
    reactions: [effectOf(undefined, { retry: { ...QUICK, attempts }, ...(kind === 'queue' ? { kind, event: Count } : {}) })],
  })
  t.after(async () => {
    await consumer.stop()
    await broker.stop()
    await store.stop()
  })
  return { broker, store, consumer }
}

async function quiet(broker: Broker, consumer: Consumer): Promise<void> {
  await until(async () => {
    const still = (): boolean => consumer.status().waiting === 0 && consumer.status().inHand === 0
    return still() && (await broker.lag()).every(({ lag }) => lag === 0) && still()
  })
}

test('killed again and again, a consumer has every effect once and in order', { timeout: 120_000 }, async (t) => {
  const directory = await directoryOf(t)
  const before = await openBroker(directory)
  await before.declareTopic('counted', { partitions: 4 })
  const keys = Array.from({ length: 12 }, (_, key) => `k${key}`)
  for (let n = 0; n < 60; n++) await before.publish(keys.map((key) => messageOf(Counted, key, JSON.stringify({ key, n }))))
  await before.stop()

  const told: string[] = []
  for (const count of [20, 1, 60, 100]) told.push(...(await runUntilKilled(child, ['work', directory], lines(count))))
  assert.equal(new Set(told).size, told.length, 'no effect was told twice')
  assert.ok(told.length >= 150)

  const { broker, store, consumer } = await consumeHere(t, directory, 1000)
  await quiet(broker, consumer)
  const effects = await effectsIn(store)
  for (const key of keys)
    assert.deepEqual(
      effects.get(key),
      Array.from({ length: 60 }, (_, n) => n),
      `effects of "${key}"`,
    )
})

test(
  'a message that kills the process at every try is dead after its attempts, and the others are done',
  { timeout: 120_000 },
  async (t) => {
    const directory = await directoryOf(t)
    const before = await openBroker(directory)
    await before.declareTopic('counted', { partitions: 1 })
    const publish = (key: string, n: number): Promise<void> =>
      before.publish([messageOf(Counted, key, JSON.stringify({ key, n }))])
    for (let n = 0; n < 40; n++) await publish(`k${n % 5}`, n)
    await publish('poison', 0)
    await publish('poison', 1)
    for (let n = 40; n < 60; n++) await publish(`k${n % 5}`, n)
    await before.stop()

    let crashes = 0
    for (;;) {
      const said = await runUntilKilled(child, ['poison', directory], (text) => text.includes('survived'))
      if (said.includes('survived')) break
      crashes++
      assert.ok(crashes < 10, 'it comes to an end')
    }
    // Three counted tries, and the uncounted ones before there was a reason for care.
    assert.ok(crashes >= 3, `${crashes} crashes`)
    const { broker, store, consumer } = await consumeHere(t, directory, 3)
    await until(() => consumer.status().dead === 2)
    await quiet(broker, consumer)
    const [letter] = await consumer.deadLetters.list()
    assert.equal(letter!.message.key, 'poison')
    assert.equal(letter!.attempts, 3)
    assert.match(letter!.error, /process ended during try 3/)
    const effects = await effectsIn(store)
    assert.equal(effects.has('poison'), false)
    for (let key = 0; key < 5; key++) {
      assert.deepEqual(
        effects.get(`k${key}`),
        Array.from({ length: 12 }, (_, n) => key + n * 5),
      )
    }
  },
)

for (const kind of ['topic', 'queue'] as const) {
  test(
    `a message of a ${kind} that ends its process three times is dead, though it had more attempts`,
    { timeout: 120_000 },
    async (t) => {
      const directory = await directoryOf(t)
      const before = await openBroker(directory)
      await before.declareTopic('counted', { partitions: 1 })
      for (const [key, n] of [
        ['a', 0],
        ['poison', 0],
        ['poison', 1],
        ['b', 0],
      ] as const) {
        const message = messageOf(kind === 'topic' ? Counted : Count, key, JSON.stringify({ key, n }))
        await (kind === 'topic' ? before.publish([message]) : before.send([message]))
      }
      await before.stop()
      let crashes = 0
      while (
        !(await runUntilKilled(child, ['patient', directory, kind], (text) => text.includes('survived'))).includes('survived')
      )
        assert.ok(++crashes < 8, 'it comes to an end')
      const { broker, consumer, store } = await consumeHere(t, directory, 1000, kind)
      await until(() => consumer.status().dead === 2)
      await quiet(broker, consumer)
      // What was under way beside it may wait for the end of its lease.
      await until(async () => (await effectsIn(store)).size === 2)
      const [letter] = await consumer.deadLetters.list()
      assert.deepEqual([letter!.message.key, letter!.attempts, letter!.held], ['poison', 3, 1])
      assert.deepEqual([...(await effectsIn(store)).keys()].toSorted(), ['a', 'b'])
    },
  )
}
