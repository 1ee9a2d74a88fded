import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { announce } from './adapter.test-support.ts'
import { missing15, RELAXED, testServer, type ServerVersion } from './server.test-support.ts'

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url))

/** What the broker does not take, by whichever way it comes to it. */
export const ASIDE = 'packages/dure/src/messaging/aside.test.ts'

/** What a broker takes a part of. */
export const PARTIAL = 'packages/dure/src/messaging/partial-publish.test.ts'

/** Dozens of processes that are killed one after another, which takes minutes: in `npm run test:long`. */
const KILLED = ['saga/killed', 'messaging/consumer/crash'].map((file) => `packages/dure/src/${file}.test.ts`)

/** Test files of the library whose stores any adapter can open, with the tests that there are at least. */
const SUITES = [
  ['the inbox', 4, 'packages/dure/src/data/inbox.test.ts'],
  ['consumers', 11, 'packages/dure/src/messaging/consumer/consumer.test.ts'],
  ['consumers that are killed', 3, 'packages/dure/src/messaging/consumer/crash.test.ts'],
  ['copies of a consumer', 10, 'packages/dure/src/messaging/consumer/copies.test.ts'],
  ['reactions that share transactions', 3, 'packages/dure/src/messaging/consumer/transaction-batcher.test.ts'],
  ['dead letters', 11, 'packages/dure/src/messaging/dead-letters/dead-letters.test.ts'],
  ['what an outbox sets aside', 13, ASIDE],
  ['commands with a key', 15, 'packages/dure/src/service/idempotency.test.ts'],
  ['what is kept for a time', 2, 'packages/dure/src/service/tidying.test.ts'],
  ['commands with a key in several copies', 18, 'packages/dure/src/service/idempotency-copies.test.ts'],
  ['commands with a key whose copy is killed', 6, 'packages/dure/src/service/idempotency-killed.test.ts'],
  ['answers of commands with a key', 7, 'packages/dure/src/service/kept-answers.test.ts'],
  ['requests handed out to others', 5, 'packages/dure/src/tasks/tasks.test.ts'],
  ['requests and their replies', 9, 'packages/dure/src/service/requests.test.ts'],
  ['read models', 10, 'packages/dure/src/query/read-model.test.ts'],
  ['read models whose process is killed', 1, 'packages/dure/src/query/read-model-killed.test.ts'],
  ['read models of an aggregate', 1, 'packages/dure/src/query/aggregate-history.test.ts'],
  ['the event store', 8, 'packages/dure/src/eventsourcing/eventsourcing.test.ts'],
  ['snapshots of aggregates', 3, 'packages/dure/src/eventsourcing/snapshots.test.ts'],
  ['personal fields of events', 5, 'packages/dure/src/eventsourcing/personal.test.ts'],
  ['subscriptions to events', 5, 'packages/dure/src/eventsourcing/subscription.test.ts'],
  ['who began what is stored', 1, 'packages/dure/src/eventsourcing/initiator.test.ts'],
  ['the history of an aggregate', 1, 'packages/dure/src/eventsourcing/history.test.ts'],
  ['choreographies', 5, 'packages/dure/src/choreography/choreography.test.ts'],
  ['an outbox whose broker takes parts', 2, PARTIAL],
  ['streams', 9, 'packages/dure/src/stream/running/reader.test.ts'],
  ['what is asked of streams', 2, 'packages/dure/src/stream/running/asked.test.ts'],
  ['streams that copies hand on to each other', 1, 'packages/dure/src/stream/running/exchange.test.ts'],
  ['audit logs', 4, 'packages/dure/src/audit/audit.test.ts'],
  ['sagas', 16, 'packages/dure/src/saga/saga.test.ts'],
  ['sagas whose end commits with their last step', 5, 'packages/dure/src/saga/tail.test.ts'],
  ['sagas in several copies', 4, 'packages/dure/src/saga/copies.test.ts'],
  ['sagas that are killed', 2, 'packages/dure/src/saga/killed.test.ts'],
  ['sagas whose code changes', 10, 'packages/dure/src/saga/replay.test.ts'],
] as const

/** Registers the library's suites on a server of that version: those of processes that are killed, or the others. */
export async function suitesOn(version: ServerVersion, which: 'killed' | 'others'): Promise<void> {
  const skip = version === 15 && missing15
  if (skip === false) announce(version, (await testServer({ version, settings: { ...RELAXED, max_connections: '400' } })).url())
  for (const [what, least, file] of SUITES) {
    if (KILLED.includes(file) !== (which === 'killed')) continue
    test(`${what}, with their stores on PostgreSQL ${version}`, { skip, timeout: 600_000 }, async () => {
      const { passed, failed, output } = await runSuites(new URL(`./adapter${version}.test-support.ts`, import.meta.url), file)
      assert.ok(failed === 0 && passed >= least, output)
    })
  }
}

/** Runs test files of the library with their stores on the announced server; resolves with how many passed and what was said. */
export async function runSuites(
  adapter: URL,
  file: string,
): Promise<{ readonly passed: number; readonly failed: number; readonly output: string }> {
  const child = spawn(process.execPath, ['--conditions=dure-source', '--test', '--test-reporter=tap', file], {
    cwd: ROOT,
    // A runner that believes itself to be inside another one reports to that.
    env: {
      ...process.env,
      NODE_TEST_CONTEXT: undefined,
      DURE_TEST_ADAPTER: adapter.href,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.on('data', (text) => (output += String(text)))
  child.stderr.on('data', (text) => (output += String(text)))
  await new Promise((resolve) => child.on('close', resolve))
  const count = (what: string): number => Number(new RegExp(`^# ${what} (\\d+)`, 'm').exec(output)?.[1] ?? -1)
  return { passed: count('pass'), failed: count('fail'), output }
}
