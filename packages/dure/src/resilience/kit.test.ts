import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CallError, DeclaredError } from '../contract/contract.ts'
import { callee, code, outcome, turn, world } from './kit.test-support.ts'
import { breaker, bulkhead, cache, collapse, compose, fallback, hedge, refusedBy, retry, timeout } from './resilience.ts'

const down = (): Promise<string> => Promise.reject(new CallError('UNAVAILABLE', 'It is down'))
const no = new DeclaredError({ code: 'NO', data: undefined, status: 'ABORTED', message: 'No' })

test('a fallback answers for what failed or was refused, is told apart, and leaves declared errors and wrong calls alone', async () => {
  const guard = fallback((error) => `instead of ${(error as Error).message}`)
  assert.deepEqual(await guard.answer(down), { value: 'instead of It is down', from: 'fallback' })
  assert.deepEqual(await guard.answer(async () => 'well'), { value: 'well', from: 'callee' })
  assert.equal(await outcome(guard.run(() => Promise.reject(no))), no)
  for (const status of ['INVALID_ARGUMENT', 'CANCELLED', 'PERMISSION_DENIED'] as const)
    assert.equal(await code(guard.run(() => Promise.reject(new CallError(status, 'No')))), status)
  const narrow = compose(guard, bulkhead({ concurrency: 1, world: world() }))
  void narrow.run(callee().call)
  assert.match(String(await narrow.run(async () => 'well')), /^instead of No place/)
})

test('a fallback that throws: both errors are told', async () => {
  const second = new Error('the shelf is empty')
  const guard = fallback(
    () => {
      throw second
    },
    { name: 'shop' },
  )
  const error = (await outcome(guard.run(down))) as CallError
  assert.equal(error.code, 'UNAVAILABLE')
  assert.equal(error.message, 'Call of "shop" failed (It is down), and so did its fallback (the shelf is empty)')
  assert.deepEqual((error.cause as AggregateError).errors.slice(1), [second])
  const hesitant = fallback(() => 'x', {
    when: () => {
      throw second
    },
  })
  assert.match(((await outcome(hesitant.run(down))) as Error).message, /the shelf is empty/)
})

test('a time limit ends the call and tells the function, whatever that makes of it', async () => {
  const time = world()
  const slow = callee()
  const call = timeout({ ms: 100, name: 'it', world: time }).run(slow.call)
  const ended = outcome(call)
  await time.advance(120)
  assert.match(((await ended) as Error).message, /Call of "it" was not answered within 100 ms$/)
  assert.equal(slow.signals[0]!.aborted, true)
  slow.answer(0)
  await turn()
  await time.advance(1_000)
  assert.equal(time.pending(), 0, 'no timer is left')
})

test('what failed is made again with pauses, within attempts and budget; what was refused or is an answer is not', async () => {
  const time = world()
  const pauses = { first: 100, max: 400 }
  const failing = callee()
  const call = outcome(retry({ attempts: 3, backoff: pauses, world: time }).run(failing.call))
  for (let i = 0; i < 3; i++) {
    assert.equal(failing.calls(), i + 1)
    failing.fail(i)
    await time.advance(400)
  }
  assert.match(((await call) as Error).message, /failure 2/)

  let calls = 0
  const counted = (error: unknown) => () => {
    calls++
    return Promise.reject(error)
  }
  const guard = retry({ attempts: 5, backoff: { first: 0, max: 0 }, budget: { minimumPerSecond: 0, ratio: 0 }, world: time })
  await outcome(guard.run(counted(new Error('ill'))))
  assert.equal(calls, 1, 'the budget has none')
  const eager = retry({ backoff: { first: 0, max: 0 }, world: time })
  for (const error of [no, new CallError('RESOURCE_EXHAUSTED', 'Full'), new CallError('NOT_FOUND', 'No')]) {
    calls = 0
    await outcome(eager.run(counted(error)))
    assert.equal(calls, 1)
  }
  calls = 0
  await outcome(eager.run(counted(new Error('ill')), { repeatable: false }))
  assert.equal(calls, 1, 'it must not be made twice')
})

