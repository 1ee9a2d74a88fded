import assert from 'node:assert/strict'
import { collector } from '../../collector.test-support.ts'
import { flood } from './wal.test-support.ts'
import { eventually, onServers, rung } from './wal.test-support.ts'

const check = await onServers([18, 15], { max_slot_wal_keep_size: '2MB', max_wal_size: '2MB', min_wal_size: '2MB' })

check(
  'who asks for one way and then for the other is told that the first is not wanted any more',
  async (place) => {
    const { deliver } = collector()
    const relay = place.relay(deliver)
    await relay.ready
    const [first, second] = [relay.use('wal'), relay.use('polling')]
    const overtaken = { code: 'ABORTED', message: /going over to the log .* "polling" was asked for meanwhile/i }
    await Promise.all([assert.rejects(first, overtaken), second])
    assert.equal(relay.state().by, 'polling')
    await assert.rejects(Promise.all([relay.use('wal'), relay.stop({ timeout: 0 })]), { code: 'UNAVAILABLE' })
    await assert.rejects(relay.use('polling'), { code: 'UNAVAILABLE' })
  },
  [18],
)

check('without the table: a slot that is lost while nobody reads is told to whoever waits for the start', async (place) => {
  const options = { service: 'orders', acceptLoss: true }
  const first = place.relay(collector().deliver, options)
  await first.ready
  await first.stop()
  for (let rounds = 0; (await place.slots())[0]?.status !== 'lost' && rounds < 20; rounds++) await flood(place, 4)
  const second = place.relay(collector().deliver, options)
  await assert.rejects(second.ready, {
    code: 'DATA_LOSS',
    message: /is lost, and with it what the relay "outbox" had not delivered/,
  })
})

const ALTERED = [
  'ALTER PUBLICATION dure_outbox_public DROP TABLE dure_outbox',
  `ALTER PUBLICATION dure_outbox_public SET (publish = 'update')`,
  'ALTER PUBLICATION dure_outbox_public SET TABLE dure_outbox (position, data)',
  `ALTER PUBLICATION dure_outbox_public SET TABLE dure_outbox WHERE (key = 'key-0')`,
]

check('a publication that was altered so that it tells less: the table is delivered until it is whole again', async (place) => {
  const { got, deliver } = collector()
  const relay = place.relay(deliver)
  // Going over may bring some a second time.
  const firsts = (): readonly number[] => [...new Set(got.map(({ data }) => Number(data)))]
  let n = 0
  const publish = (): Promise<void> => place.publish({ type: 'counted', key: 'key-1', data: n++ })
  for (const altered of ALTERED) {
    await relay.use('wal')
    await place.pool.query(altered)
    await publish()
    await publish()
    await eventually(() => firsts().length === n)
    assert.ok(
      rung(place, /the publication "dure_outbox_public" does not tell all .* To do: DROP PUBLICATION "dure_outbox_public"/),
    )
    await place.pool.query('DROP PUBLICATION dure_outbox_public')
    await relay.use('wal')
    await publish()
    await relay.flush()
  }
  assert.deepEqual(
    firsts(),
    Array.from({ length: n }, (_, at) => at),
  )
})
