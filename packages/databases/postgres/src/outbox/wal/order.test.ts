import assert from 'node:assert/strict'
import { realRuntime } from 'dure/runtime'
import type { OutboxMessage } from 'dure/data'
import { rowOf } from '../outbox.ts'
import { collector } from '../../collector.test-support.ts'
import { assertWhole, publishing } from '../../load.test-support.ts'
import { publish } from '../../place.test-support.ts'
import { eventually, onServers, type Place } from './wal.test-support.ts'
import { openReplication } from './replication.ts'
import { makePublication } from './slots.ts'

const check = await onServers([18, 15])

/** What the log says of the outbox, beside whatever relay is at work. */
async function tapped(place: Place): Promise<{ readonly got: OutboxMessage[]; readonly end: () => Promise<void> }> {
  const query = async (text: string, values: readonly unknown[] = []) =>
    (await place.pool.query({ text, values: [...values], rowMode: 'array' })).rows as (string | null)[][]
  await makePublication(query, 'tap', true)
  const slot = `tap_${new URL(place.url).pathname.slice(1)}`
  await query(`SELECT pg_create_logical_replication_slot($1, 'pgoutput')`, [slot])
  const got: OutboxMessage[] = []
  const { end } = await openReplication({
    ...{ connection: { connectionString: place.url }, name: 'tap', slot, publication: 'tap', messages: false },
    ...{ runtime: realRuntime(), interval: 1_000, patience: 60_000 },
    reader: {
      begin: () => {},
      row: (raw) => void got.push(rowOf(raw).message),
      message: () => {},
      commit: () => {},
      position: () => {},
    },
  })
  return {
    got,
    end: async () => {
      await end()
      await place.until('SELECT NOT active FROM pg_replication_slots WHERE slot_name = $1', [slot])
      await query('SELECT pg_drop_replication_slot($1)', [slot])
    },
  }
}

check('polling and log publish each key in the very same order, whoever publishes it at once with others', async (place) => {
  const { got, deliver } = collector()
  const log = await tapped(place)
  const relay = place.polling(deliver)
  const keys = ['a', 'b', 'c', 'd']
  // Transactions of several messages with keys in any order, eight at a time, and some that think again.
  const publisher = async (who: number): Promise<void> => {
    for (let i = 0; i < 40; i++) {
      const messages = [0, 1, 2].map((at) => ({ type: 'met', key: keys[(who * 7 + i * 3 + at * at) % 4]!, data: [who, i, at] }))
      const work = place.transaction(async (client) => {
        await publish(client, ...messages)
        if ((who + i) % 5 === 0) throw new Error('no')
      })
      await work.catch((error: Error) => assert.equal(error.message, 'no'))
    }
  }
  await Promise.all(Array.from({ length: 8 }, (_, who) => publisher(who)))
  await relay.flush()
  assert.equal(got.length, 8 * 32 * 3)
  await eventually(() => log.got.length >= got.length)
  await log.end()
  const ids = (messages: readonly OutboxMessage[]) =>
    [...Map.groupBy(messages, ({ key }) => key)].toSorted().map(([key, all]) => [key, ...all.map(({ id }) => id)])
  assert.deepEqual(ids(log.got), ids(got))
})

check(
  'switched to and fro under load, by word: nothing lost, each key in order, and no more than a few come twice',
  async (place) => {
    const { got, deliver, until } = collector()
    const relay = place.relay(deliver, { way: 'polling' })
    await relay.ready
    assert.equal(relay.state().by, 'polling')
    const stop = publishing(place)
    for (const way of ['wal', 'polling', 'wal', 'polling', 'wal'] as const) {
      await relay.use(way)
      assert.equal(relay.state().by, way)
      const before = got.length
      await until(() => got.length > before + 200)
      if (way === 'polling') await eventually(async () => (await place.slots()).length === 0)
      else assert.equal((await place.slots()).length, 1)
    }
    const total = await stop()
    await relay.flush()
    assertWhole(got, total)
    await relay.stop()
    assert.equal(await place.left(), 0)
  },
)

check('switched to and fro under load, by starting with the other option: nothing lost, each key in order', async (place) => {
  const { got, deliver, until } = collector()
  const stop = publishing(place)
  for (const way of ['wal', 'polling', 'wal', 'polling', 'wal'] as const) {
    const relay = place.relay(deliver, { way })
    const before = got.length
    await until(() => got.length > before + 200)
    await eventually(() => relay.state().by === way)
    // Half of them leave with messages in hand.
    await relay.stop({ timeout: way === 'wal' ? 0 : 1_000 })
  }
  const total = await stop()
  const last = place.relay(deliver)
  await last.flush()
  assertWhole(got, total)
})

check('polling relays elsewhere leave all lanes to the log, and take them when it is gone', async (place) => {
  const { got, deliver } = collector()
  const other = collector()
  const elsewhere = place.polling(other.deliver)
  const stop = publishing(place)
  await other.until((all) => all.length > 50)
  const relay = place.relay(deliver)
  await relay.use('wal')
  await eventually(() => elsewhere.state().lanes === 0)
  await eventually(() => got.length > 200)
  await relay.stop()
  const before = other.got.length
  await other.until((all) => all.length > before + 100)
  const total = await stop()
  await elsewhere.flush()
  const seen = new Set([...got, ...other.got].map(({ id }) => id))
  assert.equal(seen.size, total)
})
