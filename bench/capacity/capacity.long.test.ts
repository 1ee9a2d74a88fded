import assert from 'node:assert/strict'
import { test } from 'node:test'
import { benchCapacity } from './capacity.ts'

test('what is predicted stands beside what was measured, under names that stay', { timeout: 400_000 }, async () => {
  const scale = { seconds: 12, products: 50, known: [5, 15], predicted: [10], full: 8 }
  const { figures, ratios } = await benchCapacity({ progress: () => {}, peer: () => Promise.resolve() }, scale)
  for (const name of ['processors_error', 'process_error', 'responses_error', 'full_predicted_vs_measured']) {
    assert.equal(typeof ratios[name], 'number', name)
  }
  assert.ok((figures['measured_processors'] as readonly number[])[0]! > 0)
  assert.ok((figures['measured_full_per_second'] as number) > 0)
})
