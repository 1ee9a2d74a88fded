import assert from 'node:assert/strict'
import { test } from 'node:test'
import { announce } from '../../adapter.test-support.ts'
import { testServer } from '../../server.test-support.ts'
import { ASIDE, PARTIAL, runSuites } from '../../suites.test-support.ts'
import { LOGICAL } from './wal.test-support.ts'

announce(18, (await testServer({ settings: { ...LOGICAL, max_replication_slots: 40, max_wal_senders: 40 } })).url())

test('what an outbox sets aside, and parts that a broker takes, read from the log', { timeout: 300_000 }, async () => {
  for (const [least, file] of [
    [13, ASIDE],
    [2, PARTIAL],
  ] as const) {
    const { passed, failed, output } = await runSuites(new URL('../../adapter18wal.test-support.ts', import.meta.url), file)
    assert.ok(failed === 0 && passed >= least, output)
  }
})
