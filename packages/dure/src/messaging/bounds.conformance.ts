import assert from 'node:assert/strict'
import type { Message } from '../contract/contract.ts'
import { MESSAGE_LIMITS } from '../contract/internal.ts'
import type { Capabilities } from './capabilities.ts'
import { USELESS_NUMBERS } from './queue.conformance.ts'
import { firsts, numberOf, until } from './numbered.conformance.ts'
import { collector, isCallError, type Register } from './rig.conformance.ts'

/** UTF-16 units of data that may be handed over at once, unless one message has more. */
const LARGEST_BATCH = 1024 * 1024

/** What a broker takes and refuses. */
export function boundsConformance(broker: Register, capabilities: Capabilities): void {
  broker('takes an empty list for nothing to do', async ({ broker: b }) => {
    await b.publish([])
  })

  broker('bounds what it takes, and takes none of a list with a bad message', async (rig) => {
    const { broker: b, topic } = rig
    const seen = collector()
    await b.subscribe({ group: 'g', topics: [topic], deliver: seen.deliver })
    const large = { ...rig.message('large', 1), data: JSON.stringify('x'.repeat(MESSAGE_LIMITS.data - 2)) }
    await b.publish([large])
    await until(() => seen.ids.has(large.id))
    const refused: readonly Message[] = [
      { ...rig.message('too large', 2), data: JSON.stringify('x'.repeat(MESSAGE_LIMITS.data)) },
      { ...rig.message('too large on the wire', 2), data: JSON.stringify('한'.repeat(MESSAGE_LIMITS.data / 3)) },
      { ...rig.message('headers', 2), headers: { large: 'x'.repeat(MESSAGE_LIMITS.headerBytes) } },
      { ...rig.message('no header', 2), headers: { number: 1 as never } },
      rig.message('k'.repeat(MESSAGE_LIMITS.key + 1), 2),
      rig.message('half a pair \ud800', 2),
      rig.message('a\0b', 2),
      { ...rig.message('no type', 2), type: '' },
      { ...rig.message('no time', 2), time: Number.NaN },
    ]
    for (const bad of refused) {
      await assert.rejects(b.publish([rig.message('good', 3), bad]), (error) => isCallError(error, 'INVALID_ARGUMENT'))
    }
    const last = rig.message('good', 4)
    await b.publish([last])
    await until(() => seen.ids.has(last.id))
    assert.deepEqual(firsts(seen.deliveries, 'good'), [4])
  })

  broker('hands over and shows large messages by their size, whatever number was asked for', async (rig) => {
    const { broker: b, topic } = rig
    await b.declareTopic(topic, { partitions: 1 })
    const size = 300 * 1024
    const sizes: number[] = []
    const numbers: number[] = []
    const sized = (n: number): Message => ({ ...rig.message('a', n), data: JSON.stringify({ n, text: 'x'.repeat(size) }) })
    await b.declareGroup({ group: 'g', topics: [topic] })
    for (let n = 0; n < 24; n += 8) await b.publish(Array.from({ length: 8 }, (_, i) => sized(n + i)))
    await b.subscribe({
      group: 'g',
      topics: [topic],
      batch: 1_000,
      deliver: async (batch) => {
        sizes.push(batch.reduce((sum, { message }) => sum + message.data.length, 0))
        numbers.push(...batch.map(({ message }) => numberOf(message)))
      },
    })
    await until(() => numbers.length === 24)
    assert.deepEqual(
      numbers,
      Array.from({ length: 24 }, (_, n) => n),
    )
    assert.ok(Math.max(...sizes) <= LARGEST_BATCH, `${Math.max(...sizes)} at once`)
    if (!capabilities.browse) return
    const [, , third] = await b.browse({ topic, partition: 0, limit: 3 })
    const shown = await b.browse({ topic, partition: 0, after: third!.position, limit: 1_000 })
    assert.equal(numberOf(shown[0]!.message), 3)
    assert.ok(shown.length * size <= LARGEST_BATCH, `${shown.length} shown at once`)
  })

  broker('takes any well-formed key', async (rig) => {
    const { broker: b, topic } = rig
    const keys = [
      '',
      ' ',
      'ä',
      '키',
      '🗝️',
      "'; DROP TABLE topics; --",
      'line\nbreak',
      'k'.repeat(MESSAGE_LIMITS.key),
      '__proto__',
    ]
    const seen = collector()
    await b.subscribe({ group: 'g', topics: [topic], deliver: seen.deliver })
    for (const n of [1, 2]) await b.publish(keys.map((key) => rig.message(key, n)))
    await until(() => seen.ids.size === keys.length * 2)
    for (const key of keys) assert.deepEqual(firsts(seen.deliveries, key), [1, 2], `key ${JSON.stringify(key.slice(0, 20))}`)
  })

  broker('refuses numbers that cannot be used', async (rig) => {
    const { broker: b, topic } = rig
    const { deliver } = collector()
    await b.declareTopic(topic)
    for (const number of USELESS_NUMBERS) {
      for (const [what, use] of [
        ['partitions', () => b.declareTopic(`${topic}.new`, { partitions: number })],
        ['bytes', () => b.declareTopic(topic, { retention: { bytes: number } })],
        ['batch', () => b.subscribe({ group: 'g', topics: [topic], deliver, batch: number })],
        ...(number === 1.5 ? [] : ([['ms', () => b.declareTopic(topic, { retention: { ms: number } })]] as const)),
        ...(capabilities.browse
          ? (['partition', 'limit'] as const).map(
              (name) => [name, () => b.browse({ topic, partition: 0, limit: 1, [name]: number })] as const,
            )
          : []),
      ] as const)
        await assert.rejects(use, (error) => isCallError(error, 'INVALID_ARGUMENT'), `${what} ${number}`)
    }
  })
}

