import assert from 'node:assert/strict'
import type { OutboxMessage } from 'dure/data'
import { collector } from '../../collector.test-support.ts'
import { assertWhole } from '../../load.test-support.ts'
import { publish } from '../../place.test-support.ts'
import { eventually, flood, onServers, rung, trickle } from './wal.test-support.ts'
import { lsnOf } from './lsn.ts'

const check = await onServers([18, 15])

check(
  'what is beyond its bound is let go before the disk is full, delivered from the table, and then from the log again',
  async (place) => {
    const { got, deliver, broker } = collector()
    broker.down = true
    const limits = { lag: 1024 * 1024, hold: 3 * 1024 * 1024, drain: 1_000 }
    const relay = place.relay(deliver, { limits })
    await relay.use('wal')
    await place.publish({ type: 'counted', key: 'key-0', data: 0 })
    while (relay.state().rung['let-go'] === 0) await trickle(place, relay)
    assert.equal(relay.state().rung.lag, 1)
    assert.ok(rung(place, /^warn .* of the log wait for the relay .*To do: see why it does not keep up/))
    assert.ok(rung(place, /^warn The relay "outbox" let go of the replication slot/))
    await eventually(async () => (await place.slots()).length === 0)
    await place.publish({ type: 'counted', key: 'key-0', data: 1 })
    broker.down = false
    await relay.use('wal')
    await place.publish({ type: 'counted', key: 'key-0', data: 2 })
    await relay.flush()
    assertWhole(got, 3)
    assert.equal(relay.state().rung.lost, 0)
  },
)

check(
  'the broker is down: the log grows, the alarm rings and says what to do; then all is delivered and it is over',
  async (place) => {
    const { got, deliver, broker } = collector()
    broker.down = true
    const relay = place.relay(deliver, { limits: { lag: 1024 * 1024 } })
    await relay.use('wal')
    for (let i = 0; i < 2_500; i += 50) {
      await place.publish(...Array.from({ length: 50 }, (_, at) => ({ type: 'counted', key: 'key-0', data: i + at })))
    }
    while (relay.state().rung.lag === 0) await trickle(place, relay)
    const { alarm, slot, oldest } = relay.state()
    assert.equal(alarm!.kind, 'lag')
    assert.match(
      alarm!.text,
      /MiB of the log wait for the relay "outbox", and the server keeps .*To do: see why it does not keep up \(is the broker reachable\?\)/,
    )
    assert.ok(slot!.behind > 1024 * 1024 && slot!.status !== 'lost')
    await eventually(() => relay.state().depth === 2_500)
    assert.equal(typeof oldest, 'number')
    broker.down = false
    await relay.flush()
    await eventually(() => relay.state().alarm === undefined)
    assert.ok(rung(place, /^info The alarm about the replication slot is over/))
    assertWhole(got, 2_500)
    assert.equal(relay.state().rung.lag, 1)
    assert.equal(relay.state().oldest, undefined)
  },
)

check('an idle outbox on a busy server: the slot goes with the log, and nothing is written for that', async (place) => {
  const relay = place.relay(async () => {})
  await relay.use('wal')
  await place.publish({ type: 'counted', key: 'key-0', data: 0 })
  await relay.flush()
  for (let rounds = 0; rounds < 3; rounds++) {
    await flood(place, 2)
    const { rows } = await place.pool.query<{ lsn: string }>('SELECT pg_current_wal_flush_lsn() AS lsn')
    await eventually(async () => lsnOf((await place.slots())[0]!.confirmed) >= lsnOf(rows[0]!.lsn))
  }
  await eventually(() => (relay.state().slot?.behind ?? Infinity) < 64 * 1024)
  assert.equal(relay.state().alarm, undefined)
})

