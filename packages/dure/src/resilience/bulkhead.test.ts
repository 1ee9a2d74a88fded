import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { CallError } from '../contract/contract.ts'
import { createDeadlines, virtualRuntime } from '../runtime/runtime.ts'
import { createBulkhead, type Admission } from './resilience.ts'

function rig(limit: number, queue: number) {
  const world = virtualRuntime()
  const deadlines = createDeadlines({ clock: world.clock, timers: world.timers })
  const bulkhead = createBulkhead({ name: 'peer a', limit, queue, clock: world.clock, deadlines })
  const ended: string[] = []
  const wait = (name: string, deadline: number, signal?: AbortSignal): void => {
    void bulkhead.wait(deadline, signal).then((admission) => ended.push(`${name} ${admission}`))
  }
  return { world, bulkhead, ended, wait }
}

test('so many inside and no more; who waits enters in turn', async () => {
  const { world, bulkhead, ended, wait } = rig(2, 2)
  assert.deepEqual([bulkhead.enter(), bulkhead.enter(), bulkhead.enter()], [true, true, false])
  wait('first', 1_000)
  wait('second', 1_000)
  wait('third', 1_000)
  await world.advance(1)
  assert.deepEqual(ended, ['third full'])
  bulkhead.leave()
  assert.equal(bulkhead.enter(), false, 'the place went to the one who waits')
  bulkhead.leave()
  await world.advance(1)
  assert.deepEqual(ended, ['third full', 'first entered', 'second entered'])
  assert.equal(bulkhead.inside(), 2)
  bulkhead.leave()
  bulkhead.leave()
  assert.equal(bulkhead.inside(), 0)
})

test('who waits hears of the deadline, of the end of the call, and of a move', async () => {
  const { world, bulkhead, ended, wait } = rig(1, 10)
  bulkhead.enter()
  const caller = new AbortController()
  wait('deadline', 50)
  wait('ended', 1_000, caller.signal)
  wait('moved', 1_000)
  caller.abort()
  await world.advance(80)
  assert.deepEqual(ended, ['ended ended', 'deadline deadline'])
  bulkhead.move()
  await world.advance(1)
  assert.deepEqual(ended.at(-1), 'moved moved')
  assert.equal(bulkhead.waiting(), 0)
  wait('gone', 1_000, AbortSignal.abort())
  await world.advance(1)
  assert.deepEqual(ended.at(-1), 'gone ended')
  assert.equal(bulkhead.inside(), 1)
})

test('who could not be served before the deadline is told at once', async () => {
  const { world, bulkhead, ended, wait } = rig(1, 100)
  bulkhead.enter()
  // A place becomes free every 100 ms.
  for (let i = 0; i < 5; i++) wait(`early ${i}`, 100_000)
  for (let i = 0; i < 3; i++) {
    await world.advance(100)
    bulkhead.leave()
  }
  await world.advance(1)
  assert.equal(bulkhead.waiting(), 2)
  const now = world.clock.monotonic()
  wait('hurried', now + 150)
  wait('patient', now + 2_000)
  await world.advance(1)
  assert.deepEqual(ended.slice(3), ['hurried late'])
  assert.equal(bulkhead.waiting(), 3)
})

test('the pace is learnt from many: one that took long does not scare others away', async () => {
  const { world, bulkhead, ended, wait } = rig(1, 1_000)
  bulkhead.enter()
  for (let i = 0; i < 60; i++) wait(`early ${i}`, 100_000)
  for (let i = 0; i < 40; i++) {
    await world.advance(10)
    bulkhead.leave()
  }
  await world.advance(0)
  ended.length = 0
  // 20 wait, each 10 ms: a turn comes after some 210 ms.
  wait('too early', world.clock.monotonic() + 150)
  wait('in time', world.clock.monotonic() + 300)
  await world.advance(0)
  assert.deepEqual(ended, ['too early late'])
})

test('a peer from which nothing comes back is found out by the time that takes', async () => {
  const { world, bulkhead, ended, wait } = rig(1, 100)
  bulkhead.enter()
  wait('waiting', 100_000)
  await world.advance(5_000)
  wait('hurried', world.clock.monotonic() + 4_000)
  await world.advance(1)
  assert.deepEqual(ended, ['hurried late'])
})

test('used alone: work runs in its place, and refusals are canonical errors', async () => {
  const { world, bulkhead } = rig(1, 0)
  const gate = Promise.withResolvers<string>()
  const running = bulkhead.run(() => gate.promise, { deadline: 1_000 })
  await assert.rejects(
    bulkhead.run(async () => 'never', { deadline: 1_000 }),
    (error) =>
      error instanceof CallError && error.code === 'RESOURCE_EXHAUSTED' && /No place at peer a: 1 of 1/.test(error.message),
  )
  gate.resolve('done')
  assert.equal(await running, 'done')
  await assert.rejects(
    bulkhead.run(
      async () => {
        throw new Error('broken')
      },
      { deadline: 1_000 },
    ),
    /broken/,
  )
  assert.equal(bulkhead.inside(), 0)
  bulkhead.enter()
  await world.advance(1_000)
  await assert.rejects(
    bulkhead.run(async () => 'never', { deadline: 1_000 }),
    { code: 'RESOURCE_EXHAUSTED' },
  )
})

test('whatever happens: never over the limits, nobody waits past the deadline, no place is lost', async () => {
  const action = fc.oneof(
    fc.record({ kind: fc.constant('enter' as const), ms: fc.nat(300) }),
    fc.record({ kind: fc.constant('leave' as const), ms: fc.constant(0) }),
    fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(60) }),
    fc.record({ kind: fc.constant('move' as const), ms: fc.constant(0) }),
  )
  await fc.assert(
    fc.asyncProperty(
      fc.array(action, { maxLength: 40 }),
      fc.integer({ min: 1, max: 3 }),
      fc.nat(3),
      async (actions, limit, queue) => {
        const { world, bulkhead } = rig(limit, queue)
        let held = 0
        let asked = 0
        const ended: Admission[] = []
        for (const { kind, ms } of actions) {
          if (kind === 'enter') {
            asked++
            const deadline = world.clock.monotonic() + ms
            void bulkhead.wait(deadline).then((admission) => {
              ended.push(admission)
              if (admission === 'entered') held++
              assert.ok(world.clock.monotonic() <= deadline + 20)
            })
          } else if (kind === 'leave' && held > 0) {
            held--
            bulkhead.leave()
          } else if (kind === 'move') bulkhead.move()
          await world.advance(kind === 'wait' ? ms : 0)
          assert.equal(bulkhead.inside(), held)
          assert.ok(held <= limit && bulkhead.waiting() <= queue)
          if (bulkhead.waiting() > 0) assert.equal(held, limit, 'nobody waits beside a free place')
        }
        await world.advance(400)
        assert.equal(ended.length, asked)
        assert.equal(world.pending(), 0)
      },
    ),
    { numRuns: 60 },
  )
})
