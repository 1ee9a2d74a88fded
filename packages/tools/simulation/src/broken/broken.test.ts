import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RARE } from '../explore/explore.ts'
import { describeOutcome, explore, shrink, timeline, type Outcome } from '../simulation.ts'
import type { Mistake } from '../shop-services.test-support.ts'
import { shopping } from '../shop.test-support.ts'

/** Seeds within which each mistake is found, with every kind of fault and no hint of what to look for. */
const SEEDS = 25

/**
 * What is wrong, from which seed on it is looked for, and which invariant finds it. (From 1 on it takes 15, 1, 2, 1, 134
 * and 104 seeds.)
 */
const MISTAKES: readonly (readonly [Mistake, from: number, invariant: string])[] = [
  ['publish after commit', 11, 'no order is left open'],
  ['no inbox', 1, 'what is sold and what is left make what there was'],
  ['mark before effect', 1, 'no order is left open'],
  ['lease without fencing', 1, 'nobody charges under a lease that another has by then'],
  ['later events pass', 131, 'every order gets its letters, once and in order'],
  ['reader skips rows', 101, 'all orders are collected'],
]

for (const [mistake, from, invariant] of MISTAKES) {
  test(`${mistake}: found`, { timeout: 300_000 }, async (t) => {
    const found = await find(mistake, from)
    assert.equal(found.invariant, invariant)
    t.diagnostic(`seed ${found.seed}`)
  })
}

/** Whether the seed is made small: of faults, and of steps of users. (The other four come down to 3 faults and 4 steps.) */
const SMALL: readonly (readonly [Mistake, from: number, faults: number, steps: number])[] = [
  ['publish after commit', 15, 1, 3],
  ['no inbox', 1, 1, 3],
]

for (const [mistake, from, faults, steps] of SMALL) {
  test(`${mistake}: shown in a run that is small`, { timeout: 300_000 }, async (t) => {
    const found = await find(mistake, from)
    const { outcome, runs } = await shrink({ simulation: shopping(mistake), seed: found.seed, outcome: found })
    assert.ok(outcome.kind === 'violated' && outcome.invariant === found.invariant, describeOutcome(outcome))
    assert.ok(outcome.faults.length <= faults, `${outcome.faults.length} faults are left`)
    assert.ok(outcome.steps.length <= steps, `${outcome.steps.length} steps are left`)
    const text = timeline(outcome)
    for (const { number, text: fault } of outcome.faults) assert.ok(text.includes(`${number}. `) && text.includes(fault), text)
    t.diagnostic(
      `seed ${found.seed}: ${outcome.faults.length} of ${found.faults.length} faults and ` +
        `${outcome.steps.length} of ${found.steps.length} steps left after ${runs} runs`,
    )
  })
}

async function find(mistake: Mistake, from: number): Promise<Extract<Outcome, { kind: 'violated' }>> {
  const { failures } = await explore({ simulation: shopping(mistake), from, seeds: SEEDS, failures: 1, verify: 0 })
  const [found] = failures
  assert.ok(found !== undefined, `not found in ${SEEDS} seeds`)
  assert.ok(found.kind === 'violated', describeOutcome(found))
  return found
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
