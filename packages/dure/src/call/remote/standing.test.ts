import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answers, fails, frozen, remoteRig } from './remote.test-support.ts'

test('a frozen instance is left out after a few calls, nobody waits past the deadline, and it comes back', async () => {
  const { world, call, up, process, transport } = remoteRig({ ejection: { stalls: 3, first: 1_000 } })
  up('a', 'b', 'c')
  process('a').behaviour = frozen
  const outcomes = []
  for (let i = 0; i < 600; i++) {
    outcomes.push(call({ timeout: 200, repeatable: i % 2 === 0 }))
    await world.advance(5)
  }
  const failed = outcomes.filter(({ result }) => result !== undefined && !result.startsWith('ok'))
  assert.ok(failed.every(({ result, took }) => result === 'DEADLINE_EXCEEDED' && took <= 220))
  // The one that ejected it, those sent beside it, and the probes since.
  assert.ok(failed.length >= 1 && failed.length <= 16, `${failed.length} calls failed`)
  const state = () => transport.status().services[0]!.instances.find(({ id }) => id === 'a')!.health
  assert.notEqual(state(), 'in')
  process('a').behaviour = answers()
  const before = process('a').received.length
  for (let i = 0; i < 600; i++) {
    outcomes.push(call({ timeout: 200 }))
    await world.advance(5)
  }
  assert.equal(state(), 'in')
  assert.ok(process('a').received.length - before > 50)
  assert.ok(outcomes.slice(600).every(({ result }) => result === undefined || result.startsWith('ok')))
})

test('a caller meets a frozen instance once, before it is left out for a while', async () => {
  const { world, call, up, process, transport } = remoteRig()
  up('a', 'b')
  process('a').behaviour = frozen
  const results: (string | undefined)[] = []
  // Until the first probe is due, one call after the other.
  while (world.clock.monotonic() < 1_000) {
    const outcome = call({ timeout: 200, repeatable: false })
    while (outcome.result === undefined) await world.advance(1)
    results.push(outcome.result)
  }
  assert.deepEqual(
    results.filter((result) => result !== 'ok b'),
    ['DEADLINE_EXCEEDED'],
  )
  assert.equal(transport.status().services[0]!.ejections, 1)
})

test('an instance that answers others in the meantime is slow with a call, and not frozen', async () => {
  const { world, call, up, process, transport } = remoteRig()
  up('a', 'b')
  process('b').state = 'down'
  for (let i = 0; i < 6; i++) {
    process('a').script = [frozen]
    const slow = call({ timeout: 200 })
    for (let others = 0; others < 3; others++) {
      const other = call({ timeout: 200 })
      await world.advance(80)
      assert.equal(other.result, 'ok a')
    }
    assert.equal(slow.result, 'DEADLINE_EXCEEDED')
  }
  assert.equal(transport.status().services[0]!.ejections, 0)
})

test('a call that came to an instance late says little about it', async () => {
  const { world, call, up, process, transport } = remoteRig()
  up('a', 'b')
  // Whichever is asked first fails, after all but 60 milliseconds of the time; the other one is silent for these.
  process('a').script = [fails('UNAVAILABLE', {}, 140)]
  process('b').script = [fails('UNAVAILABLE', {}, 140)]
  process('a').behaviour = process('b').behaviour = frozen
  const late = call({ timeout: 200 })
  await world.advance(120)
  process('a').script = process('b').script = []
  await world.advance(200)
  assert.equal(late.result, 'DEADLINE_EXCEEDED')
  assert.equal(process('a').received.length + process('b').received.length, 2)
  assert.equal(transport.status().services[0]!.ejections, 0)
})

test('successes in between keep an instance in, however many of its calls fail', async () => {
  const { world, call, up, process, transport } = remoteRig({ attempts: 1, ejection: { failures: 2 } })
  up('a', 'b')
  process('b').state = 'down'
  for (let i = 0; i < 20; i++) {
    process('a').script = i % 2 === 0 ? [fails('INTERNAL')] : []
    call()
    await world.advance(2)
  }
  assert.equal(process('a').received.length, 20)
  assert.equal(transport.status().services[0]!.ejections, 0)
})

