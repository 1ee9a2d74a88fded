import assert from 'node:assert/strict'
import { collector } from '../../collector.test-support.ts'
import { assertWhole } from '../../load.test-support.ts'
import { eventually, onServers } from './wal.test-support.ts'
import { VERSIONS } from '../../server.test-support.ts'

const check = await onServers(VERSIONS)

check(
  'who asks for one way and then for the other is told that the first is not wanted any more',
  async (place) => {
    const { deliver } = collector()
    const relay = place.relay(deliver)
    await relay.ready
    const [first, second] = [relay.use('wal'), relay.use('polling')]
    const overtaken = { code: 'ABORTED', message: /to the log failed: "polling" was asked for meanwhile/ }
    await Promise.all([assert.rejects(first, overtaken), second])
    assert.equal(relay.state().by, 'polling')
    await assert.rejects(Promise.all([relay.use('wal'), relay.stop({ timeout: 0 })]), { code: 'UNAVAILABLE' })
    await assert.rejects(relay.use('polling'), { code: 'UNAVAILABLE' })
  },
  [18],
)

check('the broker is down: a switch does not happen and says so, publishers go on, and later it does', async (place) => {
  const { got, deliver, broker } = collector()
  const relay = place.relay(deliver, { mode: 'polling', limits: { drain: 300 } })
  await relay.ready
  let n = 0
  const publish = () => place.publish({ type: 'counted', key: 'key-0', data: n++ })
  for (const [from, to, where] of [
    ['polling', 'wal', 'its table'],
    ['wal', 'polling', 'the log'],
  ] as const) {
    broker.down = true
    await publish()
    await assert.rejects(relay.use(to), {
      code: 'UNAVAILABLE',
      message: new RegExp(`failed: what waits in ${where} was not delivered within 300 ms\\. To do: see whether the broker`),
    })
    await publish()
    broker.down = false
    await relay.flush()
    await eventually(() => relay.state().by === from)
    await relay.use(to)
    assert.equal(relay.state().by, to)
  }
  await publish()
  await relay.flush()
  assertWhole(got, n)
  assert.deepEqual(await place.slots(), [])
})

check(
  'a slot that times out while nobody reads is refused as well',
  async (place) => {
    await place.pool.query(`ALTER SYSTEM SET idle_replication_slot_timeout = '1d'`)
    await place.pool.query('SELECT pg_reload_conf()')
    await place.until(`SELECT current_setting('idle_replication_slot_timeout') = '1d'`)
    try {
      const relay = place.relay(collector().deliver, { acceptLoss: false })
      await assert.rejects(relay.ready, /idle_replication_slot_timeout is set: beyond 86400 seconds without a reader/)
    } finally {
      await place.pool.query('ALTER SYSTEM RESET ALL')
      await place.pool.query('SELECT pg_reload_conf()')
      await place.until(`SELECT current_setting('idle_replication_slot_timeout') = '0'`)
    }
  },
  [18],
)
