import assert from 'node:assert/strict'
import { test } from 'node:test'
import { edgesOf, place } from './map.ts'

const seen = [
  { from: 'cart', to: 'stock', by: 'message' as const, times: 3, failed: 1 },
  { from: 'cart', to: 'payment', by: 'message' as const, times: 2, failed: 0 },
  { from: 'cart', to: 'product', by: 'call' as const, times: 2, failed: 0 },
]

test('an edge that nobody declared is marked, and so is one that nothing goes over', () => {
  const edges = edgesOf(seen, [
    { from: 'cart', to: 'stock', by: 'message' },
    { from: 'order', to: 'cart', by: 'message' },
  ])
  assert.deepEqual(
    edges.map(({ from, to, kind }) => [from, to, kind]),
    [
      ['cart', 'stock', 'usual'],
      ['cart', 'payment', 'undeclared'],
      ['cart', 'product', 'usual'],
      ['order', 'cart', 'dead'],
    ],
  )
  assert.ok(edgesOf(seen, undefined).every(({ kind }) => kind === 'usual'))
})

test('everything has a place inside the picture, circles and services without traffic too', () => {
  const edges = edgesOf([...seen, { from: 'stock', to: 'cart', by: 'call', times: 1, failed: 0 }], undefined)
  const placed = place(['cart', 'stock', 'payment', 'product', '고객'], edges, false)
  assert.equal(placed.nodes.length, 5)
  assert.equal(placed.edges.length, 4)
  for (const { x, y } of placed.nodes)
    assert.ok(x > placed.left && x < placed.left + placed.width && y > placed.top && y < placed.top + placed.height)
})
