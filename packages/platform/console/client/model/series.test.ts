import assert from 'node:assert/strict'
import { test } from 'node:test'
import { linesOf, type Series } from './series.ts'

const series = (more: Partial<Series>): Series => ({
  service: 'order',
  kind: 'gauge',
  unit: '1',
  attributes: {},
  points: [],
  ...more,
})
const at = (seconds: number, value: number): Series['points'][number] => ({ time: seconds * 1000, value })

test('series share their times; one that has no point at a time has a gap there', () => {
  const { times, lines } = linesOf([series({ points: [at(0, 1), at(10, 2)] }), series({ service: 'stock', points: [at(10, 7)] })])
  assert.deepEqual(times, [0, 10])
  assert.deepEqual(
    lines.map(({ values }) => values),
    [
      [1, 2],
      [null, 7],
    ],
  )
})

test('a line is named by what tells it from the others', () => {
  const attributes = (method: string): Series['attributes'] => ({ 'rpc.method': method, 'rpc.system': 'dure' })
  const { lines } = linesOf([series({ attributes: attributes('place') }), series({ attributes: attributes('find') })])
  assert.deepEqual(
    lines.map(({ label }) => label),
    ['order method=place', 'order method=find'],
  )
})
