import assert from 'node:assert/strict'
import { test } from 'node:test'
import { killedEverywhere } from './killed.test-support.ts'

test('wherever a deployer is killed: the same release, another one and a roll back come to what they say', async (t) => {
  assert.ok((await killedEverywhere(t, () => ['the same', 'another', 'roll back'])) > 60)
})