test('a caller that gives up during a pause ends it, with its own reason', async () => {
  const time = world()
  const failing = callee()
  const controller = new AbortController()
  const call = outcome(
    retry({ backoff: { first: 1_000, max: 1_000 }, world: time }).run(failing.call, { signal: controller.signal }),
  )
  failing.fail(0)
  await time.advance(100)
  const reason = new Error('too long')
  controller.abort(reason)
  assert.equal(await call, reason)
  await time.advance(5_000)
  assert.equal(failing.calls(), 1)
})

test('a call that is late is made once more, the first answer counts, and the other is told', async () => {
  const time = world()
  const slow = callee()
  const guard = hedge({ after: 100, world: time })
  const call = guard.run(slow.call)
  await time.advance(120)
  assert.equal(slow.calls(), 2)
  slow.fail(1)
  await turn()
  slow.answer(0)
  assert.equal(await call, 'answer 0', 'where one has failed the other may answer')
  const other = guard.run(slow.call)
  await time.advance(120)
  slow.answer(3)
  assert.equal(await other, 'answer 3')
  assert.deepEqual([slow.signals[2]!.aborted, slow.signals[3]!.aborted], [true, false])
  const single = outcome(guard.run(slow.call, { repeatable: false }))
  await time.advance(1_000)
  assert.equal(slow.calls(), 5, 'what may not be made twice is not')
  slow.fail(4)
  await single
  const failed = outcome(guard.run(slow.call))
  slow.fail(5)
  assert.match(((await failed) as Error).message, /failure 5/, 'a failure is for retry')
  await time.advance(1_000)
  assert.equal(time.pending(), 0)
})

test('hedges are bounded by number and budget', async () => {
  const time = world()
  const slow = callee()
  const guard = hedge({ after: 10, most: 4, budget: { ratio: 0, minimumPerSecond: 1, window: 2_000 }, world: time })
  void guard.run(slow.call)
  await time.advance(1_000)
  assert.equal(slow.calls(), 3, 'two of the budget')
})

test('calls of one key are one call while it is under way; it ends when its last caller has given up', async () => {
  const slow = callee()
  const guard = collapse({ copy: structuredClone })
  const calls = ['a', 'a', 'b'].map((key) => guard.run(slow.call, { key }))
  assert.equal(slow.calls(), 2)
  slow.answer(0)
  slow.fail(1)
  assert.deepEqual(await Promise.all(calls.map(outcome)).then((all) => all.map(String)), [
    'answer 0',
    'answer 0',
    'Error: failure 1',
  ])
  const [one, two] = [new AbortController(), new AbortController()]
  const shared = [one, two].map(({ signal }) => outcome(guard.run(slow.call, { key: 'c', signal })))
  one.abort(new Error('one'))
  assert.equal(String(await shared[0]), 'Error: one')
  assert.equal(slow.signals[2]!.aborted, false, 'somebody waits still')
  two.abort(new Error('two'))
  await shared[1]
  assert.equal(slow.signals[2]!.aborted, true)
  void guard.run(slow.call, { key: 'c' })
  assert.equal(slow.calls(), 4, 'what nobody waited for is not joined')
  assert.match(((await outcome(guard.run(slow.call))) as Error).message, /Cannot collapse calls that have no key/)
  assert.throws(() => guard.around(async () => 1), /have no key/)
})

test('all that share a call get copies of its answer, and a copy that cannot be made fails whom it is for', async () => {
  const value = { list: [1] }
  const guard = collapse({ copy: structuredClone })
  const [first, second] = await Promise.all([1, 2].map(() => guard.run(async () => value, { key: 'k' })))
  assert.equal(first, value)
  assert.deepEqual(second, value)
  assert.notEqual(second, value)
  const results = await Promise.allSettled([1, 2].map(() => guard.run(async () => () => 1, { key: 'k' })))
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected'],
  )
})

test('an answer is given again while it is fresh, and while there is no other', async () => {
  const time = world()
  const guard = cache({ fresh: 100, stale: 1_000, world: time })
  let up = true
  let calls = 0
  const ask = async (): Promise<number> => {
    calls++
    if (!up) throw new Error('down')
    return calls
  }
  const seen = () => guard.answer(ask, { key: 'k' })
  assert.deepEqual(
    [await seen(), await seen()],
    [
      { value: 1, from: 'callee' },
      { value: 1, from: 'cache' },
    ],
  )
  await time.advance(100)
  up = false
  assert.deepEqual([await seen(), calls], [{ value: 1, from: 'stale' }, 2])
  assert.equal(
    String(await outcome(guard.run(() => Promise.reject(no), { key: 'k' }))),
    String(no),
    'a declared error is an answer',
  )
  await time.advance(900)
  assert.equal(String(await outcome(seen())), 'Error: down', 'too old')
  assert.throws(() => cache({ fresh: 10, stale: 5 }), /fresh for 10 ms and kept for 5 ms/)
})

