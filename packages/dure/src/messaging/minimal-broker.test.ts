import assert from 'node:assert/strict'
import { test } from 'node:test'
import { brokerConformance, keepsKeyOrder, type MakeBroker } from './broker.conformance.ts'
import { MINIMAL, minimalBroker } from './minimal-broker.conformance.ts'
import { withRig } from './rig.conformance.ts'

const make = (heedless: boolean): MakeBroker => {
  return async ({ runtime, loses }) => minimalBroker({ runtime, loses, heedless })
}

brokerConformance('minimal broker', make(false), MINIMAL)

test('the suite finds an adapter that publishes a list as it stands to a broker that takes parts of it', async () => {
  await assert.rejects(withRig(make(true), keepsKeyOrder), (error) => {
    assert.ok(error instanceof assert.AssertionError)
    assert.deepEqual(
      [error.actual, error.expected],
      [
        [2, 3, 0],
        [0, 2, 3],
      ],
    )
    return true
  })
})
