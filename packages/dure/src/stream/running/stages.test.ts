/** What stages do beside what schedules find: dead letters behind an exchange, pressure, partitions that have nothing. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { z } from 'zod'
import { event, type Message } from '../../contract/contract.ts'
import { testAdapter } from '../../data/adapter.conformance.ts'
import type { OutboxMessage, SqlStore, SqlTransaction } from '../../data/data.ts'
import { deadLetters } from '../../messaging/internal.ts'
import { realRuntime, virtualRuntime } from '../../runtime/runtime.ts'
import type { ExtensionHost } from '../../service/internal.ts'
import { silentLogger } from '../../telemetry/telemetry.ts'
import { diff, stream, topology, tumbling } from '../stream.ts'
import { exchangeRecords } from './exchange-records.ts'
import { allOf, createReaders, type Readers } from './readers.ts'
import { askedRecords } from './asked.ts'
import { streamRecords } from './records.ts'
import { deliveriesOf, messageOf, MINUTE, START } from './rig.test-support.ts'
import { MIGRATIONS } from './tables.ts'

const Sold = event('item.sold', { schema: z.object({ seller: z.string(), cents: z.int() }), key: ({ cents }) => String(cents) })
const Total = event('seller.total', { schema: z.object({ seller: z.string(), cents: z.int() }), key: ({ seller }) => seller })
const late = { late: 'drop' } as const
let isBroken = true

function salesOf(failures: 'pass' | 'hold') {
  const bySeller = stream(Sold, { failures }).keyBy(({ seller }) => seller)
  const sums = bySeller.aggregate({
    name: 'sums',
    init: () => 0,
    add: (sum, { cents }) => {
      if (cents === 13 && isBroken) throw new Error('thirteen')
      return sum + cents
    },
  })
  const totals = bySeller
    .window(tumbling('1m'), late)
    .aggregate({ name: 'totals', init: () => 0, add: (sum, { cents }) => sum + cents })
  return topology('sales', [sums, totals.to(Total, ({ key, value }) => ({ seller: key, cents: value }))])
}

async function rigOf(
  t: TestContext,
  options: { readonly most?: { readonly bytes: number; readonly rows: number }; readonly failures?: 'hold' } = {},
) {
  const { most, failures = 'pass' } = options
  const sales = salesOf(failures)
  const directory = mkdtempSync(join(tmpdir(), 'dure-stages-'))
  const runtime = virtualRuntime({ start: START })
  const adapter = await testAdapter({ directory, runtime: realRuntime(), log: silentLogger() })
  const opened = await adapter.open('sales', { migrations: MIGRATIONS })
  const store: SqlStore = { ...opened, sharing: 'shared' }
  t.after(async () => {
    await opened.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  const published: Message[] = []
  const outbox = {
    append: (tx: SqlTransaction, messages: readonly OutboxMessage[]) => tx.onCommit(() => published.push(...messages)),
  }
  const host = { service: 'shop', store, outbox, runtime, log: silentLogger() } as unknown as ExtensionHost
  const records = streamRecords(store, 'sales')
  const copy = (): Readers => createReaders({ host, topology: sales, records, partitions: () => 2, ...(most && { most }) })
  const drain = async (readers: Readers): Promise<void> => {
    while (await readers.look());
  }
  const sumOf = async (seller: string): Promise<unknown> =>
    (await askedRecords(store, 'sales').find('sums', seller, { from: 0, to: 0 }))[0]?.value
  const letters = deadLetters({ store, runtime, reactions: [{ kind: 'topic', event: Sold, consumer: 'shop/sales' }] })
  return { runtime, store, published, records, copy, drain, sumOf, letters }
}
const at = (partition: number, epoch = 1) => ({ topic: Sold.topic, partition, epoch, broker: 'b' })
const sold = (seller: string, cents: number, time: number) => messageOf(Sold, String(cents), time, { seller, cents })

test(
  'a record that fails behind an exchange is a dead letter, and is run through when it is tried again',
  { timeout: 60_000 },
  async (t) => {
    isBroken = true
    const { copy, drain, sumOf, letters } = await rigOf(t)
    const readers = copy()
    for (const partition of [0, 1]) await readers.assigned(at(partition))
    await readers.deliver(deliveriesOf([sold('a', 1, START), sold('a', 13, START), sold('b', 2, START)], 0), at(0))
    await drain(readers)
    assert.deepEqual([await sumOf('a'), await sumOf('b')], [1, 2])
    const [letter, ...others] = await letters.list()
    assert.deepEqual([letter?.message.type, others.length], ['keyBy > sums, totals', 0])
    isBroken = false
    assert.equal(await letters.retry(), 1)
    await readers.retry()
    assert.deepEqual([await sumOf('a'), (await letters.list()).length], [14, 0])
  },
)

test(
  'behind an exchange those of the changed key wait for one that fails, where that is declared, by whichever copy',
  { timeout: 60_000 },
  async (t) => {
    isBroken = true
    const { copy, drain, sumOf, letters } = await rigOf(t, { failures: 'hold' })
    const [one, other] = [copy(), copy()]
    for (const partition of [0, 1]) await one.assigned(at(partition))
    // Those that wait were under other keys when they were published, and in two partitions.
    await one.deliver(
      deliveriesOf([sold('a', 1, START), sold('a', 13, START), sold('b', 2, START), sold('a', 20, START)], 0),
      at(0),
    )
    await drain(one)
    await one.deliver(deliveriesOf([sold('a', 300, START), sold('b', 40, START)], 1), at(1))
    await drain(one)
    assert.deepEqual([await sumOf('a'), await sumOf('b')], [1, 42])
    const [letter, ...others] = await letters.list()
    assert.deepEqual([letter?.message.key, letter?.held, others.length], ['a', 2, 0])
    for (const partition of [0, 1]) await other.assigned(at(partition, 2))
    await other.deliver(deliveriesOf([sold('a', 4_000, START)], 1), at(1))
    await drain(other)
    // Tried again while it still fails, it holds them still.
    await letters.retry()
    await other.retry()
    assert.deepEqual([await sumOf('a'), (await letters.list())[0]?.held], [1, 3])
    isBroken = false
    await letters.retry()
    await other.retry()
    assert.deepEqual([await sumOf('a'), (await letters.list()).length], [4_334, 0])
    await other.deliver(deliveriesOf([sold('a', 50_000, START)], 0), at(0))
    await drain(other)
    assert.equal(await sumOf('a'), 54_334)
  },
)

test('what nobody takes holds those who hand on, and their batch is given back', { timeout: 60_000 }, async (t) => {
  const { runtime, copy, drain } = await rigOf(t, { most: { bytes: 1_000_000, rows: 2 } })
  const [one, other] = [copy(), copy()]
  await one.assigned(at(0))
  await other.assigned(at(1))
  // Whoever has the seller's partition is not there; whoever hands on looks for itself.
  for (let n = 0; n < 4; n++)
    await one.deliver(deliveriesOf([sold('a', n, START), sold('b', n, START), sold('c', n, START)], 0), at(0))
  await one.look()
  let isOver = false
  const put = assert.rejects(one.deliver(deliveriesOf([sold('a', 5, START)], 0), at(0)), /put off/).finally(() => (isOver = true))
  while (!isOver) {
    await runtime.advance(100)
    await realRuntime().timers.sleep(1)
  }
  await put
  await drain(other)
  await one.look()
  await one.deliver(deliveriesOf([sold('a', 5, START)], 0), at(0))
})

test(
  'a partition that has nothing holds windows of others until it is idle; nobody yet has it, and it holds them too',
  { timeout: 60_000 },
  async (t) => {
    const { runtime, published, copy, drain } = await rigOf(t)
    const [one, other] = [copy(), copy()]
    await one.assigned(at(0))
    runtime.jump(10 * MINUTE)
    const batch = [sold('a', 1, START), sold('b', 2, START), sold('a', 4, START + 2 * MINUTE), sold('b', 4, START + 2 * MINUTE)]
    await one.deliver(deliveriesOf(batch, 0), at(0))
    const told = async (): Promise<readonly number[]> => {
      for (let round = 0; round < 3; round++)
        for (const readers of [one, other]) {
          await readers.tick(() => true)
          await drain(readers)
        }
      return published.map(({ data }) => (JSON.parse(data) as { cents: number }).cents).toSorted()
    }
    assert.deepEqual(await told(), [])
    await other.assigned(at(1))
    assert.deepEqual(await told(), [])
    // The one that has had events is waited for no less than before.
    runtime.jump(29_000)
    assert.deepEqual(await told(), [])
    runtime.jump(2_000)
    await one.deliver(deliveriesOf([sold('a', 8, START + 2 * MINUTE)], 0), at(0))
    assert.deepEqual(await told(), [1, 2])
  },
)

test('what is said of time is of when the records were there', { timeout: 60_000 }, async (t) => {
  const { store, copy } = await rigOf(t)
  const readers = copy()
  for (const partition of [0, 1]) await readers.assigned(at(partition))
  await readers.deliver(deliveriesOf([sold('a', 1, START + MINUTE)], 0), at(0))
  const { waiting, times } = await exchangeRecords(store, 'sales').look()
  assert.equal(waiting.length, 1)
  assert.equal(times.find(({ stage, partition }) => stage === Sold.topic && partition === 0)?.watermark, START + MINUTE)
})

test('a release says before what becomes of state that copies share', () => {
  const views = (isKeyed: boolean) => {
    const read = isKeyed ? stream(Sold).keyBy(({ seller }) => seller) : stream(Sold).byKey()
    return topology('views', [read.count({ name: 'counts' })])
  }
  assert.deepEqual(diff(views(false), views(true)).refused, [])
  assert.deepEqual(diff(views(false), views(true), { copies: true }).refused, [
    { name: 'counts', why: 'it was spread by the partitions of topic "item.sold" and is by its key' },
  ])
  assert.deepEqual(diff(views(true), views(true), { copies: true }).carried, ['counts'])
})

test('what stands still in one place does not stop the time of the others', async () => {
  const done: string[] = []
  const work =
    (name: string, fails = false) =>
    async () => {
      done.push(name)
      if (fails) throw new Error(`${name} stands still`)
    }
  await assert.rejects(allOf([work('a'), work('b', true), work('c', true), work('d')]), /^Error: b stands still$/)
  assert.deepEqual(done, ['a', 'b', 'c', 'd'])
})
