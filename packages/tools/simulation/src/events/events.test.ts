import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeOutcome, explore } from '../simulation.ts'
import { racing, simulation } from './carts.test-support.ts'

for (const copies of [1, 2]) {
  test(`events of carts that ${copies} of a service append hold, whatever befalls it`, { timeout: 300_000 }, async (t) => {
    const how = copies === 1 ? {} : { replicas: { carts: copies } }
    const report = await explore({ system: racing, simulation, seeds: 12, failures: 1, ...how })
    assert.deepEqual(report.failures.map(describeOutcome), [])
    assert.equal(report.held, 12)
    for (const what of ['a cart was full', 'a change came again']) assert.ok((report.sometimes[what]?.seeds ?? 0) > 0, what)
    t.diagnostic(`${((report.seeds * 1_000) / report.processor).toFixed(1)} seeds a second on one core`)
  })
}
