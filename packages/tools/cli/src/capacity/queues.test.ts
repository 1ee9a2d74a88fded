import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simulate, type Flow, type Network } from './queues.ts'

const calls = (perSecond: number, at: string, ms: number): Flow => ({
  ...{ name: at, perSecond, asked: true },
  steps: () => [{ at, ms }],
})
const station = (servers: number, copies = 1) => ({ servers, copies, times: 1 })
const near = (found: number, wanted: number, part = 0.05): void =>
  assert.ok(Math.abs(found - wanted) <= part * wanted, `${found} is not near ${wanted}`)
const only = (network: Network, options?: Parameters<typeof simulate>[1]) => simulate(network, options)[0]!

test('one server with a queue answers as theory says: M/M/1, in its mean and its parts', () => {
  for (const busy of [0.3, 0.6, 0.9]) {
    const found = only({ stations: { one: station(1) }, flows: [calls(1_000 * busy, 'one', 1)] }, { work: 400_000 })
    const mean = 1 / (1 - busy)
    near(found.mean, mean, 0.08)
    near(found.p50, mean * Math.log(2), 0.08)
    near(found.p99, mean * Math.log(100), 0.12)
    assert.equal(found.behind, false)
  }
})

test('several servers with one queue answer as theory says: M/M/c, by the formula of Erlang', () => {
  const [servers, busy] = [4, 0.8]
  const load = servers * busy
  const factorial = (n: number): number => (n < 2 ? 1 : n * factorial(n - 1))
  const full = (load ** servers / factorial(servers)) * (1 / (1 - busy))
  const waits = full / (Array.from({ length: servers }, (_, n) => load ** n / factorial(n)).reduce((a, b) => a + b, 0) + full)
  const found = only({ stations: { many: station(servers) }, flows: [calls(1_000 * load, 'many', 1)] }, { work: 400_000 })
  near(found.mean, 1 + waits / (servers * (1 - busy)), 0.08)
})

test('copies take turns by the shorter of two queues, and wait less than by chance', () => {
  const found = only({ stations: { many: station(1, 8) }, flows: [calls(8_000 * 0.8, 'many', 1)] }, { work: 200_000 })
  assert.ok(found.mean < 1 / (1 - 0.8), `${found.mean} ms`)
  assert.ok(found.mean > 1)
})

test('what waits for nothing but time takes that time, and work beside it takes turns without being told of', () => {
  const flows: readonly Flow[] = [
    { name: 'a', perSecond: 10, asked: true, steps: () => [{ at: 'one', ms: 1 }, { wait: 50 }] },
    { name: 'beside', perSecond: 800, asked: false, steps: () => [{ at: 'one', ms: 1 }] },
  ]
  const found = simulate({ stations: { one: station(1) }, flows }, { work: 20_000 })
  assert.deepEqual(
    found.map(({ name }) => name),
    ['a'],
  )
  near(found[0]!.mean, 50 + 1 / (1 - 0.81), 0.05)
})

test('stations of one computer share its processors', () => {
  const stations = Object.fromEntries(['a', 'b', 'c', 'd'].map((name) => [name, station(1)]))
  const flows = Object.keys(stations).map((name) => calls(400, name, 1))
  const [alone, together] = [only({ stations, flows }), only({ stations, flows, shared: { processors: 2 } })]
  near(alone.mean, 1 / (1 - 0.4), 0.1)
  assert.ok(together.mean > alone.mean * 1.5, `${together.mean} ms beside ${alone.mean} ms`)
})

test('more than can be done is told, and ends; the same seed gives the same times', () => {
  const network = { stations: { one: station(1) }, flows: [calls(2_000, 'one', 1)] }
  assert.equal(only(network).behind, true)
  const calm = { stations: { one: station(1) }, flows: [calls(500, 'one', 1)] }
  assert.deepEqual(simulate(calm, { seed: 7 }), simulate(calm, { seed: 7 }))
  assert.notDeepEqual(simulate(calm, { seed: 7 }), simulate(calm, { seed: 8 }))
})