test('what is kept is bounded by number and bytes; what was used longest ago goes first', async () => {
  const guard = cache({ entries: 3, bytes: 4_000, fresh: 60_000, world: world() })
  const put = (key: string, value: unknown) => guard.run(async () => value, { key })
  const has = async (key: string): Promise<boolean> => (await guard.answer(async () => 'new', { key })).from === 'cache'
  for (const key of ['a', 'b', 'c']) await put(key, key)
  assert.ok(await has('a'))
  await put('d', 'd')
  assert.equal(guard.size().entries, 3)
  assert.deepEqual([await has('a'), await has('d')], [true, true])
  await put('large', 'x'.repeat(900))
  assert.ok(guard.size().bytes <= 4_000)
  await put('larger', 'x'.repeat(1_900))
  assert.equal(guard.size().entries <= 3, true)
  assert.equal(
    (await guard.answer(async () => 1, { key: 'larger' })).from,
    'callee',
    'what would drive out all others is not kept',
  )
  await put('bytes', new Uint8Array(1_000))
  await put('bytes', new Map([[1, new Set(['x'])]]))
  const cycle: unknown[] = []
  cycle.push(cycle)
  await put('cycle', cycle)
  assert.ok(guard.size().bytes > 0)
  guard.clear()
  assert.deepEqual(guard.size(), { entries: 0, bytes: 0 })
})

test('a caller’s own signal ends any policy at once, with its reason', async () => {
  const time = world()
  const slow = callee()
  const controller = new AbortController()
  const reason = new Error('gone')
  const guards = [
    fallback(() => 'instead'),
    timeout({ ms: 1_000, world: time }),
    breaker({ world: time }),
    bulkhead({ concurrency: 10, world: time }),
    hedge({ after: 100, world: time }),
  ]
  const calls = guards.map((guard) => outcome(guard.run(slow.call, { signal: controller.signal })))
  controller.abort(reason)
  assert.deepEqual(new Set(await Promise.all(calls)), new Set([reason]))
  for (const signal of slow.signals) assert.equal(signal.reason, reason)
  assert.equal(await outcome(guards[0]!.run(slow.call, { signal: controller.signal })), reason)
})

test('functions that throw at once, or answer at once, are called like others', async () => {
  const time = world()
  const guard = compose(retry({ attempts: 1, world: time }), breaker({ world: time }), timeout({ ms: 100, world: time }))
  assert.equal(await guard.run(() => 'at once'), 'at once')
  assert.equal(
    await outcome(
      guard.run(() => {
        throw no
      }),
    ),
    no,
  )
  // oxlint-disable-next-line unicorn/no-thenable -- what it is here for
  assert.equal(await guard.run(() => ({ then: (resolve: (value: string) => void) => resolve('later') }) as never), 'later')
  const around = guard.around(async (a: number, b: number) => a + b, { withSignal: (_signal, a, b) => [a, b * 10] as const })
  assert.equal(await around(1, 2), 21)
})

test('a bulkhead lets a few wait, and gives the place of whoever has gone to the next', async () => {
  const time = world()
  const slow = callee()
  const guard = bulkhead({ concurrency: 1, queue: 2, wait: 1_000, world: time })
  const first = guard.run(slow.call)
  const controller = new AbortController()
  const gone = outcome(guard.run(slow.call, { signal: controller.signal }))
  const third = guard.run(slow.call)
  assert.deepEqual([guard.inside(), guard.waiting()], [1, 2])
  const refused = await outcome(guard.run(slow.call))
  assert.deepEqual([refusedBy(refused), (refused as CallError).code], ['bulkhead', 'RESOURCE_EXHAUSTED'])
  controller.abort(new Error('gone'))
  await gone
  slow.answer(0)
  await first
  await turn()
  slow.answer(1)
  assert.equal(await third, 'answer 1')
  await turn()
  assert.deepEqual([guard.inside(), guard.waiting(), slow.calls()], [0, 0, 2])
})
