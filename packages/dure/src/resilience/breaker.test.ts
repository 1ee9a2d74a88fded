import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { CallError, DeclaredError } from '../contract/contract.ts'
import { callee, code, outcome, turn, world } from './kit.test-support.ts'
import { breaker, bulkhead, compose, rateLimit, refusedBy, timeout, type BreakerChange } from './resilience.ts'
import { countWindow, timeWindow } from './window.ts'

const well = async (): Promise<string> => 'well'
const ill = async (): Promise<string> => {
  throw new Error('ill')
}
const quick = { window: { calls: 10 }, minimumCalls: 4, open: { first: 1_000, max: 4_000 }, probes: 2 } as const

test('it opens when too large a part of the calls has failed, and not before there are enough of them', async () => {
  const guard = breaker({ ...quick, world: world() })
  for (let i = 0; i < 3; i++) await outcome(guard.run(ill))
  assert.equal(guard.state().state, 'CLOSED', 'three calls are too few')
  await outcome(guard.run(ill))
  assert.deepEqual([guard.state().state, guard.reading().opened], ['OPEN', 1])
  const refused = await outcome(guard.run(well))
  assert.ok(refused instanceof CallError)
  assert.equal(refused.code, 'UNAVAILABLE')
  assert.equal(refusedBy(refused), 'breaker')
  assert.match(refused.message, /its breaker is open: too many calls failed; one is let through in 1\d\d\d ms/)
})

test('after its time as many calls as are probes are let through, and decide', async () => {
  const time = world()
  const seen: string[] = []
  const guard = breaker({ ...quick, world: time, onChange: ({ from, to }: BreakerChange) => seen.push(`${from} ${to.state}`) })
  for (let i = 0; i < 4; i++) await outcome(guard.run(ill))
  await time.advance(1_200)
  const slow = callee()
  const probes = [guard.run(slow.call), guard.run(slow.call)]
  assert.deepEqual(guard.state(), { state: 'HALF_OPEN', left: 0, underWay: 2 })
  assert.equal(await code(guard.run(well)), 'UNAVAILABLE', 'there are two probes')
  slow.answer(0)
  slow.answer(1)
  await Promise.all(probes)
  assert.deepEqual(guard.state(), { state: 'CLOSED', forced: false, calls: 0, failed: 0, slow: 0 })
  assert.deepEqual(seen, ['CLOSED OPEN', 'OPEN HALF_OPEN', 'HALF_OPEN CLOSED'])
})

test('probes that fail open it for longer each time, and one that is answered forgets that', async () => {
  const time = world()
  const guard = breaker({ ...quick, probes: 1, world: time })
  for (let i = 0; i < 4; i++) await outcome(guard.run(ill))
  const until = (): number => {
    const state = guard.state()
    return state.state === 'OPEN' ? state.until - time.clock.monotonic() : 0
  }
  const waits: number[] = []
  for (let i = 0; i < 4; i++) {
    waits.push(until())
    await time.advance(until())
    await outcome(guard.run(ill))
  }
  for (const [i, least] of [1_000, 2_000, 4_000, 4_000].entries())
    assert.ok(waits[i]! >= least && waits[i]! <= least * 1.1, `${waits[i]} of ${least}`)
  await time.advance(until())
  await guard.run(well)
  for (let i = 0; i < 4; i++) await outcome(guard.run(ill))
  assert.ok(until() <= 1_100)
})

test('a function that never settles does not wedge it: its probes count as failed, and others are made', async () => {
  const time = world()
  const guard = breaker({ ...quick, probeTime: 500, world: time })
  for (let i = 0; i < 4; i++) await outcome(guard.run(ill))
  await time.advance(1_200)
  const silent = callee()
  void guard.run(silent.call)
  void guard.run(silent.call)
  await time.advance(400)
  assert.equal(await code(guard.run(well)), 'UNAVAILABLE')
  await time.advance(200)
  assert.equal(await code(guard.run(well)), 'UNAVAILABLE')
  const state = guard.state()
  assert.equal(state.state === 'OPEN' && state.because, 'PROBES_SILENT')
  // Far too late: they tell of another time.
  silent.answer(0)
  silent.answer(1)
  await turn()
  assert.equal(guard.state().state, 'OPEN')
  await time.advance(2_300)
  assert.deepEqual(await Promise.all([guard.run(well), guard.run(well)]), ['well', 'well'])
  assert.equal(guard.state().state, 'CLOSED')
})

test('slow calls open it as well, and what was waited for a place is not slow', async () => {
  const time = world()
  const slowly = (ms: number) => () => time.timers.sleep(ms).then(() => 'slow')
  const guard = breaker({ ...quick, slowCall: 100, slowCallRate: 0.5, world: time })
  for (let i = 0; i < 4; i++) {
    const call = guard.run(slowly(150))
    await time.advance(150)
    await call
  }
  const state = guard.state()
  assert.equal(state.state === 'OPEN' && state.because, 'SLOW_CALLS')

  const narrow = compose(
    breaker({ ...quick, slowCall: 100, slowCallRate: 0.5, world: time }),
    bulkhead({ concurrency: 1, queue: 10, world: time }),
  )
  const calls = Array.from({ length: 6 }, () => narrow.run(slowly(60)))
  await time.advance(400)
  assert.deepEqual(await Promise.all(calls), Array(6).fill('slow'))
  assert.equal(await narrow.run(well), 'well')
})

