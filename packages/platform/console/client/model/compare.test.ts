import assert from 'node:assert/strict'
import { test } from 'node:test'
import { columnsOf, type SpanReading } from './columns.ts'
import { compare, ownTimes } from './compare.ts'

const span = (spanId: string, start: number, duration: number, parentId?: string, name = spanId): SpanReading => ({
  spanId,
  start,
  duration,
  parentId,
  name,
  service: 'order',
})

test('the own time of a span is that in which nothing below it was at work', () => {
  // b and c overlap; d goes on after a has ended.
  const { columns } = columnsOf([span('a', 0, 10), span('b', 1, 4, 'a'), span('c', 3, 4, 'a'), span('d', 9, 5, 'a')])
  assert.deepEqual([...ownTimes(columns)], [3, 4, 4, 5])
})

test('what is in one trace alone comes first, then what changed most', () => {
  const [a, b] = [
    columnsOf([span('a', 0, 10, undefined, 'checkout'), span('b', 0, 4, 'a', 'charge'), span('c', 5, 1, 'a', 'old')]).columns,
    columnsOf([span('a', 0, 30, undefined, 'checkout'), span('b', 0, 24, 'a', 'charge'), span('d', 25, 1, 'a', 'new')]).columns,
  ]
  const rows = compare(a, b)
  assert.deepEqual(new Set(rows.slice(0, 2).map(({ name }) => name)), new Set(['old', 'new']))
  assert.deepEqual(rows[2], { service: 'order', name: 'charge', count: [1, 1], own: [4, 24], failed: [0, 0] })
})
