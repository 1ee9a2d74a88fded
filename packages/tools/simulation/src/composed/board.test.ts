import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeOutcome, explore } from '../simulation.ts'
import { ANSWERED, MARKED, showing } from './board.test-support.ts'

test(
  'a composed answer comes in time and says what is missing, whatever befalls who it is made of',
  { timeout: 600_000 },
  async () => {
    const { failures, sometimes } = await explore({ simulation: () => showing(), seeds: 8, failures: 3, verify: 1 })
    assert.deepEqual(failures.map(describeOutcome), [])
    for (const seen of showing().expects!) assert.ok(sometimes[seen] !== undefined, seen)
  },
)

for (const [slip, invariant] of [
  ['not marked', MARKED],
  ['not in time', ANSWERED],
] as const)
  test(`found: a part that is missing, ${slip}`, { timeout: 600_000 }, async () => {
    const { failures } = await explore({ simulation: () => showing(slip), seeds: 20, failures: 1, verify: 0 })
    const [first] = failures
    assert.ok(first !== undefined, 'not found')
    assert.ok(first.kind === 'violated' && first.invariant === invariant, describeOutcome(first))
  })
