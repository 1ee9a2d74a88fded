import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { compare, modelOf, planFor, planText, comparisonText, readMeasurement, type Measurement } from './capacity.ts'

/** A shop at so many calls a second: half of them are to "orders", whose every call asks "stock" once and sends it a message. */
function shop(rate: number, { database = true } = {}): Measurement {
  const half = rate / 2
  const process = (name: string, idle: number, ms: number) => {
    const used = idle + (rate * ms) / 1_000
    return { name, members: [name], processors: used, loop: used, memory: 2 ** 27 }
  }
  return {
    ...{ version: 1, seconds: 30, processors: 2, others: 0.1 + rate * 0.001 },
    entries: [
      { service: 'orders', operation: 'place', perSecond: half },
      { service: 'stock', operation: 'find', perSecond: half },
    ],
    operations: [
      { service: 'orders', operation: 'place', perSecond: half, mean: 6, p99: 32 },
      { service: 'stock', operation: 'find', perSecond: half, mean: 2, p99: 8 },
      { service: 'stock', operation: 'take', perSecond: half, mean: 2, p99: 8 },
    ],
    calls: [
      { caller: 'doors', callee: 'orders', perSecond: half },
      { caller: 'doors', callee: 'stock', perSecond: half },
      { caller: 'orders', callee: 'stock', perSecond: half },
    ],
    consumers: [{ group: 'stock/order.placed', topic: 'order.placed', perSecond: half, partitions: 2 }],
    processes: [
      process('orders', 0.02, 1),
      process('stock', 0.02, 1.5),
      process('doors', 0.01, 0.5),
      process('broker', 0.01, 0.2),
    ],
    servers: [{ name: 'postgres', processors: 0.05 + rate * 0.002 }],
    pools: database ? ['orders', 'stock'].map((service) => ({ service, used: rate * 0.003, size: 6 })) : [],
  }
}

test('a load a thousand times larger needs copies, partitions, connections and processors of the database in proportion', () => {
  const plan = planFor(modelOf([shop(20), shop(60)]), { rate: 60_000, target: 0.7 })
  const copies = Object.fromEntries(plan.processes.map((one) => [one.name, one.copies]))
  // 60 processors at 0.7 less 0.02 that each copy uses by itself.
  assert.deepEqual(copies, { orders: 89, stock: 133, doors: 44, broker: 18 })
  assert.deepEqual(plan.partitions, [{ topic: 'order.placed', has: 2, needs: 133 }])
  assert.equal(plan.servers[0]?.size, Math.ceil((0.05 + 120) / 0.7))
  assert.ok(plan.processes.every(({ loop }) => loop <= 0.7))
  assert.equal(plan.extrapolated, true)
  assert.deepEqual(
    plan.saturates.map(({ what, rate }) => [what, Math.round(rate)]),
    [
      ['the computer', Math.round((2 - 0.21) / 0.0062)],
      ['process stock', Math.round(0.98 / 0.0015)],
      ['process orders', 980],
      ['process doors', 1_980],
      ['process broker', 4_950],
    ],
  )
  assert.ok(plan.responses.every(({ behind, mean, p99 }) => !behind && mean > 0 && p99 > mean))
  const text = planText(plan, { columns: 100, color: false, piped: false })
  for (const said of [/order\.placed \(2 of 133\)/, /embedded broker is one process/, /doors are one process of a machine/]) {
    assert.match(text, said)
  }
  for (const columns of [66, 80, 140]) {
    const lines = planText(plan, { columns, color: false, piped: false }).split('\n')
    assert.deepEqual(
      lines.filter((line) => line.length > columns),
      [],
    )
  }
})

test('what was measured at one load only counts as the cost of calls, so a plan has rather too much', () => {
  const [one, two] = [
    planFor(modelOf([shop(20)]), { rate: 600, target: 0.7 }),
    planFor(modelOf([shop(20), shop(60)]), { rate: 600, target: 0.7 }),
  ]
  assert.ok(one.total.processors > two.total.processors)
  assert.equal(planFor(modelOf([shop(20)]), { rate: 39, target: 0.7 }).extrapolated, false)
})

test('a store in a file has one process: several copies want a database first', () => {
  const plan = planFor(modelOf([shop(60, { database: false })]), { rate: 6_000, target: 0.7 })
  assert.match(
    planText(plan, { columns: 100, color: false, piped: false }),
    /stock: some of its services keep their data in a file/,
  )
})

test('copies of one process are one: what they use is added up', () => {
  const [first, ...rest] = shop(60).processes
  const halves = ['orders', 'orders#2'].map((name) => ({
    ...first!,
    name,
    processors: first!.processors / 2,
    loop: first!.loop / 2,
  }))
  const [single, copied] = [modelOf([shop(60)]), modelOf([{ ...shop(60), processes: [...halves, ...rest] }])]
  assert.equal(copied.processes.find(({ name }) => name === 'orders')?.copies, 2)
  assert.deepEqual(
    copied.processes.map(({ name, processors }) => [name, processors]),
    single.processes.map(({ name, processors }) => [name, processors]),
  )
})

test('a prediction beside a measurement says by how much it is off', () => {
  const model = modelOf([shop(20), shop(60)])
  const { processors, responses, full } = compare(model, shop(100))
  for (const { error } of processors) assert.ok(Math.abs(error) < 1e-6)
  assert.ok(responses.length === 3 && responses.every(({ predicted }) => predicted > 0))
  assert.equal(full?.what, 'the computer')
  const busier = { ...shop(100), processes: shop(100).processes.map((one) => ({ ...one, processors: one.processors * 2 })) }
  const off = compare(model, busier).processors.find(({ what }) => what === 'orders')
  assert.equal(off?.error.toFixed(2), '-0.50')
  assert.match(comparisonText(compare(model, busier), { columns: 80, color: false, piped: false }), /orders +0\.12 +0\.24 +-50 %/)
})

test('what was saved is read again; anything else is refused with what is wrong', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'dure-plan-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  const file = join(directory, 'measured.json')
  const write = (value: unknown) => writeFile(file, typeof value === 'string' ? value : JSON.stringify(value))
  const slow = { ...shop(20), operations: shop(20).operations.map((one) => ({ ...one, p99: Infinity })) }
  await write(slow)
  assert.deepEqual(await readMeasurement(file), slow)
  for (const [value, why] of [
    ['{', /it is not JSON/],
    [{ ...shop(20), version: 2 }, /version Invalid input: expected 1/],
    [{ ...shop(20), entries: [] }, /entries /],
    [{ ...shop(20), servers: [{ name: 'postgres', processors: -1 }] }, /servers\.0\.processors /],
  ] as const) {
    await write(value)
    await assert.rejects(readMeasurement(file), why)
  }
  await assert.rejects(readMeasurement(join(directory, 'nowhere.json')), /there is no such file/)
})