/** How a broker and its subscriptions end. */
export function stopConformance(broker: Register, capabilities: Capabilities): void {
  broker('stops once, however often it is asked, and refuses work afterwards', async (rig) => {
    const { broker: b, topic } = rig
    const seen = collector()
    await b.subscribe({ group: 'g', topics: [topic], deliver: seen.deliver })
    const publishing = b.publish([rig.message('a', 1)])
    await Promise.all([b.stop(), b.stop(), publishing.catch(() => {})])
    await assert.rejects(b.publish([rig.message('a', 2)]), (error) => isCallError(error, 'UNAVAILABLE'))
  })

  broker('stops in the time it is given, also when what is in hand never ends', async (rig) => {
    const { broker: b, topic } = rig
    let inHand = false
    const deliver = (): Promise<never> => {
      inHand = true
      return new Promise<never>(() => {})
    }
    await b.subscribe({ group: 'g', topics: [topic], deliver })
    await b.publish([rig.message('a', 1)])
    await until(() => inHand)
    await b.stop({ timeout: 20 })
  })

  broker(
    'a subscription stops in the time it is given, also when its handler never ends, and the broker goes on',
    async (rig) => {
      const { broker: b, topic, queue } = rig
      const inHand = new Set<string>()
      const hang = (what: string): Promise<never> => {
        inHand.add(what)
        return new Promise<never>(() => {})
      }
      const subscriptions = [await b.subscribe({ group: 'g', topics: [topic], deliver: () => hang('topic') })]
      await b.publish([rig.message('a', 1)])
      if (capabilities.queues) {
        subscriptions.push(await b.receive({ queue, handle: () => hang('queue') }))
        await b.send([rig.job(1)])
      }
      await until(() => inHand.size === subscriptions.length)
      await Promise.all(subscriptions.map((one) => one.stop({ timeout: 20 })))
      const seen = collector()
      const other = await b.subscribe({ group: 'other', topics: [topic], deliver: seen.deliver })
      await b.publish([rig.message('a', 2)])
      await until(() => seen.ids.size > 0)
      await other.stop()
      await b.stop({ timeout: 20 })
    },
  )
}
