import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Cancellation } from '../cancellation.ts'
import { answers, at, fails, frozen, instanceAt, remoteRig } from './remote.test-support.ts'

test('calls go to the instance, and spread over several by what they have in hand', async () => {
  const { world, call, up, process } = remoteRig()
  up('a')
  const only = call()
  await world.advance(5)
  assert.equal(only.result, 'ok a')
  up('b', 'c')
  process('a').behaviour = answers(50)
  for (let i = 0; i < 300; i++) {
    call()
    await world.advance(1)
  }
  assert.equal(process('a').connections, 1)
  assert.ok(process('a').received.length < 80, `the slow one had ${process('a').received.length} of 300`)
  assert.ok(process('b').received.length > 90 && process('c').received.length > 90)
})

test('a call that finds no instance waits for the first one, within its deadline', async () => {
  const { world, call, up, transport } = remoteRig({ patience: 3_000, waiters: 3 })
  const early = call({ timeout: 10_000 })
  const hurried = call({ timeout: 500 })
  const caller = new Cancellation()
  const cancelled = call({ timeout: 10_000, cancellation: caller })
  const fourth = call({ timeout: 10_000 })
  await world.advance(10)
  assert.equal(fourth.result, 'UNAVAILABLE')
  assert.match(fourth.message, /no instance of service "orders" is registered, and 3 calls wait for one already; start it/)
  caller.cancel('caller')
  await world.advance(600)
  assert.equal(cancelled.result, 'CANCELLED')
  assert.equal(hurried.result, 'UNAVAILABLE')
  assert.match(
    hurried.message,
    /Call to orders.find failed: no instance of service "orders" is registered, and none appeared within 500 ms/,
  )
  assert.ok(hurried.took <= 520)
  assert.equal(transport.status().services[0]!.waiting, 1)
  up('a')
  await world.advance(10)
  assert.equal(early.result, 'ok a')
  // The wheel of deadlines sleeps over empty slots, and finds out when it wakes that nothing is left.
  await world.advance(1_000)
  assert.equal(world.pending(), 0)

  const patient = remoteRig({ patience: 3_000 })
  const late = patient.call({ timeout: 60_000 })
  await patient.world.advance(3_100)
  assert.equal(late.result, 'UNAVAILABLE')
})

test('only an instance that is up gets calls; one that drains answers what it has; one that moves is followed', async () => {
  const { world, call, registry, process } = remoteRig({ patience: 3_000 })
  const instance = instanceAt({ service: 'orders', id: 'one', address: at('a') })
  registry.put({ ...instance, status: 'starting', endpoints: {} })
  const early = call({ timeout: 10_000 })
  await world.advance(10)
  assert.equal(early.result, undefined)
  registry.put(instance)
  await world.advance(10)
  assert.equal(early.result, 'ok a')

  process('a').behaviour = answers(100)
  const taken = call()
  await world.advance(1)
  registry.put({ ...instance, status: 'draining' })
  const late = call({ timeout: 500 })
  await world.advance(600)
  assert.equal(taken.result, 'ok a')
  assert.equal(late.result, 'UNAVAILABLE')
  assert.equal(process('a').received.length, 2)

  registry.put(instanceAt({ service: 'orders', id: 'one', address: at('b') }))
  const moved = call()
  await world.advance(10)
  assert.equal(moved.result, 'ok b')
})

test('an instance that leaves finishes what it has, gets nothing new, and its connection ends', async () => {
  const { world, call, up, down, process } = remoteRig()
  up('a', 'b')
  process('a').behaviour = answers(100)
  process('b').behaviour = answers(100)
  const outcomes = Array.from({ length: 10 }, () => call())
  await world.advance(1)
  const had = process('a').received.length
  assert.ok(had > 0)
  down('a')
  const after = Array.from({ length: 5 }, () => call())
  await world.advance(50)
  assert.equal(process('a').stops, 0)
  await world.advance(100)
  assert.ok([...outcomes, ...after].every(({ result }) => result?.startsWith('ok')))
  assert.ok(after.every(({ result }) => result === 'ok b'))
  assert.equal(process('a').received.length, had)
  assert.equal(process('a').stops, 1)
})

test('services of one process share its connection, and the last to leave ends it', async () => {
  const { world, call, up, down, process } = remoteRig()
  up('a', 'stock@a')
  const outcomes = [call(), call({ service: 'stock' })]
  await world.advance(5)
  assert.deepEqual(
    outcomes.map(({ result }) => result),
    ['ok a', 'ok a'],
  )
  assert.equal(process('a').connections, 1)
  down('a')
  await world.advance(1)
  assert.equal(process('a').stops, 0)
  up('a#2')
  down('stock@a')
  await world.advance(1)
  assert.equal(process('a').stops, 0)
  assert.equal(process('a').connections, 1)
  down('a#2')
  await world.advance(1)
  assert.equal(process('a').stops, 1)
})

