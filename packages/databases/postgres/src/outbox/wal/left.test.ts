import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Outbox, OutboxMessage } from 'dure/data'
import { silentLogger } from 'dure/telemetry'
import { collector } from '../../collector.test-support.ts'
import { uniqueName } from '../../names.ts'
import type { PostgresOptions } from '../../postgres.ts'
import { testServer } from '../../server.test-support.ts'
import { makeRig, runtime } from '../../store.test-support.ts'
import { LOGICAL } from './wal.test-support.ts'

const server = await testServer({ settings: LOGICAL })

const message = (n: number): OutboxMessage => ({
  ...{ id: `m-${n}`, source: 'orders', type: 'order.placed', key: 'key-0', time: n, schemaVersion: 1, correlationId: 'c' },
  ...{ causationId: undefined, traceparent: undefined, data: String(n), destination: 'topic' as const },
})

test(
  'what one shape of the outbox has left is delivered before the other begins, and no slot stays',
  { timeout: 120_000 },
  async (t) => {
    const rig = await makeRig(t, server.url())
    const { got, deliver, broker } = collector()
    let n = 0
    /** A service's run: something is published before the broker is there, and more while it is not. */
    const run = async (outbox: NonNullable<PostgresOptions['outbox']>): Promise<void> => {
      const store = await rig.open({ outbox })
      broker.down = false
      let opened: Outbox
      try {
        opened = await store.outbox!({ store, runtime, log: silentLogger(), deliver })
      } finally {
        broker.down = true
      }
      for (let i = 0; i < 3; i++) {
        const own = message(n++)
        await store.transaction(async (tx) => opened.append(tx, [own]))
      }
      await opened.stop({ timeout: 0 })
      await store.stop()
    }
    const slots = async (): Promise<readonly unknown[]> =>
      (await rig.ask('SELECT slot_name FROM pg_replication_slots WHERE database = current_database()')).map(
        ({ slot_name }) => slot_name,
      )
    const alone = { by: 'wal', table: false } as const

    await run('polling')
    await run(alone)
    assert.equal(got.length, 3)
    const messages = uniqueName('slot', 'dure', 'messages', rig.database, 'orders')
    assert.deepEqual(await slots(), [messages])
    await run('wal')
    assert.equal(got.length, 6)
    // The new one is made once the table has been delivered: that may have happened by now.
    assert.ok(!(await slots()).includes(messages))
    await run(alone)
    assert.equal(got.length, 9)
    await run('polling')
    assert.equal(got.length, 12)
    assert.deepEqual(await slots(), [])
    assert.deepEqual(
      got.map(({ data }) => Number(data)),
      Array.from({ length: 12 }, (_, at) => at),
    )
  },
)

test('what was left and cannot be delivered is not left behind: the start fails and says so', { timeout: 120_000 }, async (t) => {
  const rig = await makeRig(t, server.url())
  const { got, deliver, broker } = collector()
  const store = await rig.open({ outbox: 'polling' })
  const open = async (): Promise<Outbox> => store.outbox!({ store, runtime, log: silentLogger(), deliver })
  const first = await open()
  broker.down = true
  await store.transaction(async (tx) => first.append(tx, [message(1)]))
  await first.stop({ timeout: 0 })
  await store.stop()
  const next = await rig.open({ outbox: { by: 'wal', table: false, limits: { drain: 200 } } })
  const begun = next.outbox!({ store: next, runtime, log: silentLogger(), deliver })
  await assert.rejects(begun, {
    code: 'FAILED_PRECONDITION',
    message:
      /"orders" failed: messages of an earlier run wait in its table .* 200 ms\. To do: see whether the broker is reachable/,
  })
  assert.deepEqual(got, [])
  await next.stop()
})
