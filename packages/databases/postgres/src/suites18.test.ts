import assert from 'node:assert/strict'
import { test } from 'node:test'
import { announce } from './adapter.test-support.ts'
import { missing15, RELAXED, testServer } from './server.test-support.ts'
import { runSuites } from './suites.test-support.ts'

const skip = 18 === 18 ? false : missing15
if (skip === false) announce(18, (await testServer({ version: 18, settings: RELAXED })).url())

for (const [what, least, ...files] of [
  ['the inbox', 4, 'packages/dure/src/data/inbox.test.ts'],
  ['consumers', 11, 'packages/dure/src/messaging/consumer.test.ts'],
  ['consumers that are killed', 3, 'packages/dure/src/messaging/crash.test.ts'],
  ['dead letters', 11, 'packages/dure/src/messaging/dead-letters/dead-letters.test.ts'],
] as const) {
  test(`${what}, with their stores on PostgreSQL 18`, { skip, timeout: 300_000 }, async () => {
    const { passed, failed, output } = await runSuites(18, files)
    assert.ok(failed === 0 && passed >= least, output)
  })
}