test('refusals by limits, the caller’s own end and declared errors never count as failures', async () => {
  const time = world()
  const guard = breaker({ ...quick, world: time })
  const limited = compose(guard, rateLimit({ rate: 1, per: 1_000_000, world: time }))
  await limited.run(well)
  for (let i = 0; i < 20; i++) assert.equal(await code(limited.run(well)), 'RESOURCE_EXHAUSTED')
  const errors = [
    new CallError('RESOURCE_EXHAUSTED', 'It is full'),
    new CallError('CANCELLED', 'Nobody waits'),
    new CallError('NOT_FOUND', 'It is not there'),
    new DeclaredError({ code: 'NO', data: undefined, status: 'ABORTED', message: 'No' }),
    new DOMException('given up', 'AbortError'),
  ]
  for (const error of errors)
    for (let i = 0; i < 10; i++) assert.equal(await outcome(guard.run(() => Promise.reject(error))), error)
  assert.equal(guard.state().state, 'CLOSED')
  assert.equal(guard.reading().failed, 0)
  // A call whose time has passed while it waited for a place was not made.
  const full = compose(guard, timeout({ ms: 10, world: time }), bulkhead({ concurrency: 1, queue: 100, world: time }))
  const silent = callee()
  const first = outcome(full.run(silent.call))
  const waiting = Array.from({ length: 20 }, () => code(full.run(well)))
  await time.advance(50)
  assert.deepEqual([...new Set(await Promise.all(waiting))], ['DEADLINE_EXCEEDED'])
  await first
  assert.equal(guard.reading().failed, 1, 'only the one that was made')
})

test('a call that gives up as a probe leaves the probe to another', async () => {
  const time = world()
  const guard = breaker({ ...quick, probes: 1, world: time })
  for (let i = 0; i < 4; i++) await outcome(guard.run(ill))
  await time.advance(1_200)
  await outcome(guard.run(() => Promise.reject(new CallError('CANCELLED', 'Nobody waits'))))
  assert.deepEqual(guard.state(), { state: 'HALF_OPEN', left: 1, underWay: 0 })
  await guard.run(well)
  assert.equal(guard.state().state, 'CLOSED')
})

test('forced open nothing is called, forced closed everything is, and released it goes on as new', async () => {
  const guard = breaker({ ...quick, world: world() })
  guard.force('open')
  assert.match(((await outcome(guard.run(well))) as Error).message, /its breaker is open; it is held open/)
  guard.force('closed')
  for (let i = 0; i < 20; i++) await outcome(guard.run(ill))
  assert.deepEqual(guard.state(), { state: 'CLOSED', forced: true, calls: 0, failed: 0, slow: 0 })
  guard.force(undefined)
  for (let i = 0; i < 4; i++) await outcome(guard.run(ill))
  assert.equal(guard.state().state, 'OPEN')
  assert.equal(breaker({ force: 'open', world: world() }).state().state, 'OPEN')
})

test('a policy that makes no sense is refused, in words', () => {
  assert.throws(() => breaker({ window: { calls: 10 }, minimumCalls: 20 }), /it would never open: "minimumCalls" is 20/)
  assert.throws(() => breaker({ failureRate: 0 }), /"failureRate" is 0; give a number from 0.001 to 1/)
  assert.throws(() => breaker({ open: { first: 10, max: 5 } }), /"open" is 10 ms at first and 5 ms at most/)
  assert.throws(() => breaker({ window: { calls: 1e9 } }), /"calls" is 1000000000/)
  assert.throws(() => breaker({ force: 'ajar' as never }), /"force" is ajar/)
})

test('who is told of a change and throws does not keep a call from its end', async () => {
  const guard = breaker({
    ...quick,
    world: world(),
    onChange: () => {
      throw new Error('not listening')
    },
  })
  for (let i = 0; i < 6; i++) assert.ok((await outcome(guard.run(ill))) instanceof Error)
  assert.equal(guard.state().state, 'OPEN')
})

test('a window of the last n counts exactly those, and one of time no less than its time but for a tenth', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20 }), fc.array(fc.nat(3), { maxLength: 100 }), (size, kinds) => {
      const window = countWindow(size, 4)
      for (const kind of kinds) window.add(kind, 0)
      const last = kinds.slice(-size)
      for (let kind = 0; kind < 4; kind++) assert.equal(window.count(kind, 0), last.filter((one) => one === kind).length)
    }),
  )
  fc.assert(
    fc.property(
      fc.integer({ min: 10, max: 1_000 }),
      fc.array(fc.tuple(fc.nat(300), fc.nat(3)), { maxLength: 60 }),
      fc.nat(500),
      (ms, steps, after) => {
        const window = timeWindow(ms, 4, 0)
        let now = 0
        const all = steps.map(([pause, kind]) => {
          now += pause
          window.add(kind, now)
          return { at: now, kind }
        })
        now += after
        for (let kind = 0; kind < 4; kind++) {
          const since = (from: number): number => all.filter((one) => one.kind === kind && one.at > from).length
          const found = window.count(kind, now)
          assert.ok(found >= since(now - ms * 0.9) && found <= since(now - ms - 1e-9), `${found} of kind ${kind} at ${now}`)
        }
      },
    ),
  )
})
