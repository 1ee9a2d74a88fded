import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { z } from 'zod'
import { event } from '../../contract/contract.ts'
import { deadLetters } from '../../messaging/internal.ts'
import { stream, topology, tumbling } from '../stream.ts'
import { streamRecords } from './records.ts'
import { deliveriesOf, makeRig, messageOf, MINUTE, START, type Trouble } from './rig.test-support.ts'

const Sold = event('item.sold', { schema: z.object({ seller: z.string(), cents: z.int() }), key: ({ seller }) => seller })
const Total = event('seller.total', {
  schema: z.object({ seller: z.string(), from: z.int(), cents: z.int().max(10_000) }),
  key: ({ seller }) => seller,
})
const totals = stream(Sold)
  .filter(({ cents }) => {
    if (cents === 13) throw new Error('thirteen')
    return true
  })
  .byKey()
  .window(tumbling('1m'), { late: 'drop' })
  .aggregate({ name: 'totals', init: () => 0, add: (sum, { cents }) => sum + cents })
const sales = topology('sales', [totals.to(Total, ({ key, start, value }) => ({ seller: key, from: start, cents: value }))])

const rigOf = async (t: TestContext) => {
  const rig = await makeRig(t, sales)
  return Object.assign(rig, {
    totals: () => rig.published.map(({ data }) => JSON.parse(data) as { seller: string; from: number; cents: number }),
  })
}
const soldBy = (seller: string, cents: unknown, time: number) => messageOf(Sold, seller, time, { seller, cents })
const place = (partition: number) => ({ topic: Sold.topic, partition })
const assignment = (partition: number, epoch: number) => ({ ...place(partition), epoch, broker: 'b' })

test('state, position and what is published commit together, wherever the process is killed', { timeout: 60_000 }, async (t) => {
  const rig = await rigOf(t)
  const logs = [0, 1].map((partition) =>
    deliveriesOf(
      Array.from({ length: 60 }, (_, n) => soldBy(`s${partition}${n % 3}`, 100 + n, START + n * 5_000)),
      partition,
    ),
  )
  rig.runtime.jump(10 * MINUTE)
  let epoch = 1
  let reader = rig.reader()
  const from = [0, 0]
  const begin = async (): Promise<void> => {
    reader = rig.reader()
    epoch++
    for (const partition of [0, 1]) {
      const taken = await reader.assigned(assignment(partition, epoch))
      from[partition] = taken === undefined ? 0 : Number(taken.after) + 1
    }
  }
  await begin()
  const troubles: readonly Trouble[] = ['before', undefined, 'within', 'after', undefined, undefined]
  let step = 0
  while (from.some((at) => at < 60)) {
    const partition = step % 2
    const batch = logs[partition]!.slice(from[partition], from[partition]! + 7)
    rig.trouble = troubles[step++ % troubles.length]
    if (batch.length === 0) continue
    const isKilled = rig.trouble !== undefined
    const delivered = reader.deliver(batch, place(partition))
    if (!isKilled) {
      await delivered
      from[partition]! += batch.length
      continue
    }
    await assert.rejects(delivered, /killed/)
    // Either it goes on, and is brought the same batch; or another one begins where the store says.
    if (step % 4 === 0) await begin()
  }
  // Nothing comes any more: a partition that is read is not waited for.
  rig.runtime.jump(10 * MINUTE)
  await reader.tick(() => true)
  const expected = new Map<string, number>()
  for (const { message } of logs.flat()) {
    const { seller, cents } = JSON.parse(message.data) as { seller: string; cents: number }
    const key = `${seller} ${Math.floor(message.time / MINUTE) * MINUTE}`
    expected.set(key, (expected.get(key) ?? 0) + cents)
  }
  assert.deepEqual(
    rig
      .totals()
      .map(({ seller, from: start, cents }) => [`${seller} ${start}`, cents])
      .toSorted(),
    [...expected].toSorted(),
  )
})

