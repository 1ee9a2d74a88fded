import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { seededRandom, virtualRuntime } from '../../runtime/runtime.ts'
import { peakEwma, roundRobin, sticky, twoChoices, weightedRoundRobin, type Balancer } from '../resilience.ts'

const named = (count: number) => Array.from({ length: count }, (_, i) => ({ name: String(i), pending: () => 0 }))
type Named = ReturnType<typeof named>[number]

test('nobody to choose from, and one', () => {
  const { clock, random } = virtualRuntime()
  const balancers: Balancer<Named>[] = [
    twoChoices({ random }),
    roundRobin({ random }),
    weightedRoundRobin({ weight: () => 1 }),
    peakEwma({ clock, random }),
    sticky({ balancer: roundRobin({ random }) }),
  ]
  const [one] = named(1) as [Named]
  for (const balancer of balancers) {
    assert.equal(balancer.choose([]), undefined)
    assert.equal(balancer.choose([one]), one)
    assert.equal(balancer.choose([one]), one)
  }
})

test('round robin: each once before anybody twice, also when some are left out now and then', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), fc.integer(), fc.array(fc.nat(11), { maxLength: 30 }), (count, seed, holes) => {
      const balancer = roundRobin<Named>({ random: seededRandom(seed) })
      const all = named(count)
      for (let round = 0; round < 3; round++) {
        assert.equal(new Set(Array.from({ length: count }, () => balancer.choose(all))).size, count)
      }
      // Whoever is left out for a moment comes next, and nobody is passed over for longer than a round.
      const waits = new Map(all.map((one) => [one, 0]))
      for (const hole of holes) {
        const among = all.filter((_, i) => i !== hole)
        const chosen = balancer.choose(among)
        for (const one of among) waits.set(one, one === chosen ? 0 : waits.get(one)! + 1)
        assert.ok([...waits.values()].every((wait) => wait <= 2 * count))
      }
    }),
  )
  const first = new Set(
    Array.from({ length: 60 }, (_, seed) => roundRobin<Named>({ random: seededRandom(seed) }).choose(named(4))!.name),
  )
  assert.equal(first.size, 4, 'callers begin at different places')
})

test('weights: at every moment each has had its part, give or take its turn', () => {
  const weights = fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 8 })
  fc.assert(
    fc.property(weights, fc.option(fc.integer(), { nil: undefined }), (given, seed) => {
      const things = given.map((weight) => ({ weight, had: 0 }))
      const random = seed === undefined ? {} : { random: seededRandom(seed) }
      const balancer = weightedRoundRobin<(typeof things)[number]>({ weight: ({ weight }) => weight, ...random })
      const sum = given.reduce((total, one) => total + one, 0)
      if (sum === 0) return void assert.equal(balancer.choose(things), undefined)
      for (let call = 1; call <= 3 * sum; call++) {
        balancer.choose(things)!.had++
        // Smooth: never further from its part than about one turn of everybody else.
        for (const { weight, had } of things) {
          assert.ok(Math.abs(had - (call * weight) / sum) < given.length + 1, `${given.join(' ')}: ${had} of ${call}`)
          if (weight === 0) assert.equal(had, 0)
        }
      }
      if (seed === undefined) for (const { weight, had } of things) assert.equal(had, 3 * weight)
    }),
  )
})

test('a weight that changes is heeded from the next call on, and one that is no weight is none', () => {
  const things = [
    { weight: 1, had: 0 },
    { weight: Number.NaN, had: 0 },
    { weight: 1, had: 0 },
  ]
  const balancer = weightedRoundRobin<(typeof things)[number]>({ weight: ({ weight }) => weight })
  for (let i = 0; i < 10; i++) balancer.choose(things)!.had++
  things[0]!.weight = 0
  things[1]!.weight = -3
  for (let i = 0; i < 10; i++) balancer.choose(things)!.had++
  assert.deepEqual(
    things.map(({ had }) => had),
    [5, 0, 15],
  )
})

