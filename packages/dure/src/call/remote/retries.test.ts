import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CallError, DeclaredError } from '../../contract/contract.ts'
import { Cancellation } from '../cancellation.ts'
import { answers, fails, remoteRig } from './remote.test-support.ts'

test('what may be repeated moves on from an instance that cannot be reached; what may not, does not', async () => {
  const { world, call, up, process } = remoteRig()
  up('a', 'b')
  process('a').behaviour = fails('UNAVAILABLE')
  const outcomes = Array.from({ length: 4 }, () => call())
  await world.advance(5)
  assert.deepEqual(
    outcomes.map(({ result }) => result),
    ['ok b', 'ok b', 'ok b', 'ok b'],
  )
  assert.ok(process('a').received.length > 0)

  process('a').received.length = 0
  process('b').received.length = 0
  const once = Array.from({ length: 8 }, () => call({ repeatable: false }))
  await world.advance(5)
  const failed = once.filter(({ result }) => result === 'UNAVAILABLE').length
  assert.ok(failed > 0)
  assert.equal(failed, process('a').received.length)
  assert.equal(once.filter(({ result }) => result === 'ok b').length, process('b').received.length)
})

test('what surely has not begun is sent elsewhere even when it must not happen twice', async () => {
  const { world, call, up, process } = remoteRig()
  up('a', 'b')
  process('a').behaviour = fails('UNAVAILABLE', { begun: false })
  const outcomes = Array.from({ length: 10 }, () => call({ repeatable: false }))
  await world.advance(5)
  assert.ok(outcomes.every(({ result }) => result === 'ok b'))
  assert.ok(process('a').received.length > 0)
})

test('an instance that is full has others asked, each once, whatever the call is', async () => {
  const full = fails('RESOURCE_EXHAUSTED', { begun: false })
  for (const repeatable of [true, false]) {
    const { world, call, up, process, transport } = remoteRig()
    up('a', 'b', 'c')
    process('a').behaviour = full
    process('b').behaviour = full
    const outcomes = Array.from({ length: 10 }, () => call({ repeatable }))
    await world.advance(5)
    assert.ok(outcomes.every(({ result }) => result === 'ok c'))
    assert.ok(process('a').received.length + process('b').received.length > 0)
    // Being full is no fault: nobody is left out for it.
    assert.equal(transport.status().services[0]!.ejections, 0)

    process('c').behaviour = full
    for (const name of ['a', 'b', 'c']) process(name).received.length = 0
    const refused = call({ repeatable })
    await world.advance(1_000)
    assert.equal(refused.result, 'RESOURCE_EXHAUSTED')
    assert.deepEqual(
      ['a', 'b', 'c'].map((name) => process(name).received.length),
      [1, 1, 1],
    )
  }
})

test('a copy of an older release is asked once for what it does not have, and never again; the next copy has it', async () => {
  const unknown = fails('UNIMPLEMENTED', { begun: false })
  const { world, call, up, down, process, transport } = remoteRig()
  up('a', 'b', 'c')
  for (const name of ['a', 'b']) process(name).behaviour = unknown
  for (let n = 0; n < 100; n++) {
    const outcome = call({ repeatable: false })
    await world.advance(5)
    assert.equal(outcome.result, 'ok c')
  }
  assert.deepEqual([process('a').received.length, process('b').received.length], [1, 1])
  assert.equal(transport.status().services[0]!.ejections, 0)
  // Nobody is left who has it: that is the answer. A copy that is replaced is asked anew.
  down('c')
  const nobody = call()
  await world.advance(5)
  assert.equal(nobody.result, 'UNIMPLEMENTED')
  down('a')
  process('a').behaviour = answers()
  up('a#2')
  const again = call()
  await world.advance(5)
  assert.equal(again.result, 'ok a')
})

test('what a full instance turned away is not asked of others without budget, and not of nobody', async () => {
  const full = fails('RESOURCE_EXHAUSTED', { begun: false })
  const { world, call, up, process, transport } = remoteRig({ budget: { ratio: 0, minimumPerSecond: 0 } })
  up('a', 'b')
  for (const name of ['a', 'b']) process(name).behaviour = full
  const poor = call()
  await world.advance(5)
  assert.equal(poor.result, 'RESOURCE_EXHAUSTED')
  assert.equal(process('a').received.length + process('b').received.length, 1)
  assert.equal(transport.status().services[0]!.retries, 0)

  const alone = remoteRig()
  alone.up('a')
  alone.process('a').behaviour = full
  const outcome = alone.call()
  await alone.world.advance(1_000)
  assert.equal(outcome.result, 'RESOURCE_EXHAUSTED')
  assert.equal(alone.process('a').received.length, 1)
})

