import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { CallError } from '../../contract/contract.ts'
import { looking } from '../looking.test-support.ts'
import { until } from '../rig.test-support.ts'
import { desk, Desk } from './copies.test-support.ts'
import { supervised } from './supervised-system.test-support.ts'

/** Copies of a desk without a store, and this process as their caller. */
async function rig(t: TestContext, copies: number) {
  const { door, telemetry } = looking()
  const running = await supervised(t, {
    ...{ make: () => desk([door]), program: new URL('./copies.test-support.ts', import.meta.url) },
    copies: { desk: copies },
  })
  return { ...running, telemetry: telemetry(), pids: () => running.pidsOf('desk') }
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
    const { caller, events, back, pids } = await rig(t, 2)
    const client = caller.client(Desk)
    const reads = load((timeout) => client.look(undefined, { timeout }))
    const writes = load((timeout) => client.file(undefined, { timeout }))
    await reads.answered(pids())
    process.kill(pids()[0]!, 'SIGKILL')
    await back(1)
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

test(
  'every copy is asked: health, status and metrics tell of each, and who is silent is named',
  { timeout: 240_000 },
  async (t) => {
    const { caller, telemetry, pids, supervisor } = await rig(t, 3)
    const names = ['desk', 'desk#2', 'desk#3']
    const client = caller.client(Desk)
    const answered = new Map<number, number>()
    for (let n = 0; n < 90 || answered.size < 3; n++) {
      const pid = await client.look()
      answered.set(pid, (answered.get(pid) ?? 0) + 1)
    }
    const calls = (await telemetry.metrics.readEverywhere()).find(({ name }) => name === 'rpc.server.calls')!.points
    const looked = calls.filter(({ attributes }) => attributes['rpc.method'] === 'look')
    assert.deepEqual(new Set(looked.map(({ attributes }) => attributes['dure.copy'])), new Set([undefined, 'desk#2', 'desk#3']))
    assert.deepEqual(looked.map((point) => ('value' in point ? point.value : 0)).toSorted(), [...answered.values()].toSorted())
    const depths = (await telemetry.metrics.readEverywhere()).find(({ name }) => name === 'dure.outbox.depth')!.points
    assert.deepEqual(depths, [{ attributes: { 'rpc.service': 'desk' }, value: 0 }], 'what is in the store is told once')

    const health = await caller.health()
    const ready = health.services.filter((one) => one.ready)
    assert.deepEqual([health.ready, ready.map(({ copy }) => copy).toSorted()], [true, names])
    const { quiet, services } = await caller.status()
    assert.deepEqual([quiet, services.map(({ copy }) => copy).toSorted()], [true, names])

    const at = supervisor.processes().findIndex(({ name }) => name === 'desk#2') - 1
    process.kill(pids()[at]!, 'SIGSTOP')
    const [frozen, lag, status] = await Promise.all([caller.health(), caller.lag(), caller.status()])
    process.kill(pids()[at]!, 'SIGCONT')
    // The others serve: the service is ready, and not all of it.
    assert.equal(frozen.ready, true)
    assert.match(frozen.services.find(({ copy }) => copy === 'desk#2')!.reasons[0]!, /^It does not answer: .*deadline/)
    assert.deepEqual(
      frozen.services
        .filter(({ ready }) => ready)
        .map(({ copy }) => copy)
        .toSorted(),
      ['desk', 'desk#3'],
    )
    assert.deepEqual([lag.silent, lag.outboxes], [['desk#2'], [{ service: 'desk', depth: 0, age: 0, size: 0 }]])
    assert.deepEqual([status.quiet, status.services.length], [false, 2])
  },
)
