import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeOutcome, explore, type Simulation } from '../simulation.ts'
import { mistakes, sound, type StreamMistake } from './mistakes.test-support.ts'
import { IN_TIME, ONCE, selling, WHOLE } from './sales.test-support.ts'

/** Seeds that are run here; elsewhere it is thousands: `dure sim src/streams/sales.system.test-support.ts --seeds 5000`. */
const SEEDS = 2

const WELL: Readonly<Record<string, () => Simulation>> = {
  'by two members': () => selling(),
  'by one process': () => selling({ copies: false }),
  'with what the mistakes stand in, and none of them': sound,
}

for (const [how, simulation] of Object.entries(WELL))
  test(`each window is told once, and right, ${how}`, { timeout: 300_000 }, async () => {
    const { failures, held } = await explore({ simulation, seeds: SEEDS, failures: 1, verify: 0 })
    assert.deepEqual(failures.map(describeOutcome), [])
    assert.equal(held, SEEDS)
  })

/** What finds each mistake: the first seed does. */
const FOUND: Readonly<Record<StreamMistake, readonly string[]>> = {
  'position before state': [WHOLE],
  'state before position': [WHOLE, ONCE],
  'no fence': [WHOLE, ONCE],
  'no idleness': [WHOLE],
  'closed early': [IN_TIME],
}

for (const [mistake, invariants] of Object.entries(FOUND) as [StreamMistake, readonly string[]][])
  test(`${mistake}: found`, { timeout: 300_000 }, async (t) => {
    const { failures, seeds } = await explore({ simulation: mistakes[mistake], seeds: 50, from: 1, failures: 1, verify: 0 })
    const [found] = failures
    assert.ok(
      found?.kind === 'violated' && invariants.includes(found.invariant),
      found === undefined ? 'not found' : describeOutcome(found),
    )
    t.diagnostic(`seed ${found.seed}, the ${seeds}. that was tried: ${found.invariant}`)
  })