test('answers are never asked for again: declared errors, refused inputs, limits, passed deadlines, faults', async () => {
  for (const code of [
    'INVALID_ARGUMENT',
    'CANCELLED',
    'RESOURCE_EXHAUSTED',
    'DEADLINE_EXCEEDED',
    'INTERNAL',
    'ABORTED',
  ] as const) {
    const { world, call, up, process, transport } = remoteRig()
    up('a', 'b')
    for (const name of ['a', 'b']) process(name).behaviour = fails(code)
    const outcome = call()
    await world.advance(5)
    assert.equal(outcome.result, code)
    assert.equal(process('a').received.length + process('b').received.length, 1, code)
    assert.equal(transport.status().services[0]!.retries, 0)
  }
  const { world, call, up, process } = remoteRig()
  up('a')
  process('a').behaviour = {
    kind: 'fails',
    after: 0,
    error: () => new DeclaredError({ code: 'OUT_OF_STOCK', data: undefined, status: 'UNAVAILABLE', message: 'declared' }),
  }
  const outcome = call()
  await world.advance(5)
  assert.match(outcome.result!, /declared/)
  assert.equal(process('a').received.length, 1)
})

test('one instance alone is tried again with backoff, so many times and no longer than the deadline', async () => {
  const { world, call, up, process } = remoteRig({ attempts: 4, backoff: { first: 20, max: 1_000 } })
  up('a')
  process('a').script = [fails('UNAVAILABLE'), fails('UNAVAILABLE')]
  const third = call()
  await world.advance(100)
  assert.equal(third.result, 'ok a')
  process('a').behaviour = fails('UNAVAILABLE')
  process('a').received.length = 0
  const failed = call()
  await world.advance(1_000)
  assert.equal(failed.result, 'UNAVAILABLE')
  assert.equal(process('a').received.length, 4)
  process('a').received.length = 0
  const hurried = call({ timeout: 1 })
  await world.advance(1_000)
  assert.equal(hurried.result, 'UNAVAILABLE')
  assert.ok(hurried.took <= 1)
})

test('when everybody fails, retries add a fifth to the load and no more', async () => {
  const { world, call, up, process, transport } = remoteRig({ budget: { ratio: 0.2, minimumPerSecond: 1 } })
  up('a', 'b', 'c')
  for (const name of ['a', 'b', 'c']) process(name).behaviour = fails('UNAVAILABLE')
  const outcomes = []
  for (let i = 0; i < 1_000; i++) {
    outcomes.push(call())
    await world.advance(1)
  }
  await world.advance(1_000)
  assert.ok(outcomes.every(({ result }) => result === 'UNAVAILABLE'))
  const sent = ['a', 'b', 'c'].reduce((sum, name) => sum + process(name).received.length, 0)
  assert.ok(sent > 1_150 && sent <= 1_000 * 1.2 + 11, `${sent} were sent for 1000 calls`)
  assert.equal(transport.status().services[0]!.retries, sent - 1_000)
})

test('while nobody can be reached calls wait, and go through when somebody can, even if they must not happen twice', async () => {
  const { world, call, up, process, transport } = remoteRig({ waiters: 3, patience: 2_000 })
  up('a', 'b')
  const unreached = fails('UNAVAILABLE', { begun: false })
  for (const name of ['a', 'b']) Object.assign(process(name), { behaviour: unreached, state: 'down' })
  const caller = new Cancellation()
  const calls = [
    call({ timeout: 10_000, repeatable: false }),
    call({ timeout: 500 }),
    call({ cancellation: caller, timeout: 10_000 }),
  ]
  await world.advance(50)
  const beyond = call({ timeout: 10_000 })
  await world.advance(1)
  assert.equal(beyond.result, 'UNAVAILABLE', 'so many may wait and no more')
  caller.cancel('caller')
  await world.advance(700)
  assert.deepEqual(
    calls.map(({ result }) => result),
    [undefined, 'UNAVAILABLE', 'CANCELLED'],
  )
  assert.ok(calls[1]!.took <= 500)
  Object.assign(process('b'), { behaviour: answers(), state: 'up' })
  await world.advance(200)
  assert.equal(calls[0]!.result, 'ok b')
  const { retries, waiting } = transport.status().services[0]!
  assert.deepEqual([retries, waiting], [0, 0], 'what never left was no retry')

  Object.assign(process('b'), { behaviour: unreached, state: 'down' })
  const impatient = call({ timeout: 10_000 })
  await world.advance(2_100)
  assert.equal(impatient.result, 'UNAVAILABLE')
  assert.ok(impatient.took <= 2_000)
})