check(
  'a transaction of 100,000 messages is delivered in batches, and never held in memory as a whole',
  async (place) => {
    const batches: number[] = []
    let next = 0
    const gate = Promise.withResolvers<void>()
    const relay = place.relay(async (messages: readonly OutboxMessage[]) => {
      await gate.promise
      batches.push(messages.length)
      for (const { data } of messages) {
        // Where the machine stood still for longer than a lease, some come twice; none is left out.
        assert.ok(Number(data) <= next, `${data} came before ${next}`)
        if (Number(data) === next) next++
      }
    })
    await relay.use('wal')
    await place.transaction(async (client) => {
      const messages = Array.from({ length: 10_000 }, (_, i) => i)
      for (let from = 0; from < 100_000; from += 10_000)
        await publish(client, ...messages.map((i) => ({ type: 'counted', key: 'key', data: from + i })))
    })
    // Held back: what the server has to say waits there, not here.
    await place.until(
      `SELECT wait_event = 'WalSenderWriteData' FROM pg_stat_activity JOIN pg_replication_slots ON active_pid = pid WHERE pg_replication_slots.database = current_database()`,
    )
    gate.resolve()
    await relay.flush()
    assert.equal(next, 100_000)
    assert.ok(Math.max(...batches) <= 512, `batches of ${Math.max(...batches)}`)
    await eventually(async () => (await place.left()) === 0)
  },
  [18],
)

check(
  'from where it was confirmed: after a stop nothing comes again, and of a batch cut off no more than that batch',
  async (place) => {
    const { got, deliver } = collector()
    let cut = false
    const first = place.relay(
      async (messages) => {
        await deliver(messages)
        if (cut) await new Promise(() => {})
      },
      { limits: { batch: 20 } },
    )
    await first.use('wal')
    const some = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, at) => ({ type: 'counted', key: 'key-0', data: from + at }))
    await place.publish(...some(0, 100))
    await first.flush()
    cut = true
    await place.publish(...some(100, 200))
    await eventually(() => got.length > 100)
    const twice = got.length - 100
    assert.ok(twice <= 20)
    await first.stop({ timeout: 100 })
    const second = place.relay(deliver)
    await second.flush()
    assertWhole(got, 200)
    assert.equal(got.length, 200 + twice)
    await second.stop()
    const third = place.relay(deliver)
    await third.use('wal')
    await third.flush()
    assert.equal(got.length, 200 + twice)
  },
)

check('the log tells of a commit before it can be seen: it is delivered, and removed when it can', async (place) => {
  const { got, deliver, until } = collector()
  const relay = place.relay(deliver)
  await relay.use('wal')
  // Commits wait for a standby that there is not: they are in the log, and nobody sees them.
  const settle = async (setting: string): Promise<void> => {
    await place.pool.query(`ALTER SYSTEM SET synchronous_standby_names = '${setting}'`)
    await place.pool.query('SELECT pg_reload_conf()')
    await place.until(`SELECT current_setting('synchronous_standby_names') = $1`, [setting])
  }
  await settle('nobody')
  const published = place.publish({ type: 'counted', key: 'key-0', data: 0 })
  await until((all) => all.length === 1)
  assert.equal(await place.left(), 0, 'not to be seen')
  const [slot] = await place.slots()
  const { rows } = await place.pool.query<{ lsn: string }>('SELECT pg_current_wal_flush_lsn() AS lsn')
  assert.ok(lsnOf(slot!.confirmed) < lsnOf(rows[0]!.lsn), 'not confirmed')
  await settle('')
  await published
  await relay.flush()
  await eventually(async () => (await place.left()) === 0)
  await eventually(async () => lsnOf((await place.slots())[0]!.confirmed) >= lsnOf(rows[0]!.lsn))
  assert.equal(got.length, 1)
})

check('rows that the log does not tell of are found in the table, and delivered', async (place) => {
  const { got, deliver, until } = collector()
  const relay = place.relay(deliver, { limits: { rescan: 100 } })
  await relay.use('wal')
  await place.pool.query(`ALTER PUBLICATION dure_outbox_public SET (publish = 'update')`)
  await place.publish({ type: 'counted', key: 'key-0', data: 0 })
  await place.pool.query(`ALTER PUBLICATION dure_outbox_public SET (publish = 'insert')`)
  await until((all) => all.length === 1)
  await place.publish({ type: 'counted', key: 'key-0', data: 1 })
  await relay.flush()
  assertWhole(got, 2)
  assert.equal(got.length, 2)
  assert.ok(rung(place, /^warn The table of the outbox had rows that the log did not tell of/))
  await eventually(async () => (await place.left()) === 0)
})
