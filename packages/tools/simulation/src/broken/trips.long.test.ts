import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeOutcome, explore, type Outcome } from '../simulation.ts'
import { MISTAKES } from './saga-mistakes.test-support.ts'
import { REST, travelling } from './trips.test-support.ts'

/** Within so many seeds each is found. */
const SEEDS = 100

test('trips hold, and all that there is of them is seen', { timeout: 600_000 }, async () => {
  const { failures, sometimes } = await explore({ simulation: () => travelling(), seeds: 20, failures: 3, verify: 1 })
  assert.deepEqual(failures.map(describeOutcome), [])
  for (const seen of travelling().expects!) assert.ok(sometimes[seen] !== undefined, seen)
})

for (const [what, { run, store, sound: both, found, faults, from }] of Object.entries(MISTAKES)) {
  test(`sagas, found: ${what}`, { timeout: 600_000 }, async (t) => {
    const how = { failures: 1, verify: 0, faults, from }
    const broken = await explore({ ...how, simulation: () => travelling(run, { store }), seeds: SEEDS })
    const [first] = broken.failures
    assert.ok(first !== undefined, `not found in ${SEEDS} seeds`)
    const by = brokenBy(first)
    assert.ok(found.includes(by), describeOutcome(first))
    const sound = await explore({ ...how, simulation: () => travelling(undefined, { store: both }), seeds: broken.seeds })
    assert.deepEqual(sound.failures.map(describeOutcome), [])
    t.diagnostic(`seed ${first.seed}: ${by}`)
  })
}

function brokenBy(outcome: Outcome): string {
  if (outcome.kind === 'stuck') return REST
  return outcome.kind === 'violated' ? outcome.invariant : outcome.kind
}
