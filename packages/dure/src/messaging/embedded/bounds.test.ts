import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { Message } from '../../contract/contract.ts'
import { realRuntime } from '../../runtime/runtime.ts'
import { silentLogger } from '../../telemetry/telemetry.ts'
import { until } from '../numbered.conformance.ts'
import { createCommits } from './commits.ts'
import { openBrokerFile, type BrokerFile } from './file.ts'
import { createGroups } from './groups.ts'
import { createQueues } from './queues.ts'
import { createTopics } from './topics.ts'

const runtime = realRuntime()

function fileIn(t: TestContext): BrokerFile {
  const directory = mkdtempSync(join(tmpdir(), 'dure-bounds-'))
  const file = openBrokerFile(directory, runtime.random)
  t.after(() => {
    file.close()
    rmSync(directory, { recursive: true, force: true })
  })
  return file
}

function message(type: string, n: number, size = 0): Message {
  return {
    id: runtime.ids.next(),
    source: 'test',
    type,
    key: `${n}`,
    time: runtime.clock.now(),
    schemaVersion: 1,
    correlationId: 'c',
    causationId: undefined,
    traceparent: undefined,
    data: JSON.stringify('x'.repeat(size)),
  }
}

const changes = ({ db }: BrokerFile): number => Number(db.prepare('SELECT total_changes() AS n').get()!['n'])

test('groups that stop together write each position once, however many they are', async (t) => {
  const file = fileIn(t)
  const commits = createCommits({ file, runtime, pending: 10_000 })
  const topics = createTopics({ file, commits, runtime, partitions: 1 })
  const groups = createGroups({ file, commits, runtime, log: silentLogger(), topics })
  const GROUPS = 200
  let read = 0
  for (let n = 0; n < GROUPS; n++)
    await groups.subscribe({ group: `g${n}`, topics: ['topic'], deliver: async (batch) => void (read += batch.length) })
  await topics.publish([message('topic', 1)])
  await until(() => read === GROUPS)
  const before = changes(file)
  await groups.stop()
  assert.ok(changes(file) - before <= 3 * GROUPS, `${changes(file) - before} rows were written for ${GROUPS} groups`)
})

test('a queue has no more bytes in hand than its bound, and one message always', async (t) => {
  const file = fileIn(t)
  const commits = createCommits({ file, runtime, pending: 10_000 })
  const queues = createQueues({ file, commits, runtime })
  const size = 900 * 1024
  let [inHand, most, done] = [0, 0, 0]
  for (let n = 0; n < 40; n++) await queues.send([message('queue', n, size)])
  await queues.receive({
    queue: 'queue',
    concurrency: 40,
    handle: async () => {
      most = Math.max(most, ++inHand)
      await runtime.timers.sleep(1)
      inHand--
      done++
    },
  })
  await until(() => done === 40)
  assert.ok(most > 1 && most * size <= 16 * 1024 * 1024, `${most} at once`)
  await queues.stop()
})

test('nothing that is asked of a queue looks at all that waits in it, or sorts it', async (t) => {
  const file = fileIn(t)
  const asked = new Set<string>()
  const prepare = file.db.prepare.bind(file.db)
  file.db.prepare = (sql) => {
    asked.add(sql)
    return prepare(sql)
  }
  const commits = createCommits({ file, runtime, pending: 10_000 })
  const queues = createQueues({ file, commits, runtime })
  await queues.send([message('queue', 1)])
  const ofWork = [...asked].filter((sql) => / work\b/.test(sql))
  assert.ok(ofWork.length >= 5, `${ofWork.length} statements`)
  for (const sql of ofWork) {
    const plan = prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .all()
      .map(({ detail }) => String(detail))
    assert.ok(!plan.some((step) => /SCAN|TEMP B-TREE/.test(step)), `${sql}\n${plan.join('\n')}`)
  }
  await queues.stop()
})

test('many late readers have no more in hand together than their bound, and a message each', async (t) => {
  const file = fileIn(t)
  const commits = createCommits({ file, runtime, pending: 10_000 })
  const topics = createTopics({ file, commits, runtime, partitions: 1 })
  const groups = createGroups({ file, commits, runtime, log: silentLogger(), topics })
  const [READERS, MESSAGES, SIZE] = [150, 12, 100 * 1024]
  for (let n = 0; n < MESSAGES; n++) await topics.publish([message('topic', n, SIZE)])
  let [inHand, most, read] = [0, 0, 0]
  for (let n = 0; n < READERS; n++) {
    await groups.subscribe({
      group: `g${n}`,
      topics: ['topic'],
      deliver: async (batch) => {
        const size = batch.reduce((sum, { message: { data } }) => sum + data.length, 0)
        most = Math.max(most, (inHand += size))
        // Until everybody has had their first.
        while (read === 0 && most < READERS * SIZE) await runtime.timers.sleep(5)
        await runtime.timers.sleep(20)
        inHand -= size
        read += batch.length
      },
    })
  }
  await until(() => read === READERS * MESSAGES)
  assert.ok(most <= 65 * 1024 * 1024 + READERS * SIZE, `${most} bytes in hand`)
  await groups.stop()
})
