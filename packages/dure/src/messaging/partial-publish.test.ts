import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { Message } from '../contract/contract.ts'
import { createOutbox, type OutboxMessage } from '../data/data.ts'
import { silentLogger } from '../telemetry/telemetry.ts'
import { openAside } from './aside.ts'
import { consumerOf, Counted, effectOf, effectsIn, messageOf, runtime, storeIn } from './consumer.test-support.ts'
import { minimalBroker } from './minimal-broker.conformance.ts'
import { until } from './numbered.conformance.ts'

const log = silentLogger()
const KEYS = ['a', 'b', 'c']
const COUNT = 40

/** From a service's outbox, over a broker that takes parts of what it is given, to the effects of a consumer, by key. */
async function throughLosses(
  t: TestContext,
  how: { readonly loses: (message: Message) => boolean; readonly heedless?: boolean },
): Promise<ReadonlyMap<string, readonly number[]>> {
  const directory = await mkdtemp(join(tmpdir(), 'dure-partial-'))
  const store = await storeIn(directory)
  const broker = minimalBroker({ runtime, ...how })
  const consumer = await consumerOf({ store, broker, reactions: [effectOf()], limits: {} })
  let taken = 0
  const deliver = async (messages: readonly OutboxMessage[]): Promise<void> => {
    await broker.publish(messages)
    taken += messages.length
  }
  const aside = await openAside({ store, runtime, log, deliver, taken: () => taken })
  const outbox = await (store.outbox ?? createOutbox)({ store, runtime, log, deliver, aside, limits: { backoff: [1, 2] } })
  t.after(async () => {
    await outbox.stop({ timeout: 1_000 })
    await aside.stop()
    await consumer.stop()
    await broker.stop()
    await store.stop()
    await rm(directory, { recursive: true, force: true })
  })
  for (let n = 0; n < COUNT; n += 8) {
    const some = Array.from({ length: 8 }, (_, at) => n + at).flatMap((one) =>
      KEYS.map((key) => messageOf(Counted, key, JSON.stringify({ key, n: one }))),
    )
    await store.transaction(async (tx) =>
      outbox.append(
        tx,
        some.map((one) => ({ ...one, destination: 'topic' })),
      ),
    )
  }
  await until(() => consumer.status().handled === KEYS.length * COUNT)
  return effectsIn(store)
}

test('a broker that takes parts of a batch: what the outbox sends again has its effects once, and each key in order', async (t) => {
  let lost = 0
  let asked = 0
  const loses = (): boolean => ++asked % 3 === 0 && ++lost > 0
  const effects = await throughLosses(t, { loses })
  const all = Array.from({ length: COUNT }, (_, n) => n)
  assert.deepEqual(Object.fromEntries(effects), Object.fromEntries(KEYS.map((key) => [key, all])))
  assert.ok(lost >= 10, `${lost} were lost`)
})

test('the same over an adapter that publishes a batch as it stands turns the order of keys round', async (t) => {
  const seen = new Set<string>()
  // Every second message of a key is lost the first time: 0, 2, 4 arrive, and then all.
  const loses = ({ id, data }: Message): boolean =>
    (JSON.parse(data) as { n: number }).n % 2 === 1 && seen.size < seen.add(id).size
  const effects = await throughLosses(t, { loses, heedless: true })
  assert.ok([...effects.values()].some((numbers) => numbers.some((n, at) => at > 0 && n < numbers[at - 1]!)))
})
