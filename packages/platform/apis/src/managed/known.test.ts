import assert from 'node:assert/strict'
import { test } from 'node:test'
import { virtualRuntime } from 'dure/runtime'
import fc from 'fast-check'
import { digestOf } from '../subscribers.ts'
import type { SettledAnswer } from '../values.ts'
import { FREE } from '../apis.test-support.ts'
import { createKnown } from './known.ts'

const KEY = `dk_${'a'.repeat(12)}.${'b'.repeat(43)}`
const told: SettledAnswer = {
  ...{ through: 1, anew: false, more: false, versions: [], quotas: [] },
  keys: [{ id: KEY.slice(0, 15), digest: digestOf(KEY), subscription: 's', alive: true }],
  subscriptions: [{ id: 's', application: 'a', product: 'orders', plan: 'free', name: 'Shelf', active: true }],
  plans: [{ product: 'orders', plan: FREE }],
}

test('wrong keys are found out without asking anybody, and leave nothing to say: parts of a key, keys with one letter changed, anything', () => {
  const known = createKnown(virtualRuntime({ seed: 1 }).clock)
  known.learn(told, 0)
  assert.equal(typeof known.find(KEY), 'object')
  known.report()
  const changed = fc
    .tuple(fc.nat(KEY.length - 1), fc.stringMatching(/^[\w-]$/))
    .map(([at, letter]) => KEY.slice(0, at) + letter + KEY.slice(at + 1))
  const part = fc.tuple(fc.nat(KEY.length), fc.nat(KEY.length)).map(([from, to]) => KEY.slice(from, to))
  fc.assert(
    fc.property(fc.oneof(changed, part, fc.string({ maxLength: 300 })), (wrong) => {
      // Its answer is there at once: there is nothing that it could have waited for.
      if (wrong !== KEY) assert.equal(known.find(wrong), 'none')
    }),
    { numRuns: 10_000 },
  )
  const { used, keys } = known.report()
  assert.deepEqual([used.map(({ calls }) => calls), keys], [[], []])
  known.learn({ ...told, keys: [{ ...told.keys[0]!, alive: false }] }, 0)
  assert.equal(known.find(KEY), 'none')
})
