import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { CallError } from '../contract/contract.ts'
import { seededRandom } from '../runtime/runtime.ts'
import { callee, code, outcome, turn, world } from './kit.test-support.ts'
import { aimd, createRateLimit, gradient, limit, rateLimit, refusedBy, type Limit, type RateLimit } from './resilience.ts'

test('of any length of time no more calls are let through than its rate and one burst', () => {
  fc.assert(
    fc.property(
      fc.record({
        rate: fc.integer({ min: 1, max: 50 }),
        per: fc.integer({ min: 1, max: 2_000 }),
        burst: fc.integer({ min: 1, max: 20 }),
      }),
      fc.array(fc.double({ min: 0, max: 300, noNaN: true }), { minLength: 1, maxLength: 150 }),
      (policy, pauses) => {
        let now = 0
        const rate = createRateLimit({ ...policy, clock: { now: () => 0, monotonic: () => now } })
        const admitted: number[] = []
        for (const pause of pauses) {
          now += pause
          const taken = rate.take('k')
          if (taken.ok) admitted.push(now)
          // Whoever waits as long as told is let through, and not a moment before.
          else {
            assert.equal(rate.take('k', now + taken.after * 0.99 - 1e-3).ok, false)
            const other = createRateLimit({ ...policy, clock: { now: () => 0, monotonic: () => now } })
            for (const at of admitted) other.take('k', at)
            assert.equal(other.take('k', now + taken.after).ok, true)
          }
        }
        for (const [i, from] of admitted.entries())
          for (let j = i; j < admitted.length; j++) {
            const most = policy.burst + ((admitted[j]! - from) * policy.rate) / policy.per + 1e-3
            assert.ok(j - i + 1 <= most, `${j - i + 1} within ${admitted[j]! - from} ms`)
          }
      },
    ),
  )
})

test('keys have a limit each, and those that could do with all of their burst are forgotten', async () => {
  const time = world()
  const rate = createRateLimit({ rate: 1, per: 100, keys: 100, clock: time.clock })
  for (let i = 0; i < 1_000; i++) assert.ok(rate.take(`k${i}`).ok)
  assert.equal(rate.keys(), 100)
  assert.equal(rate.take('k999').ok, false)
  await time.advance(101)
  assert.equal(rate.keys(), 0)
})

test('a call above the rate is told when one may be made', async () => {
  const time = world()
  const guard = rateLimit({ rate: 2, per: 1_000, name: 'mail', world: time })
  const send = guard.around(async (to: string) => to, { key: (to) => to })
  await send('a')
  await send('a')
  const error = (await outcome(send('a'))) as CallError
  assert.equal(error.code, 'RESOURCE_EXHAUSTED')
  assert.deepEqual([refusedBy(error), error.details], ['rateLimit', { begun: false, retryAfter: 500 }])
  assert.match(error.message, /Call of "mail" was not made: its rate limit is reached; one may be made in 500 ms/)
  assert.equal(await send('b'), 'b')
  await time.advance(500)
  assert.equal(await send('a'), 'a')
})

test('a limit that others share is asked, and when it cannot be asked that is decided by whoever uses it', async () => {
  const time = world()
  let answer: () => Promise<{ ok: true } | { ok: false; after: number }> = async () => ({ ok: true })
  const shared: RateLimit = { take: () => answer() }
  const open = rateLimit({ limit: shared, world: time })
  const strict = rateLimit({ limit: shared, unreachable: 'refuse', world: time })
  const both = (): Promise<unknown[]> =>
    Promise.all([open, strict].map((guard) => code(guard.run(async () => ({ code: 'made' })))))
  assert.deepEqual(await both(), ['made', 'made'])
  answer = async () => ({ ok: false, after: 10 })
  assert.deepEqual(await both(), ['RESOURCE_EXHAUSTED', 'RESOURCE_EXHAUSTED'])
  answer = () => Promise.reject(new Error('no connection'))
  assert.deepEqual(await both(), ['made', 'UNAVAILABLE'])
})

test('when there is not room for all, low priority is refused first', async () => {
  const slow = callee()
  const guard = limit({ limit: 10, name: 'search', world: world() })
  const call = (priority: 'high' | 'normal' | 'low') => outcome(guard.run(slow.call, { priority }))
  for (let i = 0; i < 5; i++) void call('low')
  assert.match(
    ((await call('low')) as Error).message,
    /5 are under way of 10 at once, and those of low priority may fill 0.5 of that/,
  )
  for (let i = 0; i < 4; i++) void call('normal')
  assert.equal(refusedBy(await call('normal')), 'limit')
  void call('high')
  assert.equal(refusedBy(await call('high')), 'limit')
  for (let i = 0; i < 10; i++) slow.answer(i)
  await turn()
  assert.equal(guard.inside(), 0)
  assert.throws(() => limit({ shares: { low: 0.95 } }), /give none more than those above it/)
  const least = limit({ limit: 1, world: world() })
  assert.equal(await least.run(async () => 'made', { priority: 'low' }), 'made', 'one is always let through')
})

