import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeOutcome, explore } from '../simulation.ts'
import { pricing } from './settings.test-support.ts'

test('a change of settings is seen whole or not at all, whatever befalls the processes', { timeout: 600_000 }, async () => {
  const { failures, sometimes } = await explore({ simulation: () => pricing(), seeds: 12, failures: 3, verify: 1 })
  assert.deepEqual(failures.map(describeOutcome), [])
  for (const one of pricing().expects!) assert.ok(sometimes[one] !== undefined, one)
})

test('found: a handler that reads its settings again in the middle', { timeout: 600_000 }, async () => {
  const { failures } = await explore({ simulation: () => pricing('read again'), seeds: 20, failures: 1, verify: 0 })
  const [first] = failures
  assert.ok(first !== undefined, 'not found')
  assert.ok(first.kind === 'violated' && first.invariant.startsWith('a change is seen whole'), describeOutcome(first))
})
