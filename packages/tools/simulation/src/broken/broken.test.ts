import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeOutcome, explore, RARE, shrink, timeline } from '../simulation.ts'
import type { Mistake } from '../shop-services.test-support.ts'
import { shopping } from '../shop.test-support.ts'

/** Seeds within which each mistake is found, with every kind of fault and no hint of what to look for. */
const SEEDS = 25

/**
 * What is wrong, from which seed on it is looked for, which invariant finds it, and how small the run is that shows it:
 * faults and steps of users. (From 1 on it takes 15, 1, 2, 1, 53 and 36 seeds.)
 */
const MISTAKES: readonly (readonly [Mistake, from: number, invariant: string, faults: number, steps: number])[] = [
  ['publish after commit', 11, 'no order is left open', 1, 2],
  ['no inbox', 1, 'what is sold and what is left make what there was', 1, 3],
  ['mark before effect', 1, 'no order is left open', 1, 2],
  ['lease without fencing', 1, 'nobody charges under a lease that another has by then', 2, 4],
  ['later events pass', 51, 'every order gets its letters, once and in order', 4, 4],
  ['reader skips rows', 34, 'all orders are collected', 4, 12],
]

for (const [mistake, from, invariant, faults, steps] of MISTAKES) {
  test(`${mistake}: found, and shown in a run that is small`, { timeout: 300_000 }, async (t) => {
    const simulation = shopping(mistake)
    const { failures, seeds } = await explore({ simulation, from, seeds: SEEDS, failures: 1, verify: 0 })
    const [found] = failures
    assert.ok(found !== undefined, `not found in ${SEEDS} seeds`)
    assert.ok(found.kind === 'violated', describeOutcome(found))
    assert.equal(found.invariant, invariant)

    const { outcome, runs } = await shrink({ simulation, seed: found.seed, outcome: found })
    assert.ok(outcome.kind === 'violated' && outcome.invariant === invariant, describeOutcome(outcome))
    assert.ok(outcome.faults.length <= faults, `${outcome.faults.length} faults are left`)
    assert.ok(outcome.steps.length <= steps, `${outcome.steps.length} steps are left`)
    const text = timeline(outcome)
    for (const { number, text: fault } of outcome.faults) assert.ok(text.includes(`${number}. `) && text.includes(fault), text)
    t.diagnostic(
      `seed ${found.seed}, the ${seeds}. that was tried; ${outcome.faults.length} of ${found.faults.length} faults and ` +
        `${outcome.steps.length} of ${found.steps.length} steps left after ${runs} runs`,
    )
  })
}

/** Seeds of the sound shop: as many as it takes for every rare path to be taken. */
const SOUND = 100

test('the shop without a mistake holds, and the rare paths were taken', { timeout: 300_000 }, async (t) => {
  const report = await explore({ simulation: shopping(), seeds: SOUND, from: 1_000, failures: 1 })
  assert.deepEqual(report.failures.map(describeOutcome), [])
  assert.equal(report.held, SOUND)
  assert.ok(report.verified >= 2)
  assert.deepEqual(report.never, [], 'what was never seen was never tested')
  for (const what of [...RARE, 'who charged too late was fenced', 'an order was given back'])
    assert.ok(report.sometimes[what]!.seeds > 0, what)
  t.diagnostic(`${((report.seeds * 1_000) / report.processor).toFixed(1)} seeds a second on one core`)
})