/** A callee that works on `capacity` at once, each for `service` ms, and queues the rest: what a limit does to its queue. */
function drive(
  algorithm: Limit,
  capacity: number,
  service: number,
  rounds: number,
  samples = Infinity,
): { readonly inside: number; readonly took: number } {
  let inside = 0
  let took = service
  for (let round = 0; round < rounds; round++) {
    inside = algorithm.limit()
    took = service * Math.max(1, inside / capacity)
    for (let i = 0; i < Math.min(inside, samples); i++) algorithm.sample({ took, inside, dropped: took > service * 20 })
  }
  return { inside, took }
}

test('a limit that finds itself uses what there is, and does not queue without end', () => {
  for (const [capacity, service] of [
    [30, 10],
    [60, 3],
  ] as const) {
    const found = drive(gradient({ initial: 20, least: 5, most: 1_000 }), capacity, service, 400)
    assert.ok(found.inside >= capacity * 0.9, `gradient: ${found.inside} of ${capacity}`)
    assert.ok(found.took <= service * 6, `gradient: ${found.took} ms`)
    const other = drive(aimd({ initial: 20, slow: service * 4 }), capacity, service, 400, 1)
    assert.ok(other.inside >= capacity * 0.9 && other.took <= service * 8, `aimd: ${other.inside}, ${other.took} ms`)
  }
})

test('a limit stays within its bounds whatever it hears, and does not grow while it is not in use', () => {
  const sample = fc.record({
    took: fc.double({ min: 0, max: 1e6, noNaN: true }),
    inside: fc.integer({ min: 1, max: 500 }),
    dropped: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(sample, { maxLength: 300 }), (samples) => {
      for (const algorithm of [gradient({ initial: 20, least: 10, most: 100 }), aimd({ initial: 20, least: 10, most: 100 })]) {
        for (const one of samples) {
          algorithm.sample(one)
          assert.ok(algorithm.limit() >= 10 && algorithm.limit() <= 100, String(algorithm.limit()))
        }
      }
    }),
  )
  for (const algorithm of [gradient({ initial: 50, least: 10 }), aimd({ initial: 50, least: 10 })]) {
    for (let i = 0; i < 1_000; i++) algorithm.sample({ took: 5, inside: 2, dropped: false })
    assert.equal(algorithm.limit(), 50)
  }
  assert.throws(() => gradient({ initial: 5, least: 10 }), /"initial" is 5; give a whole number from 10/)
})

test('refusals and callers that gave up are no samples', async () => {
  const seen: unknown[] = []
  const algorithm: Limit = { limit: () => 1, sample: (one) => void seen.push(one.dropped) }
  const guard = limit({ limit: algorithm, world: world() })
  const slow = callee()
  const first = guard.run(slow.call)
  await outcome(guard.run(slow.call))
  slow.answer(0)
  await first
  await outcome(guard.run(() => Promise.reject(new DOMException('gone', 'AbortError'))))
  await outcome(guard.run(() => Promise.reject(new Error('ill'))))
  assert.deepEqual(seen, [false, true])
})

/** A callee with places for calls of 100 ms, half as long or half as long again, asked for three times what it can do. */
function overload(algorithm: Limit, seed: number) {
  const random = seededRandom(seed)
  const [places, seconds, shares] = [32, 30, { high: 1, normal: 0.7, low: 0.4 }]
  const seen = { high: { asked: 0, answered: 0 }, normal: { asked: 0, answered: 0 }, low: { asked: 0, answered: 0 } }
  let [now, inside, wanted] = [0, 0, false]
  const free = Array.from({ length: places }, () => 0)
  const ends: { readonly at: number; readonly took: number; readonly priority: keyof typeof seen }[] = []
  while (now < seconds * 1_000) {
    now -= (Math.log(1 - random.number()) * 1_000) / 960
    ends.sort((a, b) => b.at - a.at)
    for (let end = ends.at(-1); end !== undefined && end.at <= now; end = ends.at(-1)) {
      ends.pop()
      seen[end.priority].answered++
      algorithm.sample({ took: end.took, inside: inside--, dropped: false, wanted })
      wanted = false
    }
    const drawn = random.number()
    const priority = drawn < 0.2 ? 'high' : drawn < 0.5 ? 'normal' : 'low'
    seen[priority].asked++
    if (inside >= Math.floor(algorithm.limit() * shares[priority])) wanted = true
    else {
      const place = free.indexOf(Math.min(...free))
      const at = (free[place] = Math.max(now, free[place]!) + 50 + random.number() * 100)
      ends.push({ at, took: at - now, priority })
      inside++
    }
  }
  const share = ({ asked, answered }: { asked: number; answered: number }): number => answered / asked
  const answered = seen.high.answered + seen.normal.answered + seen.low.answered
  return { goodput: answered / seconds / (places * 10), high: share(seen.high), normal: share(seen.normal), low: share(seen.low) }
}

test('asked for three times what it can do, a callee goes on doing it, and who is important is answered', () => {
  for (const seed of [1, 2, 3]) {
    const { goodput, high, normal, low } = overload(gradient(), seed)
    assert.ok(goodput > 0.95, `goodput ${goodput}`)
    assert.ok(high > 0.97 && normal < 0.5 && low < 0.02, `high ${high}, normal ${normal}, low ${low}`)
  }
})