test('what was not reached was no try: the tries that count are those that were sent', async () => {
  const { world, call, up, process } = remoteRig({ attempts: 2 })
  up('a')
  Object.assign(process('a'), { behaviour: fails('UNAVAILABLE', { begun: false }), state: 'down' })
  const patient = call({ timeout: 10_000 })
  await world.advance(1_000)
  assert.ok(process('a').received.length > 5)
  Object.assign(process('a'), { script: [fails('UNAVAILABLE')], behaviour: answers(), state: 'up' })
  await world.advance(1_000)
  assert.equal(patient.result, 'ok a')

  // A service that is stopping answers that it has not begun: that was sent, and counts.
  process('a').behaviour = fails('UNAVAILABLE', { begun: false })
  process('a').received.length = 0
  const refused = call({ timeout: 10_000, repeatable: false })
  await world.advance(1_000)
  assert.equal(refused.result, 'UNAVAILABLE')
  assert.equal(process('a').received.length, 2)
})

test('a call that finds the connection broken goes to another instance at once', async () => {
  const { world, call, up, process } = remoteRig({ budget: { ratio: 0, minimumPerSecond: 0 } })
  up('a', 'b')
  for (const name of ['a', 'b']) {
    const breaking = process(name)
    breaking.script = [
      {
        kind: 'fails',
        after: 0,
        error: () => {
          breaking.state = 'down'
          process(name === 'a' ? 'b' : 'a').script = []
          return new CallError('UNAVAILABLE', 'no connection', { details: { begun: false } })
        },
      },
    ]
  }
  const moved = call({ repeatable: false })
  await world.advance(5)
  assert.match(moved.result!, /^ok/)
  assert.ok(moved.took <= 2)
  assert.equal(process('a').received.length + process('b').received.length, 2)
})

test('what is sent again is what was sent first, or nothing', async () => {
  const { world, up, process, transport, context } = remoteRig()
  up('a', 'b')
  for (const name of ['a', 'b']) process(name).script = [fails('UNAVAILABLE', {}, 5)]
  const route = transport.route({ service: 'orders', operation: 'find', repeatable: true })
  const received = () => [...process('a').received, ...process('b').received].map((input) => JSON.stringify(input))
  const changed = { lines: [{ sku: 'x' }] }
  const failing = route.call(changed, context(1_000))
  const refused = assert.rejects(failing, { code: 'UNAVAILABLE' })
  changed.lines[0]!.sku = 'y'
  await world.advance(50)
  await refused
  assert.equal(received().length, 1)

  for (const name of ['a', 'b']) process(name).script = [fails('UNAVAILABLE', {}, 5)]
  const again = route.call({ lines: [{ sku: 'z' }] }, context(1_000))
  await world.advance(100)
  assert.match(String(await again), /^[ab]$/)
  assert.deepEqual(received().slice(-1), ['{"lines":[{"sku":"z"}]}'])

  for (const name of ['a', 'b']) process(name).script = [fails('UNAVAILABLE', {}, 5)]
  const kept = { lines: new Map([['x', 1]]) }
  const answer = route.call(kept, context(1_000))
  kept.lines.set('x', 2)
  await world.advance(100)
  assert.match(String(await answer), /^[ab]$/)
  const maps = [...process('a').received, ...process('b').received].slice(-3) as (typeof kept)[]
  assert.ok(maps.filter(({ lines }) => lines instanceof Map).every(({ lines }) => lines.get('x') === 1))
})