test('a zombie commits nothing: its partition is another one by now', { timeout: 60_000 }, async (t) => {
  const rig = await rigOf(t)
  const log = deliveriesOf([soldBy('a', 1, START), soldBy('a', 2, START + 1), soldBy('a', 4, START + 2 * MINUTE)], 0)
  const [zombie, heir] = [rig.reader('shared', 0), rig.reader('shared', 0)]
  await zombie.assigned(assignment(0, 1))
  await zombie.deliver(log.slice(0, 1), place(0))
  assert.deepEqual(await heir.assigned(assignment(0, 2)), { after: '0' })
  await assert.rejects(zombie.deliver(log.slice(1), place(0)), { name: 'FencedError' })
  await assert.rejects(zombie.assigned(assignment(0, 1)), /given it to another member/)
  assert.deepEqual(rig.totals(), [])
  rig.runtime.jump(3 * MINUTE)
  await heir.deliver(log.slice(1), place(0))
  assert.deepEqual(rig.totals(), [{ seller: 'a', from: START, cents: 3 }])
})

test('what its publisher delivers again is not counted again', { timeout: 60_000 }, async (t) => {
  const rig = await rigOf(t)
  const [one, other] = [soldBy('a', 1, START), soldBy('a', 2, START + 1)]
  const reader = rig.reader('shared', 0)
  await reader.assigned(assignment(0, 1))
  await reader.deliver(deliveriesOf([one, other, one], 0), place(0))
  const next = rig.reader('shared', 0)
  await next.assigned(assignment(0, 2))
  rig.runtime.jump(3 * MINUTE)
  await next.deliver(deliveriesOf([other, soldBy('a', 9, START + 2 * MINUTE)], 0), place(0))
  assert.deepEqual(rig.totals(), [{ seller: 'a', from: START, cents: 3 }])
  assert.equal(next.status().duplicates, 1)
})

test(
  'what cannot be read, and what an operator refuses, is a dead letter; it is run through when it is tried again',
  { timeout: 60_000 },
  async (t) => {
    const rig = await rigOf(t)
    const reader = rig.reader('shared', 0)
    await reader.assigned(assignment(0, 1))
    const batch = [soldBy('a', 1, START), soldBy('a', 'many', START), soldBy('a', 13, START), soldBy('a', 2, START)]
    await reader.deliver(deliveriesOf(batch, 0), place(0))
    const letters = deadLetters({
      store: rig.store,
      runtime: rig.runtime,
      reactions: [{ kind: 'topic', event: Sold, consumer: 'shop/sales' }],
    })
    const list = await letters.list()
    assert.deepEqual(list.map(({ message }) => message.id).toSorted(), [batch[1]!.id, batch[2]!.id].toSorted())
    await letters.edit(
      list.find(({ message }) => message.id === batch[1]!.id)!.id,
      JSON.stringify({ seller: 'a', cents: 10 }),
      'a number',
    )
    assert.equal(await letters.retry(), 2)
    await reader.retry()
    assert.equal((await letters.list()).length, 1)
    rig.runtime.jump(3 * MINUTE)
    await reader.deliver(deliveriesOf([soldBy('a', 5, START + 2 * MINUTE)], 0), place(0))
    assert.deepEqual(rig.totals(), [{ seller: 'a', from: START, cents: 13 }])
  },
)

test(
  'behind one that fails those of its key wait, where that is declared, and run in their order when it was mended',
  { timeout: 60_000 },
  async (t) => {
    const last = stream(Sold, { failures: 'hold' })
      .map((sold) => {
        if (sold.cents === 13) throw new Error('thirteen')
        return sold
      })
      .byKey()
      .reduce({ name: 'all', reduce: (one, other) => ({ ...one, cents: one.cents * 10 + other.cents }) })
    const rig = await makeRig(t, topology('sales', [last]))
    const stood = async (): Promise<unknown> => {
      const rows = await rig.store.select(`SELECT key, value FROM dure_stream_state WHERE part = 'all' ORDER BY key`, [])
      return rows.map(
        ({ key, value }) => `${String(key)} ${(JSON.parse(String(value)) as { value: { cents: number } }).value.cents}`,
      )
    }
    const reader = rig.reader('shared', 0)
    await reader.assigned(assignment(0, 1))
    const first = [1, 'many', 2].map((cents) => soldBy('a', cents, START))
    await reader.deliver(deliveriesOf([first[0]!, soldBy('b', 1, START), ...first.slice(1), soldBy('b', 2, START)], 0), place(0))
    const second = [soldBy('a', 13, START), soldBy('a', 3, START), soldBy('b', 3, START)]
    await reader.deliver(deliveriesOf(second, 0), place(0))
    // By another process as well; and what comes twice waits once.
    const next = rig.reader('shared', 0)
    await next.assigned(assignment(0, 2))
    await next.deliver(deliveriesOf([soldBy('a', 4, START), second[1]!], 0), place(0))
    assert.deepEqual(await stood(), ['a 1', 'b 123'])
    const letters = deadLetters({
      ...{ store: rig.store, runtime: rig.runtime },
      reactions: [{ kind: 'topic', event: Sold, consumer: 'shop/sales' }],
    })
    const [letter, ...others] = await letters.list()
    assert.deepEqual([letter?.message.id, letter?.held, others.length], [first[1]!.id, 4, 0])
    await letters.edit(letter!.id, JSON.stringify({ seller: 'a', cents: 9 }), 'a number')
    await letters.retry()
    await next.retry()
    // The next that fails holds what is behind it.
    assert.deepEqual(await stood(), ['a 192', 'b 123'])
    const [thirteen] = await letters.list()
    assert.deepEqual([thirteen?.message.id, thirteen?.held], [second[0]!.id, 2])
    assert.equal(await letters.discard({ ids: [thirteen!.id] }, 'no such price'), 1)
    await next.retry()
    assert.deepEqual(await stood(), ['a 19234', 'b 123'])
  },
)

