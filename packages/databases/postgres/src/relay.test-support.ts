import assert from 'node:assert/strict'
import type { OutboxMessage } from 'dure/data'
import { NonRetryableError, type DeadLetters } from 'dure/messaging'
import { collector } from './collector.test-support.ts'
import { assertWhole } from './load.test-support.ts'
import { publish, type Place } from './place.test-support.ts'

/** A relay that delivers by the way in question, as far as all ways are alike. */
export type AnyRelay = {
  readonly state: () => { readonly oldest: number | undefined }
  readonly deadLetters: DeadLetters
  readonly flush: () => Promise<void>
  readonly stop: (options?: { readonly timeout?: number }) => Promise<void>
}

export type RelayPlace = Pick<Place, 'publish' | 'transaction' | 'left'> & {
  readonly relay: (
    deliver: (messages: readonly OutboxMessage[]) => Promise<void>,
    limits?: { readonly batch?: number; readonly backoff?: readonly [number, number] },
  ) => Promise<AnyRelay>
}

const counted = (from: number, count: number) =>
  Array.from({ length: count }, (_, at) => ({
    type: 'counted',
    key: `key-${(from + at) % 10}`,
    data: Math.floor((from + at) / 10),
  }))

/** What a relay must do, by whichever way the messages come to it. */
export const relayCases: Readonly<Record<string, (place: RelayPlace) => Promise<void>>> = {
  'what commits is delivered once, whole and in order of commit; what rolls back never is': async (place) => {
    const { got, deliver } = collector()
    const relay = await place.relay(deliver)
    await place.publish(
      {
        ...{ type: 'order.placed', key: 'a', data: { total: 1 }, id: '1' },
        ...{ correlationId: 'c', causationId: 'why', traceparent: '00-a-b-01' },
      },
      { type: 'mail', key: 'b', data: 'zwei – 둘', id: '2', destination: 'queue', delay: 500, schemaVersion: 3 },
    )
    for (let i = 3; i < 60; i++) {
      const one = { type: 'order.placed', key: `key-${i % 7}`, data: i, id: String(i) }
      if (i % 3 > 0) await place.publish(one)
      else {
        const refused = place.transaction(async (client) => {
          await publish(client, one)
          throw new Error('no')
        })
        await assert.rejects(refused, /no/)
      }
    }
    await relay.flush()
    const [first, second] = got
    const { time: _, ...rest } = first!
    assert.deepEqual(rest, {
      ...{ id: '1', source: 'test', type: 'order.placed', key: 'a', schemaVersion: 1, correlationId: 'c', causationId: 'why' },
      ...{ traceparent: '00-a-b-01', data: '{"total":1}', destination: 'topic' },
    })
    assert.deepEqual(
      [second!.destination, second!.delay, second!.data, second!.schemaVersion, second!.correlationId],
      ['queue', 500, '"zwei – 둘"', 3, '2'],
    )
    assert.deepEqual(
      got.map(({ id }) => Number(id)),
      [1, 2, ...Array.from({ length: 57 }, (_, i) => i + 3).filter((i) => i % 3 > 0)],
    )
    await relay.stop()
    assert.equal(await place.left(), 0)
  },

  'a broker that takes no more than a few at a time, and now and then none, gets them all in order': async (place) => {
    const { got, deliver } = collector()
    let calls = 0
    const relay = await place.relay(
      async (messages) => {
        calls++
        if (messages.length > 3 || calls % 4 === 0) throw new Error('too many')
        await deliver(messages)
      },
      { batch: 50, backoff: [1, 2] },
    )
    for (let from = 0; from < 100; from += 20) await place.publish(...counted(from, 20))
    await relay.flush()
    assertWhole(got, 100)
    assert.equal(got.length, 100)
  },

  'one that is refused for good is a dead letter that holds its key alone, for whichever relay comes next': async (place) => {
    const { got, deliver } = collector()
    let refused = '13'
    const choosy = async (messages: readonly OutboxMessage[]): Promise<void> => {
      if (messages.some(({ id }) => id === refused)) throw new NonRetryableError('no')
      await deliver(messages)
    }
    const numbered = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, at) => ({
        ...{ type: 'counted', key: `key-${(from + at) % 10}`, data: from + at, id: String(from + at) },
      }))
    const ids = (key: number): readonly number[] => got.filter((one) => one.key === `key-${key}`).map(({ id }) => Number(id))
    const first = await place.relay(choosy)
    for (let from = 0; from < 200; from += 20) await place.publish(...numbered(from, from + 20))
    await first.flush()
    assert.deepEqual([got.length, ids(3)], [181, [3]])
    await first.stop()
    assert.equal(await place.left(), 0)

    const second = await place.relay(choosy)
    await place.publish(...numbered(200, 210))
    await second.flush()
    assert.deepEqual([got.length, ids(3)], [190, [3]])
    const [letter, ...more] = await second.deadLetters.list()
    assert.deepEqual([more.length, letter!.kind, letter!.message.id, letter!.held], [0, 'outbox', '13', 19])
    refused = ''
    assert.equal(await second.deadLetters.retry(), 1)
    while (got.length < 210) await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual(
      ids(3),
      Array.from({ length: 21 }, (_, n) => n * 10 + 3),
    )

    refused = '213'
    await place.publish(...numbered(210, 240))
    await second.flush()
    assert.equal(await second.deadLetters.discard({}, 'nobody wants it'), 1)
    while (got.length < 239) await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual(ids(3).slice(21), [223, 233])
    await second.stop()
    assert.equal(await place.left(), 0)
  },

  'a relay stopped while the broker is down leaves what it has to the next one': async (place) => {
    const first = await place.relay(() => Promise.reject(new Error('down')), { backoff: [1, 5] })
    await place.publish(...counted(0, 30))
    while (first.state().oldest === undefined) await new Promise((resolve) => setImmediate(resolve))
    const flushed = assert.rejects(first.flush(), { code: 'UNAVAILABLE' })
    await first.stop({ timeout: 1 })
    await flushed
    const { got, deliver } = collector()
    await (await place.relay(deliver)).flush()
    assertWhole(got, 30)
  },
}
