import assert from 'node:assert/strict'
import { test } from 'node:test'
import { countAnomalies, type ShownItem, type TrackedUpdate } from './anomalies.ts'

/** Updates one after another: `x10` is product x set to price 10. */
function history(...steps: string[]): Map<string, TrackedUpdate[]> {
  const all = new Map<string, TrackedUpdate[]>()
  steps.forEach((step, i) => {
    const [, product = '', price] = /^([a-z])(\d+)$/.exec(step)!
    const list = all.get(product) ?? []
    list.push({ version: '0', price: Number(price), sent: i * 10, done: i * 10 + 5 })
    all.set(product, list)
  })
  return all
}

const shown = (product: string, price: number, version = '0', seller = 1): ShownItem => ({ seller, product, version, price })

test('a cart with a later update and without an earlier one of the same seller is an anomaly', () => {
  assert.equal(countAnomalies([shown('x', 10), shown('y', 15)], history('x10', 'x15', 'y10', 'y15')), 1)
  assert.equal(countAnomalies([shown('x', 10), shown('y', 15)], history('x10', 'x15', 'x20', 'y15')), 2)
})

test('the order of the items in the cart does not matter', () => {
  assert.equal(countAnomalies([shown('y', 15), shown('x', 10)], history('x10', 'x15', 'y15')), 1)
})

test('no anomaly: everything earlier is shown, or something newer is', () => {
  assert.equal(countAnomalies([shown('x', 15), shown('y', 15)], history('x10', 'x15', 'y15')), 0)
  assert.equal(countAnomalies([shown('x', 20), shown('y', 15)], history('x10', 'y15', 'x20')), 0)
  assert.equal(countAnomalies([shown('x', 10), shown('y', 10)], history('x10', 'y10', 'x15', 'y15')), 0)
})

test('a price from before the first tracked update lacks the updates since', () => {
  assert.equal(countAnomalies([shown('x', 5), shown('y', 10)], history('x10', 'y10')), 1)
})

test('no anomaly across sellers, versions, or with a single item', () => {
  assert.equal(countAnomalies([shown('x', 10, '0', 1), shown('y', 15, '0', 2)], history('x10', 'x15', 'y15')), 0)
  assert.equal(countAnomalies([shown('x', 10, '7'), shown('y', 15)], history('x10', 'x15', 'y15')), 0)
  assert.equal(countAnomalies([shown('y', 15)], history('x10', 'x15', 'y15')), 0)
})

test('updates under way at once have no order', () => {
  const updates = new Map([
    ['x', [{ version: '0', price: 15, sent: 0, done: 20 }]],
    ['y', [{ version: '0', price: 15, sent: 10, done: 15 }]],
  ])
  assert.equal(countAnomalies([shown('x', 10), shown('y', 15)], updates), 0)
})
