import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { virtualRuntime, type Runtime } from '../runtime/runtime.ts'
import { adapterModule, rows } from './adapter.conformance.ts'
import type { SqlRow, SqlStore } from './database.ts'
import { createInbox, INBOX_RETENTION, inboxTable, type Inbox, type InboxTransaction } from './inbox.ts'
import { sqlInbox } from './sql/sql.ts'
import { inWorld, orderIds, type World } from './world.conformance.ts'

const check = (what: string, run: (world: World) => Promise<void>): void => void test(what, () => inWorld(adapterModule, run))

const inboxOf = (store: SqlStore, runtime: Runtime = virtualRuntime(), retention = INBOX_RETENTION): Inbox =>
  createInbox({ runtime, retention, records: store.records.inbox })
const marksLeft = (store: SqlStore): Promise<number> => rows.count(store, 'dure_inbox')
const mark = (store: SqlStore, inbox: Inbox, id: string, consumer = 'stock'): Promise<boolean> =>
  store.transaction((tx) => inbox.mark(tx, consumer, id))

check('a message has its effect once for each consumer, however often it comes', async ({ open }) => {
  const store = await open()
  const inbox = inboxOf(store)
  const consume = (consumer: string, id: string): Promise<void> =>
    store.transaction(async (tx) => {
      if (await inbox.mark(tx, consumer, id)) await rows.insert(tx, 'orders', { id: `${consumer} ${id}`, total: 1 })
    })
  // At once, so that some of them share a commit.
  await Promise.all(['a', 'b', 'a', 'a', 'b'].flatMap((id) => [consume('stock', id), consume('mail', id)]))
  assert.deepEqual(await orderIds(store, rows), ['mail a', 'mail b', 'stock a', 'stock b'])
})

check('an effect that fails leaves no mark, so that the message has it the next time', async ({ open }) => {
  const store = await open()
  const inbox = inboxOf(store)
  const failing = store.transaction(async (tx) => {
    assert.equal(await inbox.mark(tx, 'stock', 'a'), true)
    throw new Error('no')
  })
  await assert.rejects(failing, /^Error: no$/)
  assert.equal(await mark(store, inbox, 'a'), true)
  assert.equal(await mark(store, inbox, 'a'), false)
})

check('marks made together are all new, or nothing is known of them', async ({ open }) => {
  const store = await open()
  const inbox = inboxOf(store)
  const marksOf = (...ids: readonly number[]) => ids.map((id) => ({ consumer: `consumer-${id % 3}`, messageId: String(id) }))
  const markAll = (...ids: readonly number[]): Promise<boolean> =>
    store.transaction(async (tx) => {
      if (await inbox.markAll(tx, marksOf(...ids))) return true
      throw new Error('some were known')
    })
  const hundred = Array.from({ length: 100 }, (_, i) => i)
  assert.equal(await markAll(...hundred), true)
  assert.equal(await marksLeft(store), 100)
  await assert.rejects(markAll(100, 101, 57, 102), /some were known/)
  await assert.rejects(markAll(100, 101, 101), /some were known/)
  assert.equal(await markAll(100, 101, 102), true)
  assert.equal(await marksLeft(store), 103)
  // The same message is another mark for another consumer.
  assert.equal(await mark(store, inbox, '100', 'consumer-2'), true)
  assert.equal(await mark(store, inbox, '100', 'consumer-1'), false)
})

check('marks are kept for their time and not for ever', async ({ open }) => {
  const store = await open()
  const runtime = virtualRuntime()
  const inbox = inboxOf(store, runtime, 1_000)
  // Ids in no order of time, as from a foreign broker, and several consumers.
  const id = (n: number): string => `${(n * 7919) % 10_007}-${n}`
  const RATE = 2_000
  let n = 0
  let most = 0
  for (let second = 0; second < 6; second++) {
    await store.transaction(async (tx) => {
      for (let i = 0; i < RATE; i++, n++) await inbox.mark(tx, `consumer-${n % 3}`, id(n))
    })
    most = Math.max(most, await marksLeft(store))
    // The youngest are all still known.
    for (let back = 1; back <= 50; back++)
      assert.equal(await mark(store, inbox, id(n - back), `consumer-${(n - back) % 3}`), false)
    await runtime.advance(1_001)
  }
  assert.ok(most < RATE * 4, `${most} marks at the most, at ${RATE} in the time of retention`)
  assert.equal(await mark(store, inbox, id(0), 'consumer-0'), true, 'the oldest is forgotten')
})

