import assert from 'node:assert/strict'
import type { OutboxMessage } from 'dure/data'
import { collector } from '../../collector.test-support.ts'
import { assertWhole } from '../../load.test-support.ts'
import { publish } from '../../place.test-support.ts'
import { eventually, flood, onServers, rung, trickle } from './wal.test-support.ts'
import { lsnOf } from './lsn.ts'
import { VERSIONS } from '../../server.test-support.ts'

const check = await onServers(VERSIONS)

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
    await eventually(() => relay.state().depth >= 2_000)
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
