import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { event } from '../contract/contract.ts'
import { virtualRuntime } from '../runtime/runtime.ts'
import { silentLogger } from '../telemetry/telemetry.ts'
import { bindDatabase, bindTransaction, type BindOptions } from './bind.ts'
import type { Database, Outbox, SqlStore, Transaction } from './database.ts'
import { createOutbox } from './outbox.ts'
import type { OutboxMessage } from './outbox-row.ts'
import { inWorld, orderIds } from './world.conformance.ts'

type Tables = { orders: { id: string; total: number } }

const Placed = event('order.placed', {
  version: 2,
  schema: z.object({ orderId: z.string(), at: z.date(), lines: z.int().default(1), note: z.string().optional() }),
  key: (e) => e.orderId,
})
const Mail = event('mail', { schema: z.object({ to: z.string().trim(), text: z.string() }), key: (e) => e.to })
const origin = { service: 'orders', correlationId: 'request-1', causationId: 'call-1', traceparent: '00-1-2-01' }

type Bound = {
  readonly database: Database<Tables>
  readonly store: SqlStore
  readonly outbox: Outbox
  readonly options: BindOptions
  readonly got: OutboxMessage[]
}

const check = (what: string, run: (bound: Bound) => Promise<void>): void =>
  void test(what, () =>
    inWorld(new URL('./sqlite/sqlite.test-support.ts', import.meta.url), async ({ open }) => {
      const store = await open()
      const runtime = virtualRuntime()
      const got: OutboxMessage[] = []
      const outbox = await createOutbox({
        store,
        runtime,
        log: silentLogger(),
        deliver: async (batch) => void got.push(...batch),
      })
      const options = { outbox, origin, runtime }
      await run({ database: bindDatabase<Tables>({ ...options, store }), store, outbox, options, got })
      await outbox.stop()
    }),
  )

check('rows and messages of a transaction go together, and say where they come from', async ({ database, outbox, got }) => {
  const answer = await database.transaction(async (tx) => {
    await tx.insertInto('orders').values({ id: 'a', total: 1 }).execute()
    await tx.publish(Placed, { orderId: 'a', at: new Date(0) })
    await tx.send(Mail, { to: ' b@example.org ', text: 'hello' }, { delay: 60_000 })
    await tx.send(Mail, { to: 'c@example.org', text: 'hello' })
    return tx.selectFrom('orders').selectAll().execute()
  })
  assert.deepEqual(answer, [{ id: 'a', total: 1 }])
  await outbox.flush()
  const [placed, later, now] = got
  const common = {
    source: 'orders',
    time: 1_700_000_000_000,
    correlationId: 'request-1',
    causationId: 'call-1',
    traceparent: '00-1-2-01',
  }
  // Parsed: the default is filled in, what is not there stays away, and a date is text.
  assert.deepEqual(placed, {
    ...common,
    id: placed!.id,
    type: 'order.placed',
    key: 'a',
    schemaVersion: 2,
    data: '{"orderId":"a","at":"1970-01-01T00:00:00.000Z","lines":1}',
    destination: 'topic',
  })
  assert.match(placed!.id, /^[0-9a-f]{8}-[0-9a-f]{4}-7/)
  assert.deepEqual([later!.type, later!.key, later!.destination, later!.delay], ['mail', 'b@example.org', 'queue', 60_000])
  assert.deepEqual([now!.destination, 'delay' in now!], ['queue', false])
})

check('what is said beside the data goes along, as it was said then', async ({ database, outbox, got }) => {
  const Shared = event('order.archived', { schema: z.object({ id: z.string() }), key: ({ id }) => id, topic: 'orders' })
  const headers = { by: 'ada' }
  await database.transaction(async (tx) => {
    await tx.publish(Shared, { id: 'a' }, { headers, replyTo: 'answers', sequence: 3 })
    headers.by = 'eve'
    await tx.send(Mail, { to: 'a', text: '' }, { headers, delay: 1 })
    await assert.rejects(
      tx.publish(Shared, { id: 'a' }, { headers: { a: '한'.repeat(2_000), b: '한'.repeat(2_000) } }),
      /its headers are 12002 bytes/,
    )
  })
  await outbox.flush()
  assert.deepEqual(
    got.map(({ topic, headers: said, replyTo, sequence, delay }) => [topic, said, replyTo, sequence, delay]),
    [
      ['orders', { by: 'ada' }, 'answers', 3, undefined],
      [undefined, { by: 'eve' }, undefined, undefined, 1],
    ],
  )
})