test('calls that wait for a place at an instance that is left out go elsewhere at once', async () => {
  const { world, call, up, process, transport } = remoteRig({ concurrency: 1, queue: 10, ejection: { stalls: 1 } })
  up('a')
  process('a').behaviour = frozen
  const stalled = call({ timeout: 200 })
  await world.advance(1)
  const waiting = Array.from({ length: 3 }, () => call({ timeout: 5_000 }))
  up('b')
  await world.advance(150)
  assert.deepEqual(
    waiting.map(({ result }) => result),
    [undefined, undefined, undefined],
  )
  await world.advance(100)
  assert.equal(stalled.result, 'DEADLINE_EXCEEDED')
  assert.equal(transport.status().services[0]!.ejections, 1)
  const left = waiting.filter(({ result }) => result !== 'ok b')
  assert.ok(left.length <= 1, 'all but the one whose turn had come at that moment')
})

test('a probe is one call at a time, and a call that may be repeated is not hurt by it', async () => {
  const { world, call, up, process } = remoteRig({ ejection: { failures: 1, first: 1_000 } })
  up('a', 'b')
  process('a').behaviour = fails('UNAVAILABLE')
  const first = Array.from({ length: 8 }, () => call())
  await world.advance(10)
  assert.ok(first.every(({ result }) => result === 'ok b'))
  await world.advance(1_200)
  process('a').received.length = 0
  process('a').behaviour = fails('UNAVAILABLE', {}, 50)
  const probes = Array.from({ length: 10 }, () => call())
  await world.advance(10)
  assert.equal(process('a').received.length, 1)
  await world.advance(100)
  assert.ok(probes.every(({ result }) => result === 'ok b'))
})

test('a call that must not happen twice probes only what no other call has probed for a while', async () => {
  const { world, call, up, process } = remoteRig({ ejection: { failures: 1, first: 1_000 } })
  up('a', 'b')
  process('a').script = [fails('UNAVAILABLE')]
  while (process('a').received.length === 0) {
    call()
    await world.advance(2)
  }
  await world.advance(1_200)
  const early = call({ repeatable: false })
  await world.advance(5)
  assert.equal(early.result, 'ok b')
  await world.advance(1_500)
  const overdue = call({ repeatable: false })
  await world.advance(5)
  assert.equal(overdue.result, 'ok a')
})

test('when all are left out, calls fail at once and say when the next try is', async () => {
  const { world, call, up, process, transport } = remoteRig({ attempts: 1, ejection: { failures: 1, share: 1, first: 1_000 } })
  up('a', 'b')
  for (const name of ['a', 'b']) process(name).behaviour = fails('UNAVAILABLE')
  while (transport.status().services[0]?.instances.some(({ health }) => health === 'in') ?? true) {
    call()
    await world.advance(1)
  }
  const before = process('a').received.length + process('b').received.length
  const refused = call()
  await world.advance(1)
  assert.equal(refused.result, 'UNAVAILABLE')
  assert.match(
    refused.message,
    /all 2 instances of service "orders" failed or stalled lately and are left out; the first is tried again in \d+ ms/,
  )
  assert.equal(process('a').received.length + process('b').received.length, before)
  for (const name of ['a', 'b']) process(name).behaviour = answers()
  await world.advance(1_200)
  const back = call()
  await world.advance(5)
  assert.match(back.result!, /^ok/)
})

test('an instance whose connection is down is passed by while there are others', async () => {
  const { world, call, up, process } = remoteRig()
  up('a', 'b')
  process('a').state = 'down'
  const outcomes = Array.from({ length: 20 }, () => call({ repeatable: false }))
  await world.advance(5)
  assert.ok(outcomes.every(({ result }) => result === 'ok b'))
  process('b').state = 'down'
  const last = call()
  await world.advance(5)
  assert.match(last.result!, /^ok/)
})
