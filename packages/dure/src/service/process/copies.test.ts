import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { CallError } from '../../contract/contract.ts'
import { realRuntime } from '../../runtime/runtime.ts'
import { silentLogger } from '../../telemetry/telemetry.ts'
import { groupsOf, socketsOf, start } from '../service.ts'
import { supervise, type ProcessEvent } from '../supervisor/supervisor.ts'
import { until } from '../rig.test-support.ts'
import { desk, Desk } from './copies.test-support.ts'

const PROGRAM = fileURLToPath(new URL('./copies.test-support.ts', import.meta.url))

/** Copies of a desk without a store, and sixteen callers of them. */
async function rig(t: TestContext, copies: number) {
  const directory = mkdtempSync(join(tmpdir(), 'dure-copies-'))
  const events: ProcessEvent[] = []
  const supervisor = await supervise({
    directory,
    processes: groupsOf(desk(), { desk: copies }).map((group) => ({
      ...{ name: group.name, node: ['--conditions=source'] },
      program: [PROGRAM, directory, ...group.members],
      ...socketsOf(group, { doors: [], directory }),
    })),
    runtime: realRuntime(),
    onLine: ({ text }) => t.diagnostic(text),
    onEvent: (event) => events.push(event),
    backoff: { first: 5, max: 50 },
  })
  const caller = await start(desk(), { directory, part: ['doors'], log: silentLogger() })
  t.after(async () => {
    await caller.stop()
    await supervisor.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  return {
    supervisor,
    caller,
    events,
    pids: () => supervisor.processes().flatMap(({ name, pid }) => (name.startsWith('desk') && pid !== undefined ? [pid] : [])),
  }
}

/** Calls without end: who answered how often, what failed, and the longest that one took. */
function load(client: (timeout: number) => Promise<number>, timeout = 20_000) {
  const answers = new Map<number, number>()
  const failed: unknown[] = []
  let longest = 0
  let over = false
  const lanes = Array.from({ length: 16 }, async () => {
    while (!over) {
      const begun = performance.now()
      await client(timeout).then(
        (pid) => answers.set(pid, (answers.get(pid) ?? 0) + 1),
        (error: unknown) => failed.push(error),
      )
      longest = Math.max(longest, performance.now() - begun)
    }
  })
  return {
    failed,
    longest: () => longest,
    /** Resolves when each of these has answered so many more calls. */
    answered: async (pids: readonly number[], times = 20): Promise<void> => {
      const before = new Map(answers)
      await until(() => pids.every((pid) => (answers.get(pid) ?? 0) >= (before.get(pid) ?? 0) + times))
    },
    end: async (): Promise<void> => {
      over = true
      await Promise.all(lanes)
    },
  }
}

test('scaled up and down and replaced under load: every copy gets work, no call fails', { timeout: 240_000 }, async (t) => {
  const { supervisor, caller, pids } = await rig(t, 2)
  // A command that must not happen twice: what is sent is never sent again.
  const client = caller.client(Desk)
  const calls = load((timeout) => client.file(undefined, { timeout }))
  await calls.answered(pids())
  for (const copies of [4, 1, 3, 2]) {
    await supervisor.scale('desk', copies)
    assert.equal(pids().length, copies)
    await calls.answered(pids())
  }
  const before = pids()
  await supervisor.replace(['desk'])
  assert.ok(pids().every((pid) => !before.includes(pid)))
  await calls.answered(pids())
  await calls.end()
  assert.deepEqual(calls.failed, [])
})

test(
  'one copy is killed: what may be repeated is answered by another, the rest hears UNAVAILABLE',
  { timeout: 240_000 },
  async (t) => {
    const { caller, events, pids } = await rig(t, 2)
    const client = caller.client(Desk)
    const reads = load((timeout) => client.look(undefined, { timeout }))
    const writes = load((timeout) => client.file(undefined, { timeout }))
    await reads.answered(pids())
    process.kill(pids()[0]!, 'SIGKILL')
    await until(() => events.some(({ kind }) => kind === 'back'))
    await Promise.all([reads.answered(pids()), writes.answered(pids())])
    await Promise.all([reads.end(), writes.end()])
    assert.deepEqual(reads.failed, [])
    for (const error of writes.failed) assert.ok(error instanceof CallError && error.code === 'UNAVAILABLE', String(error))
    assert.ok(writes.failed.length <= 16, `only what was in its hand: ${writes.failed.length}`)
    assert.equal(events.filter(({ kind }) => kind === 'ended').length, 1)
  },
)

test('one copy is frozen: nobody waits past the deadline, and it gets work again', { timeout: 240_000 }, async (t) => {
  const { caller, pids } = await rig(t, 2)
  const client = caller.client(Desk)
  const calls = load((timeout) => client.look(undefined, { timeout }), 1_000)
  const [frozen, other] = pids() as [number, number]
  await calls.answered([frozen, other])
  process.kill(frozen, 'SIGSTOP')
  await calls.answered([other], 400)
  process.kill(frozen, 'SIGCONT')
  await calls.answered([frozen, other])
  await calls.end()
  for (const error of calls.failed) {
    assert.ok(error instanceof CallError && ['DEADLINE_EXCEEDED', 'UNAVAILABLE'].includes(error.code), String(error))
  }
  // Twice the deadline: a busy machine lets this process itself wait.
  assert.ok(calls.longest() < 2_000, `${calls.longest()} ms`)
})