check('a transaction that fails publishes nothing', async ({ database, store, outbox, got }) => {
  const failing = database.transaction(async (tx) => {
    await tx.publish(Placed, { orderId: 'a', at: new Date(0) })
    await tx.insertInto('orders').values({ id: 'a', total: 1 }).execute()
    throw new Error('no')
  })
  await assert.rejects(failing, /^Error: no$/)
  await outbox.flush()
  assert.deepEqual([got, await orderIds(store)], [[], []])
})

check(
  'data that does not match its schema is refused with the reason, and the transaction may go on',
  async ({ database, store, outbox, got }) => {
    await database.transaction(async (tx) => {
      const wrong = { orderId: 7, at: new Date(0) } as unknown as { orderId: string; at: Date }
      await assert.rejects(tx.publish(Placed, wrong), (error: Error & { code?: string; details?: { issues?: unknown[] } }) => {
        assert.equal(error.code, 'INVALID_ARGUMENT')
        assert.match(error.message, /^Publishing "order\.placed" failed: its data does not match its schema at "orderId"/)
        assert.equal(error.details?.issues?.length, 1)
        return true
      })
      await tx.insertInto('orders').values({ id: 'a', total: 1 }).execute()
    })
    await outbox.flush()
    assert.deepEqual([got.length, await orderIds(store)], [0, ['a']])
  },
)

check('data that is too large is refused, counted in bytes', async ({ store, options, outbox, got }) => {
  const database = bindDatabase<Tables>({ ...options, store, messageSize: 100 })
  await database.transaction(async (tx) => {
    // 20 characters around the text; a Korean syllable is three bytes.
    await tx.send(Mail, { to: 'a', text: 'x'.repeat(80) })
    await assert.rejects(tx.send(Mail, { to: 'a', text: 'x'.repeat(81) }), {
      code: 'INVALID_ARGUMENT',
      message: /is 101 bytes, and a message may have 100/,
    })
    await assert.rejects(tx.send(Mail, { to: 'a', text: '한'.repeat(30) }), { code: 'INVALID_ARGUMENT' })
  })
  await outbox.flush()
  assert.equal(got.length, 1)
})

check(
  'a key that no broker takes is refused, so that nothing waits behind it for ever',
  async ({ store, options, outbox, got }) => {
    const database = bindDatabase<Tables>({ ...options, store })
    await database.transaction(async (tx) => {
      for (const orderId of ['k'.repeat(1025), '\ud800', 'a\0b']) {
        await assert.rejects(tx.publish(Placed, { orderId, at: new Date(0) }), {
          code: 'INVALID_ARGUMENT',
          message: /^Publishing "order\.placed" failed: its key/,
        })
      }
      await tx.publish(Placed, { orderId: 'fine', at: new Date(0) })
    })
    await outbox.flush()
    assert.deepEqual(
      got.map(({ key }) => key),
      ['fine'],
    )
  },
)

check('publishing joins a transaction that somebody else began', async ({ store, options, outbox, got }) => {
  let leaked: Transaction<Tables> | undefined
  await store.transaction(async (began) => {
    const tx = bindTransaction<Tables>(began, { ...options, origin: { ...origin, correlationId: 'another' } })
    leaked = tx
    await began.run("INSERT INTO orders (id, total) VALUES ('a', 1)")
    assert.deepEqual(await tx.selectFrom('orders').select('id').execute(), [{ id: 'a' }])
    await tx.publish(Placed, { orderId: 'a', at: new Date(0) })
  })
  await assert.rejects(leaked!.publish(Placed, { orderId: 'b', at: new Date(0) }), /the transaction is over/)
  await outbox.flush()
  assert.deepEqual(
    got.map(({ key, correlationId }) => [key, correlationId]),
    [['a', 'another']],
  )
})

check('reads and snapshots are the store’s, and its functions may be taken apart', async ({ database }) => {
  const { read, snapshot, transaction } = database
  await transaction((tx) => tx.insertInto('orders').values({ id: 'a', total: 1 }).execute())
  const query = (db: typeof read) => db.selectFrom('orders').select('id').execute()
  assert.deepEqual([await query(read), await snapshot(query)], [[{ id: 'a' }], [{ id: 'a' }]])
})
