import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { storeConformance } from 'dure/data/conformance'

const adapter = new URL('./adapter.test-support.ts', import.meta.url)
const ROOT = fileURLToPath(new URL('../../', import.meta.url))

storeConformance('lmdb', adapter)

/** Test files of the library whose stores any adapter can open, with the tests that there are at least. */
const SUITES = [
  ['the inbox', 7, 'packages/dure/src/data/inbox.test.ts'],
  ['the outbox', 10, 'packages/dure/src/data/outbox.test.ts'],
  ['consumers', 10, 'packages/dure/src/messaging/consumer/consumer.test.ts'],
  ['consumers that are killed', 3, 'packages/dure/src/messaging/consumer/crash.test.ts'],
  ['copies of a consumer', 10, 'packages/dure/src/messaging/consumer/copies.test.ts'],
  ['dead letters', 11, 'packages/dure/src/messaging/dead-letters/dead-letters.test.ts'],
  ['what an outbox sets aside', 12, 'packages/dure/src/messaging/aside.test.ts'],
  ['commands with a key', 10, 'packages/dure/src/service/idempotency.test.ts'],
  ['what is kept for a time', 5, 'packages/dure/src/service/tidying.test.ts'],
  ['commands with a key in several copies', 13, 'packages/dure/src/service/idempotency-copies.test.ts'],
] as const

for (const [what, least, file] of SUITES) {
  test(`${what}, with their stores on LMDB`, { timeout: 300_000 }, async () => {
    const child = spawn(process.execPath, ['--conditions=dure-source', '--test', '--test-reporter=tap', file], {
      cwd: ROOT,
      // A runner that believes itself to be inside another one reports to that.
      env: { ...process.env, NODE_TEST_CONTEXT: undefined, DURE_TEST_ADAPTER: adapter.href },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let output = ''
    child.stdout.on('data', (text) => (output += String(text)))
    await new Promise((resolve) => child.on('close', resolve))
    const count = (of: string): number => Number(new RegExp(`^# ${of} (\\d+)`, 'm').exec(output)?.[1] ?? -1)
    assert.ok(count('fail') === 0 && count('pass') >= least, output)
  })
}
