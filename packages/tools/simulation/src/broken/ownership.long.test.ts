import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeOutcome, explore, type Outcome } from '../simulation.ts'
import { keeping, REST } from './ledger.test-support.ts'
import { MISTAKES } from './ownership-mistakes.test-support.ts'

/** Within so many seeds each is found. */
const SEEDS = 100

for (const [what, { between = () => ({}), mistake, found, faults, from }] of Object.entries(MISTAKES)) {
  test(`copies of a ledger, found: ${what}`, { timeout: 300_000 }, async (t) => {
    const how = { failures: 1, verify: 0, faults, from }
    const broken = await explore({ ...how, simulation: () => keeping(mistake, between()), seeds: SEEDS })
    const [first] = broken.failures
    assert.ok(first !== undefined, `not found in ${SEEDS} seeds`)
    const by = brokenBy(first)
    assert.ok(found.includes(by), describeOutcome(first))
    const sound = await explore({ ...how, simulation: () => keeping(), seeds: broken.seeds })
    assert.deepEqual(sound.failures.map(describeOutcome), [])
    t.diagnostic(`seed ${first.seed}: ${by}`)
  })
}

function brokenBy(outcome: Outcome): string {
  if (outcome.kind === 'stuck') return REST
  return outcome.kind === 'violated' ? outcome.invariant : outcome.kind
}