test('peak EWMA: who is slow is called less, and is found out when it is fast again', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.integer({ min: 3, max: 8 }), async (seed, count) => {
      const { clock, random, advance } = virtualRuntime({ seed })
      const things = named(count).map((thing, i) => ({ ...thing, latency: i === 0 ? 50 : 2, had: 0 }))
      const balancer = peakEwma<(typeof things)[number]>({ clock, random, decay: 1_000 })
      const call = async (calls: number): Promise<void> => {
        for (let i = 0; i < calls; i++) {
          const chosen = balancer.choose(things)!
          chosen.had++
          balancer.took(chosen, chosen.latency)
          await advance(1)
        }
      }
      await call(500)
      assert.ok(things[0]!.had <= 3, `the slow one had ${things[0]!.had}`)
      for (const { had } of things.slice(1)) assert.ok(had > 30, String(had))
      things[0]!.latency = 1
      const before = things[0]!.had
      await call(6_000)
      assert.ok(things[0]!.had > before + 500, `afterwards it had ${things[0]!.had - before}`)
    }),
    { numRuns: 10 },
  )
})

test('a newcomer gets one call, and no second one before it has answered', () => {
  const { clock, random } = virtualRuntime()
  const old = { pending: () => 3 }
  const fresh = { inside: 0, pending: () => fresh.inside }
  const balancer = peakEwma<{ pending: () => number }>({ clock, random })
  balancer.took(old, 400)
  assert.equal(balancer.choose([old, fresh]), fresh)
  fresh.inside = 1
  for (let i = 0; i < 20; i++) assert.equal(balancer.choose([old, fresh]), old)
  balancer.took(fresh, 1)
  assert.equal(balancer.choose([old, fresh]), fresh)
})

test('sticky: a key moves only when its place is gone, and no other key does', () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 2, max: 6 }), fc.nat(5), (seed, count, gone) => {
      const all = named(count)
      const balancer = sticky<Named>({ balancer: roundRobin({ random: seededRandom(seed) }) })
      const keys = Array.from({ length: 30 }, (_, i) => `key ${i}`)
      const at = new Map(keys.map((key) => [key, balancer.choose(all, key)!]))
      const less = all.filter((_, i) => i !== gone % count)
      for (const [key, place] of at) {
        // Sent again to others because it failed once, it still belongs where it was.
        assert.notEqual(
          balancer.choose(
            all.filter((one) => one !== place),
            key,
            true,
          ),
          place,
        )
        assert.equal(balancer.choose(all, key), place)
        const next = balancer.choose(less, key)!
        if (place !== all[gone % count]) assert.equal(next, place)
        assert.equal(balancer.choose(all, key), next, 'and stays there when the other one is back')
      }
    }),
  )
})

test('sticky remembers so many keys and no more; without keys all calls are of one', () => {
  const all = named(3)
  const balancer = sticky<Named>({ balancer: roundRobin({ random: seededRandom(1) }), most: 2 })
  const first = balancer.choose(all, 'a')
  balancer.choose(all, 'b')
  assert.equal(balancer.choose(all, 'a'), first)
  balancer.choose(all, 'c')
  // b was asked for the longest time ago.
  assert.equal(balancer.choose(all, 'a'), first)
  const alone = sticky<Named>({ balancer: roundRobin({ random: seededRandom(1) }) })
  assert.equal(new Set(Array.from({ length: 9 }, () => alone.choose(all))).size, 1)
})

test('numbers that cannot be used are refused', () => {
  const { clock, random } = virtualRuntime()
  assert.throws(() => peakEwma({ clock, random, decay: 0 }), {
    name: 'TypeError',
    message: /Cannot balance by latency: "decay" is 0/,
  })
  assert.throws(() => sticky({ balancer: roundRobin({ random }), most: 0 }), { name: 'TypeError', message: /"most" is 0/ })
})