test('an output that its event does not take sets the record aside that led to it', { timeout: 60_000 }, async (t) => {
  const rig = await rigOf(t)
  const reader = rig.reader('shared', 0)
  await reader.assigned(assignment(0, 1))
  rig.runtime.jump(3 * MINUTE)
  // Too large a total: it is told while time passes, and nobody's record is at fault.
  const large = reader.deliver(deliveriesOf([soldBy('a', 20_000, START), soldBy('b', 1, START + 2 * MINUTE)], 0), place(0))
  await assert.rejects(large, /seller\.total/)
  assert.deepEqual(rig.totals(), [])
})

test('time that goes on with nothing else is noted, and seldom', { timeout: 60_000 }, async (t) => {
  const rig = await rigOf(t)
  const reader = rig.reader('shared', 0)
  await reader.assigned(assignment(0, 1))
  await reader.deliver(deliveriesOf([soldBy('a', 1, START)], 0), place(0))
  const noted: number[] = []
  for (let second = 0; second < 120; second++) {
    rig.runtime.jump(1_000)
    await reader.tick(() => true)
    const { watermark } = await streamRecords(rig.store, 'sales').progress()
    // 30 seconds pass before nobody waits for the partition.
    if (second > 30) assert.ok(rig.runtime.clock.now() - watermark! <= 30_000 + 10_000, `second ${second}`)
    if (watermark !== noted.at(-1)) noted.push(watermark!)
  }
  // What was read, the window that closed, and every ten seconds.
  assert.ok(noted.length <= 12, `${noted.length}`)
})

test(
  'a window closes after a restart though nothing comes any more, and nothing ever came in another partition',
  { timeout: 60_000 },
  async (t) => {
    const rig = await rigOf(t)
    const first = rig.reader()
    for (const partition of [0, 1]) await first.assigned(assignment(partition, 1))
    await first.deliver(deliveriesOf([soldBy('a', 3, START)], 0), place(0))
    const next = rig.reader()
    for (const partition of [0, 1]) await next.assigned(assignment(partition, 2))
    rig.runtime.jump(3 * MINUTE)
    await next.tick(() => true)
    assert.deepEqual(rig.totals(), [{ seller: 'a', from: START, cents: 3 }])
  },
)

test('a partition that waits for its turn for long is not taken for idle', { timeout: 60_000 }, async (t) => {
  const rig = await rigOf(t)
  const reader = rig.reader()
  for (const partition of [0, 1]) await reader.assigned(assignment(partition, 1))
  rig.runtime.jump(3 * MINUTE)
  await reader.deliver(deliveriesOf([soldBy('a', 3, START), soldBy('a', 1, START + 2 * MINUTE)], 0), place(0))
  await reader.tick((_, partition) => partition === 0)
  await reader.deliver(deliveriesOf([soldBy('a', 4, START), soldBy('a', 1, START + 2 * MINUTE)], 1), place(1))
  assert.equal(reader.status().late, 0)
  assert.deepEqual(rig.totals(), [{ seller: 'a', from: START, cents: 7 }])
})
