import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { columnsOf, matchesOf, visibleRows, type SpanReading } from './columns.ts'

const span = (id: string, start: number, duration: number, parentId?: string, more: Partial<SpanReading> = {}): SpanReading => ({
  ...{ spanId: id, start: 1_000 + start, duration, parentId, service: 'order', name: id },
  ...more,
})

test('spans stand in the order of their tree, whatever the order in which they came', () => {
  const { columns } = columnsOf([span('c', 6, 2, 'a'), span('b', 1, 4, 'a'), span('a', 0, 10), span('d', 2, 1, 'b')])
  assert.deepEqual(columns.ids, ['a', 'b', 'd', 'c'])
  assert.deepEqual([...columns.depth], [0, 1, 2, 1])
  assert.deepEqual([...columns.size], [4, 2, 1, 1])
  assert.deepEqual([...columns.parent], [-1, 0, 1, 0])
  assert.deepEqual([columns.began, columns.total], [1_000, 10])
})

test('the critical path goes back from the last end, through what was waited for', () => {
  // b is over before c begins; d is quick beside c; e goes on after its parent has ended, as a consumer does.
  const spans = [span('a', 0, 10), span('b', 0, 4, 'a'), span('c', 4, 5, 'a'), span('d', 4, 2, 'a'), span('e', 9, 20, 'c')]
  const { columns } = columnsOf(spans)
  const critical = columns.ids.filter((_, row) => columns.critical[row] === 1)
  assert.deepEqual(critical, ['a', 'b', 'c', 'e'])
})

test('parents that are not there, and circles of parents, begin a tree: each span is there once', () => {
  const any = fc.array(fc.record({ parent: fc.integer({ min: 0, max: 30 }), start: fc.nat(100), duration: fc.nat(50) }), {
    maxLength: 30,
  })
  fc.assert(
    fc.property(any, (rows) => {
      const { columns, order } = columnsOf(rows.map((row, at) => span(String(at), row.start, row.duration, String(row.parent))))
      assert.deepEqual(
        [...order].sort((a, b) => a - b),
        rows.map((_, at) => at),
      )
      for (let row = 0; row < columns.count; row++) {
        const above = columns.parent[row]!
        assert.ok(above < row)
        assert.equal(columns.depth[row], above === -1 ? 0 : columns.depth[above]! + 1)
        assert.ok(above === -1 || row < above + columns.size[above]!)
        assert.ok(row + columns.size[row]! <= columns.count)
      }
    }),
  )
})

test('what is below a folded span is not seen, and nothing else', () => {
  const { columns } = columnsOf([span('a', 0, 10), span('b', 1, 4, 'a'), span('c', 2, 1, 'b'), span('d', 6, 2, 'a')])
  const ids = (folded: readonly number[]): readonly string[] =>
    [...visibleRows(columns, new Set(folded))].map((row) => columns.ids[row]!)
  assert.deepEqual(ids([]), ['a', 'b', 'c', 'd'])
  assert.deepEqual(ids([1]), ['a', 'b', 'd'])
  assert.deepEqual(ids([0, 1]), ['a'])
})

test('a search looks into names, failures and attributes; all its words have to be there', () => {
  const spans = [span('a', 0, 10), span('b', 1, 4, 'a', { failed: true, attributes: { 'order.id': 'X-1042' } })]
  const { order } = columnsOf(spans)
  const found = (text: string): readonly number[] => [...matchesOf(spans, order, text)]
  assert.deepEqual(found('ORDER'), [1, 1])
  assert.deepEqual(found('failed'), [0, 1])
  assert.deepEqual(found('order x-1042'), [0, 1])
  assert.deepEqual(found('order x-1043'), [0, 0])
})

test('100,000 spans are laid out, and nested as deep as that as well', () => {
  const { columns } = columnsOf(
    Array.from({ length: 100_000 }, (_, at) => span(String(at), at, 200_000 - 2 * at, at === 0 ? undefined : String(at - 1))),
  )
  assert.deepEqual([columns.count, columns.depth.at(-1), columns.size[0]], [100_000, 99_999, 100_000])
})
