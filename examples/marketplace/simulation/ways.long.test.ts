import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeOutcome, explore } from '@dure/simulation'
import { simulation as followed } from './choreography.ts'
import { simulation as seenOnScreens } from './frontends.ts'
import { simulation as withStreams } from './insight.ts'
import { simulation as bySaga } from './saga.ts'

const SEEDS = 16

test('the marketplace holds when a saga sees a checkout through', { timeout: 300_000 }, async () => {
  const report = await explore({ simulation: bySaga, seeds: SEEDS, from: 1, failures: 1 })
  assert.deepEqual(report.failures.map(describeOutcome), [])
  for (const what of ['a payment was declined', 'a reservation was given back', 'fault: crash', 'a commit was not answered'])
    assert.ok((report.sometimes[what]?.seeds ?? 0) > 0, `"${what}" was never seen`)
})

test('it holds when each checkout is followed from event to event', { timeout: 300_000 }, async () => {
  const report = await explore({ simulation: followed, seeds: SEEDS, from: 1, failures: 1 })
  assert.deepEqual(report.failures.map(describeOutcome), [])
  assert.equal(report.held, SEEDS)
})

test('it holds for those who look at screens, which are whole or say what is missing', { timeout: 300_000 }, async () => {
  const report = await explore({ simulation: seenOnScreens, seeds: SEEDS / 4, from: 1, failures: 1 })
  assert.deepEqual(report.failures.map(describeOutcome), [])
  assert.equal(report.held, SEEDS / 4)
})

test('what streams say of it is what its tables say', { timeout: 300_000 }, async () => {
  const report = await explore({ simulation: withStreams, seeds: SEEDS, from: 1, failures: 1 })
  assert.deepEqual(report.failures.map(describeOutcome), [])
  assert.equal(report.held, SEEDS)
  for (const what of ['a cart was abandoned', 'a payment was declined', 'fault: crash'])
    assert.ok((report.sometimes[what]?.seeds ?? 0) > 0, `"${what}" was never seen`)
})
