import assert from 'node:assert/strict'
import { test } from 'node:test'
import { benchCopies } from './copies.ts'

test('one and two copies of services are measured side by side, under names that stay', { timeout: 240_000 }, async () => {
  const scale = { seconds: 1, runs: 1, many: 16, published: 8, rate: 10, products: 50 }
  const context = { progress: () => {}, peer: () => Promise.resolve() }
  const { figures, ratios, shown = [] } = await benchCopies(context, scale, ['order', 'stock'])
  for (const name of ['tx_per_second', 'cpu_ms', 'deadlocks', 'invariants_held']) {
    for (const placed of ['single', 'copies']) assert.equal(typeof figures[`${placed}_${name}`], 'number', `${placed}_${name}`)
  }
  assert.equal(typeof ratios['copies_vs_single'], 'number')
  assert.ok(shown.every((line) => line.length <= 80))
})