check('a clock that is set forward makes no mark old', async ({ open }) => {
  const store = await open()
  const runtime = virtualRuntime()
  const inbox = inboxOf(store, runtime, 1_000)
  const more = (): Promise<void> =>
    store.transaction(async (tx) => {
      for (let n = 0; n < 1_024; n++) await inbox.mark(tx, 'mail', runtime.ids.next())
    })
  await mark(store, inbox, 'a')
  runtime.jump(86_400_000)
  await more()
  assert.equal(await mark(store, inbox, 'a'), false)
  runtime.jump(-86_400_000)
  await more()
  assert.equal(await mark(store, inbox, 'a'), false)
  await runtime.advance(1_001)
  for (let rounds = 0; rounds < 4; rounds++) await more()
  assert.equal(await mark(store, inbox, 'a'), true)
})

test('works in the transactions of any client, on a table of its own making', async () => {
  const db = new DatabaseSync(':memory:')
  const tx: InboxTransaction = {
    all: async (sql, parameters = []) => db.prepare(sql).all(...parameters) as SqlRow[],
    run: async (sql, parameters = []) => Number(db.prepare(sql).run(...parameters).changes),
  }
  for (let twice = 0; twice < 2; twice++) db.exec(inboxTable)
  const runtime = virtualRuntime()
  const inbox = createInbox({ runtime, retention: 1_000 })
  assert.equal(await inbox.mark(tx, 'mail', 'a'), true)
  assert.equal(await inbox.mark(tx, 'mail', 'a'), false)
  db.exec('BEGIN')
  assert.equal(await inbox.mark(tx, 'mail', 'b'), true)
  db.exec('ROLLBACK')
  assert.equal(await inbox.mark(tx, 'mail', 'b'), true)
  // Marks that have expired are met and removed as others are made.
  await runtime.advance(1_001)
  for (let n = 0; n < 1_024; n++) await inbox.mark(tx, 'mail', `later ${n}`)
  assert.equal(await inbox.mark(tx, 'mail', 'a'), true)
})

test('marks are written in one order, so that two who have the same in opposite orders do not wait for each other', async () => {
  const written: unknown[][] = []
  const tx: InboxTransaction = {
    all: async () => [{ one: 1 }],
    run: async (_, parameters = []) => written.push([...parameters]),
  }
  const fence = { consumer: 'mail', topic: 'orders', partition: 0, epoch: 1 }
  const marks = Array.from({ length: 40 }, (_, n) => ({ consumer: `c${n % 2}`, messageId: `m${(n * 7) % 20}` }))
  for (const given of [marks, marks.map((one) => ({ ...one, fence }))]) {
    await sqlInbox.mark(tx, { marks: given, at: 1 })
    const first = written.splice(0)
    await sqlInbox.mark(tx, { marks: given.toReversed(), at: 1 })
    assert.deepEqual(written.splice(0), first)
  }
})

check('old marks are taken away by a clock whose elapsed time has fractions, in every store', async ({ open }) => {
  const store = await open()
  const runtime = virtualRuntime()
  const fractions = { now: runtime.clock.now, monotonic: () => runtime.clock.monotonic() + 0.625 }
  const inbox = inboxOf(store, { ...runtime, clock: fractions }, 1_000)
  // More than the marks after which a step of tidying is taken.
  for (let n = 0; n < 600; n++) assert.equal(await mark(store, inbox, `m${n}`), true)
  assert.equal(await marksLeft(store), 600)
})

test('an inbox that would forget at once, or that was given no number, is refused', () => {
  const runtime = virtualRuntime()
  for (const retention of [0, -1, Number.NaN, '10d' as never])
    assert.throws(() => createInbox({ runtime, retention }), {
      name: 'TypeError',
      message: /"retention" is (0|-1|NaN|the text "10d"); give a number of milliseconds/,
    })
  assert.equal(createInbox({ runtime, retention: Infinity }).retention, Infinity)
})
