import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeOutcome, explore } from '../simulation.ts'
import { changing, MARKED } from './rates.test-support.ts'

test(
  'with a breaker and a fallback users are answered while a service is ill, whatever befalls both',
  { timeout: 600_000 },
  async () => {
    const { failures, sometimes } = await explore({ simulation: () => changing(), seeds: 12, failures: 3, verify: 1 })
    assert.deepEqual(failures.map(describeOutcome), [])
    for (const seen of changing().expects!) assert.ok(sometimes[seen] !== undefined, seen)
  },
)

test('found: an answer of a fallback that is taken for the real one', { timeout: 600_000 }, async () => {
  const { failures } = await explore({ simulation: () => changing('fallback unmarked'), seeds: 20, failures: 1, verify: 0 })
  const [first] = failures
  assert.ok(first !== undefined, 'not found')
  assert.ok(first.kind === 'violated' && first.invariant === MARKED, describeOutcome(first))
})
