import assert from 'node:assert/strict'
import type { OutboxMessage } from 'dure/data'
import { NonRetryableError } from 'dure/messaging'
import { collector } from '../../collector.test-support.ts'
import { listening, onServers } from '../outbox.test-support.ts'

const check = await onServers()

const limits = { lease: 400, poll: 20, backoff: [1, 5] } as const
const until = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await condition())) await new Promise((resolve) => setImmediate(resolve))
}

check(
  'relays come and go: later messages of a refused key wait behind it, whoever meets them; retried by any, in order',
  async (place) => {
    const { got, deliver } = collector()
    let refusing = true
    const choosy = async (messages: readonly OutboxMessage[]): Promise<void> => {
      if (refusing && messages.some(({ key, data }) => key === 'key-3' && data === '5')) throw new NonRetryableError('no')
      await deliver(messages)
    }
    const firsts = (key: string): readonly number[] => [
      ...new Set(got.filter((one) => one.key === key).map(({ data }) => Number(data))),
    ]
    const publish = async (from: number, to: number): Promise<void> => {
      for (let n = from; n < to; n++) {
        await place.publish(...Array.from({ length: 8 }, (_, key) => ({ type: 'counted', key: `key-${key}`, data: n })))
      }
    }
    const one = place.relay(choosy, { limits })
    await publish(0, 10)
    await one.flush()
    const two = place.relay(choosy, { limits })
    await until(() => one.state().lanes === 8 && two.state().lanes === 8)
    await publish(10, 20)
    await two.flush()
    await one.stop()
    await until(() => two.state().lanes === 16)
    const three = place.relay(choosy, { limits })
    await publish(20, 30)
    await until(() => three.state().lanes === 8)
    await publish(30, 40)
    await three.flush()
    const [letter, ...more] = await three.deadLetters.list()
    assert.deepEqual([more.length, letter!.message.key, letter!.held, letter!.error], [0, 'key-3', 34, 'NonRetryableError: no'])
    assert.deepEqual(firsts('key-3'), [0, 1, 2, 3, 4])

    refusing = false
    await Promise.all([three.deadLetters.retry(), publish(40, 60)])
    await until(() => firsts('key-3').length === 60)
    await publish(60, 62)
    await two.flush()
    await until(() => firsts('key-3').length === 62)
    for (const key of Array.from({ length: 8 }, (_, n) => `key-${n}`))
      assert.deepEqual(
        firsts(key),
        Array.from({ length: 62 }, (_, n) => n),
        key,
      )
  },
)

check('a role that may make no tables says so, and goes on as before', async (place) => {
  const { got, deliver } = collector()
  const log = listening()
  const user = `relay_${place.url.split('_').at(-1)}`
  await place.pool.query(
    `DROP TABLE dure_parked; CREATE ROLE ${user}; GRANT SELECT, UPDATE, DELETE ON dure_outbox TO ${user};
     GRANT SELECT, UPDATE ON dure_outbox_lanes TO ${user}; GRANT SELECT, INSERT, UPDATE, DELETE ON dure_outbox_relays TO ${user}`,
  )
  const url = new URL(place.url)
  url.searchParams.set('options', `-c role=${user}`)
  const relay = place.relay(deliver, { connection: url.href, limits, log })
  await place.publish({ type: 'counted', key: 'a', data: 1 })
  await relay.flush()
  assert.equal(got.length, 1)
  assert.deepEqual(log.warnings, [
    'The relay of the outbox can set nothing aside: its role may not make tables. To do: run deadLetterSchema',
  ])
  await relay.stop()
})
