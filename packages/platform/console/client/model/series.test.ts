import assert from 'node:assert/strict'
import { test } from 'node:test'
import { linesOf, type Series } from './series.ts'

const series = (more: Partial<Series>): Series => ({
  name: 'n',
  service: 'order',
  kind: 'counter',
  unit: '1',
  help: '',
  attributes: {},
  points: [],
  ...more,
})
const at = (seconds: number, value: number, histogram?: Series['points'][number]['histogram']): Series['points'][number] => ({
  time: seconds * 1000,
  value,
  histogram,
})

test('a counter is how much more a second, also when it began anew', () => {
  const { times, lines } = linesOf([series({ points: [at(0, 10), at(10, 60), at(20, 20)] })], 'rate')
  assert.deepEqual(times, [0, 10, 20])
  assert.deepEqual(lines[0]!.values, [null, 5, 2])
})

test('a gauge is as it is; series that have no point at a time have a gap there', () => {
  const { lines } = linesOf(
    [series({ kind: 'gauge', points: [at(0, 1), at(10, 2)] }), series({ kind: 'gauge', service: 'stock', points: [at(10, 7)] })],
    'rate',
  )
  assert.deepEqual(
    lines.map(({ values }) => values),
    [
      [1, 2],
      [null, 7],
    ],
  )
})

test('of a histogram a share is of what was measured since the point before', () => {
  const bounds = [0.1, 0.2, 0.4]
  const points = [at(0, 10, { sum: 1, bounds, counts: [10, 0, 0, 0] }), at(10, 20, { sum: 3, bounds, counts: [10, 5, 5, 0] })]
  const [p50, p99] = (['p50', 'p99'] as const).map(
    (how) => linesOf([series({ kind: 'histogram', points })], how).lines[0]!.values[1],
  )
  assert.equal(p50, 0.2)
  assert.ok(p99! > 0.38 && p99! <= 0.4, String(p99))
})

test('a line is named by what tells it from the others', () => {
  const attributes = (method: string): Series['attributes'] => ({ 'rpc.method': method, 'rpc.system': 'dure' })
  const { lines } = linesOf([series({ attributes: attributes('place') }), series({ attributes: attributes('find') })], 'raw')
  assert.deepEqual(
    lines.map(({ label }) => label),
    ['order method=place', 'order method=find'],
  )
})
