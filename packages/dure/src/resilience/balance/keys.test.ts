import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { seededRandom } from '../../runtime/runtime.ts'
import { consistentHash, subsetOf } from '../resilience.ts'

type Machine = { readonly name: string; weight: number; inside: number; readonly pending: () => number }
const machine = (name: string, weight = 1): Machine => {
  const made: Machine = { name, weight, inside: 0, pending: () => made.inside }
  return made
}
const machines = (count: number, from = 0) => Array.from({ length: count }, (_, i) => machine(`10.0.0.${i + from}:7000`))
const keys = (count: number) => Array.from({ length: count }, (_, i) => `cart-${i}`)
const byName = (load: number) =>
  consistentHash<Machine>({ name: ({ name }) => name, weight: ({ weight }) => weight, random: seededRandom(1), load })

test('when one goes only its keys move, to each of the others, and when it is back they come back', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 20 }), fc.nat(19), fc.nat(1_000), (count, which, from) => {
      const all = machines(count, from)
      const gone = all[which % count]!
      const less = all.filter((one) => one !== gone)
      const balancer = byName(Number.POSITIVE_INFINITY)
      const heirs = new Set<Machine>()
      let moved = 0
      for (const key of keys(1_000)) {
        const before = balancer.choose(all, key)
        const after = balancer.choose(less, key)!
        if (before === gone) {
          moved++
          heirs.add(after)
        } else assert.equal(after, before)
        // Another process, which knows the same names, says the same.
        assert.equal(byName(Number.POSITIVE_INFINITY).choose(all.toReversed(), key), before)
      }
      assert.ok(moved <= 1_000 / count + 5 * Math.sqrt(1_000 / count), `${moved} of 1,000 moved, of ${count}`)
      assert.ok(heirs.size >= Math.min(count - 1, 5))
    }),
    { numRuns: 20 },
  )
})

test('keys, and values that differ little, spread evenly and by weight', () => {
  const all = [machine('a', 1), machine('b', 2), machine('c', 5)]
  const balancer = byName(Number.POSITIVE_INFINITY)
  const had = new Map<string, number>()
  for (const key of keys(8_000)) {
    const { name } = balancer.choose(all, key)!
    had.set(name, (had.get(name) ?? 0) + 1)
  }
  for (const { name, weight } of all) assert.ok(Math.abs(had.get(name)! - weight * 1_000) < 120, `${name}: ${had.get(name)}`)
})

test('nobody has more than its part times the bound, though all calls are of one key', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 10 }),
      fc.constantFrom(1.01, 1.25, 2),
      fc.array(fc.nat(3), { minLength: 1, maxLength: 200 }),
      (weights, load, asked) => {
        const all = weights.map((weight, i) => machine(`m${i}`, weight))
        const sum = weights.reduce((total, one) => total + one, 0)
        const balancer = byName(load)
        let calls = 0
        for (const key of asked) {
          const chosen = balancer.choose(all, `hot ${key}`)
          assert.ok(chosen !== undefined, 'somebody always has room')
          chosen.inside++
          calls++
          assert.ok(chosen.inside <= Math.ceil((load * calls * chosen.weight) / sum))
        }
      },
    ),
  )
})

test('a call without a key goes to the less loaded of two; weights of 0 have no keys', () => {
  const [busy, idle] = [machine('busy'), machine('idle')]
  busy.inside = 4
  const balancer = byName(1.25)
  for (let i = 0; i < 20; i++) assert.equal(balancer.choose([busy, idle]), idle)
  idle.weight = 0
  for (const key of keys(20)) assert.equal(balancer.choose([busy, idle], key), busy)
  busy.weight = 0
  assert.equal(balancer.choose([busy, idle], 'a'), undefined)
  assert.equal(balancer.choose([], 'a'), undefined)
  assert.throws(() => byName(1), { name: 'TypeError', message: /Cannot balance by a key: "load" is 1/ })
})

const few = (among: readonly Machine[], caller: string, size: number) =>
  subsetOf(among, { size, caller, name: ({ name }) => name })

test('subsets: as many as asked for, the same whoever lists them how, and one changes when one goes', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 60 }),
      fc.integer({ min: 1, max: 20 }),
      fc.string(),
      fc.nat(59),
      (count, size, caller, which) => {
        const all = machines(count)
        const own = few(all, caller, size)
        assert.equal(new Set(own).size, Math.min(count, size))
        assert.deepEqual(new Set(few(all.toReversed(), caller, size)), new Set(own))
        const gone = all[which % count]!
        const less = few(
          all.filter((one) => one !== gone),
          caller,
          size,
        )
        const stayed = own.filter((one) => less.includes(one)).length
        assert.ok(stayed >= own.length - 1)
        if (!own.includes(gone)) assert.equal(stayed, own.length)
      },
    ),
  )
  assert.throws(() => few(machines(3), 'a', 0), { name: 'TypeError', message: /Cannot choose a subset: "size" is 0/ })
})

test('a thousand callers with 20 of 100 each: everybody has about 200 of them', () => {
  const all = machines(100)
  const had = new Map(all.map((one) => [one, 0]))
  for (let caller = 0; caller < 1_000; caller++) for (const one of few(all, `shop-${caller}`, 20)) had.set(one, had.get(one)! + 1)
  const counts = [...had.values()]
  // The standard deviation is 12.6.
  assert.ok(Math.min(...counts) > 150 && Math.max(...counts) < 250, `${Math.min(...counts)} to ${Math.max(...counts)}`)
})

test('of each zone a subset has its part, and one at least', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1, max: 20 }),
      (sizes, size) => {
        const all = sizes.flatMap((count, zone) =>
          Array.from({ length: count }, (_, i) => ({ name: `${zone}-${i}`, zone: `zone ${zone}` })),
        )
        const own = subsetOf(all, { size, caller: 'shop', name: ({ name }) => name, zone: ({ zone }) => zone })
        for (const [zone, count] of sizes.entries()) {
          const here = own.filter((one) => one.zone === `zone ${zone}`).length
          const part = Math.min(count, (size * count) / all.length)
          assert.ok(here >= 1 && here >= Math.floor(part) && here <= Math.ceil(part), `${here} of ${count} for ${part}`)
        }
      },
    ),
  )
})