test('so many calls to a peer at once: some wait, the rest is shed at once, and the places are used again', async () => {
  const { world, call, up, process, transport } = remoteRig({ concurrency: 4, queue: 6 })
  up('a')
  process('a').behaviour = answers(20)
  const outcomes = Array.from({ length: 15 }, () => call({ repeatable: false }))
  await world.advance(1)
  assert.equal(outcomes.filter(({ result }) => result === 'RESOURCE_EXHAUSTED').length, 5)
  assert.match(outcomes.at(-1)!.message, /No place at peer unix:a: 4 of 4 places are taken and 6 of 6 callers wait/)
  await world.advance(200)
  assert.equal(outcomes.filter(({ result }) => result === 'ok a').length, 10)
  assert.equal(process('a').mostInFlight, 4)
  const { instances, refused } = transport.status().services[0]!
  assert.deepEqual([instances[0]!.pending, instances[0]!.queued, refused], [0, 0, 5])
})

test('calls that wait for a place at a peer that goes away go elsewhere', async () => {
  const { world, call, up, down, process } = remoteRig({ concurrency: 1, queue: 10 })
  up('a')
  process('a').behaviour = frozen
  const outcomes = Array.from({ length: 4 }, () => call({ timeout: 500 }))
  await world.advance(10)
  up('b')
  down('a')
  await world.advance(100)
  assert.deepEqual(
    outcomes.map(({ result }) => result),
    [undefined, 'ok b', 'ok b', 'ok b'],
  )
  await world.advance(500)
  assert.equal(outcomes[0]!.result, 'DEADLINE_EXCEEDED')
  assert.equal(process('a').stops, 1)
})

test('a stop fails whoever waits, ends every connection, and refuses what comes later', async () => {
  const { world, call, up, process, transport, registry } = remoteRig()
  const waiting = call()
  up('stock@b')
  const stock = call({ service: 'stock' })
  await world.advance(5)
  assert.equal(stock.result, 'ok b')
  await transport.stop()
  await transport.stop()
  await world.advance(1)
  assert.equal(waiting.result, 'UNAVAILABLE')
  assert.equal(process('b').stops, 1)
  assert.equal(registry.watchers(), 0)
  const later = [call(), call({ service: 'stock' }), call({ service: 'new' })]
  await world.advance(1)
  assert.ok(later.every(({ result }) => result === 'UNAVAILABLE'))
  assert.equal(world.pending(), 0)
})

test('under any weather: every call ends by its deadline, no place is lost, and calm brings all back', async () => {
  const weather = fc.record({
    process: fc.constantFrom('a', 'b', 'c'),
    turn: fc.constantFrom('answers', 'slow', 'UNAVAILABLE', 'INTERNAL', 'frozen', 'leaves', 'appears', 'down', 'up'),
    calls: fc.nat(6),
    wait: fc.nat(400),
    timeout: fc.integer({ min: 1, max: 600 }),
    repeatable: fc.boolean(),
    cancels: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(weather, { minLength: 1, maxLength: 25 }), async (days) => {
      const { world, call, up, down, process, transport } = remoteRig({
        concurrency: 3,
        queue: 2,
        waiters: 4,
        ejection: { failures: 2, stalls: 1, first: 200, max: 800 },
      })
      up('a', 'b')
      const outcomes: { outcome: ReturnType<typeof call>; timeout: number }[] = []
      for (const { process: name, turn, calls, wait, timeout, repeatable, cancels } of days) {
        const one = process(name)
        if (turn === 'leaves') down(name)
        else if (turn === 'appears') up(name)
        else if (turn === 'down' || turn === 'up') one.state = turn
        else if (turn === 'frozen') one.behaviour = frozen
        else if (turn === 'answers' || turn === 'slow') one.behaviour = answers(turn === 'slow' ? 300 : 1)
        else one.behaviour = fails(turn)
        const cancellation = new Cancellation()
        for (let i = 0; i < calls; i++) outcomes.push({ outcome: call({ timeout, repeatable, cancellation }), timeout })
        await world.advance(wait / 2)
        if (cancels) cancellation.cancel('caller')
        await world.advance(wait / 2)
      }
      await world.advance(700)
      for (const { outcome, timeout } of outcomes) {
        assert.notEqual(outcome.result, undefined, 'a call was forgotten')
        assert.ok(outcome.took <= timeout + 20, `${outcome.took} ms of ${timeout}`)
      }
      for (const { pending, queued } of transport.status().services[0]?.instances ?? [])
        assert.deepEqual([pending, queued], [0, 0])

      for (const name of ['a', 'b', 'c']) {
        Object.assign(process(name), { behaviour: answers(), state: 'up' })
        down(name)
      }
      up('a', 'b', 'c')
      await world.advance(1_000)
      const calm = Array.from({ length: 5 }, () => call({ repeatable: false }))
      await world.advance(50)
      for (const { result } of calm) assert.match(result!, /^ok/)
      await transport.stop()
      assert.equal(world.pending(), 0)
    }),
    { numRuns: 60 },
  )
})
