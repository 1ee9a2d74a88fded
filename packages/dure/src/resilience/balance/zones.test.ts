import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { seededRandom, virtualRuntime, type Random } from '../../runtime/runtime.ts'
import { consistentHash, roundRobin, slowStart, twoChoices, zoneFirst } from '../resilience.ts'

type Server = { readonly name: string; readonly zone: string | undefined; readonly pending: () => number }
const servers = (zone: string | undefined, count: number): Server[] =>
  Array.from({ length: count }, (_, i) => ({ name: `${zone}${i}`, zone, pending: () => 0 }))

/** Chance that goes once through all values, so that parts are met exactly. */
const sweep = (count: number): Random => {
  let i = 0
  return { ...seededRandom(1), number: () => ((i++ % count) + 0.5) / count }
}

const PICKS = 2_000
/** Calls by server when each zone's callers, so many of them, ask alike. */
function spread(all: readonly Server[], callers: ReadonlyMap<string, number>, overload: number): Map<Server, number> {
  const had = new Map(all.map((one) => [one, 0]))
  const sum = [...callers.values()].reduce((total, one) => total + one, 0)
  for (const [zone, count] of callers) {
    const balancer = zoneFirst<Server>({
      ...{ balancer: roundRobin({ random: seededRandom(1) }), random: sweep(PICKS), zone, zoneOf: (one) => one.zone },
      ...{ callers: () => callers, overload },
    })
    for (let i = 0; i < PICKS; i++) {
      const chosen = balancer.choose(all)!
      had.set(chosen, had.get(chosen)! + count / sum / PICKS)
    }
  }
  return had
}

test('whatever the zones are like, nobody gets more than its part times the bound, and everybody is used at a bound of 1', () => {
  const zones = fc.array(fc.record({ servers: fc.nat(8), callers: fc.nat(9) }), { minLength: 1, maxLength: 4 })
  fc.assert(
    fc.property(zones, fc.constantFrom(1, 1.25, 2), (given, overload) => {
      const all = given.flatMap((one, i) => servers(`z${i}`, one.servers))
      const callers = new Map(given.flatMap((one, i) => (one.callers === 0 ? [] : [[`z${i}`, one.callers] as const])))
      if (all.length === 0 || callers.size === 0) return
      const had = spread(all, callers, overload)
      for (const [server, part] of had) {
        // Two turns of a round robin are what cannot be divided.
        assert.ok(part <= overload / all.length + 3 / PICKS, `${server.name} had ${part} of ${JSON.stringify(given)}`)
        if (overload === 1)
          assert.ok(part >= 1 / all.length - 3 / PICKS, `${server.name} had ${part} of ${JSON.stringify(given)}`)
      }
    }),
    { numRuns: 60 },
  )
})

test('while the own zone is well nobody leaves it; when a part of it is gone as much leaves as it cannot carry', () => {
  const all = [...servers('a', 4), ...servers('b', 4)]
  const random = sweep(PICKS)
  const balancer = zoneFirst<Server>({
    balancer: roundRobin({ random }),
    random,
    zone: 'a',
    zoneOf: (one) => one.zone,
    overload: 1.25,
  })
  const away = (among: readonly Server[]): number =>
    Array.from({ length: PICKS }, () => balancer.choose(among)!).filter(({ zone }) => zone !== 'a').length / PICKS
  assert.equal(away(all), 0)
  // 3 of 7 times 1.25 is still more than half.
  assert.equal(away(all.slice(1)), 0)
  assert.ok(Math.abs(away(all.slice(2)) - (1 - (1.25 * 2) / 6 / 0.5)) < 0.01)
  assert.equal(away(all.slice(4)), 1)
  assert.equal(away(servers('a', 3)), 0)
})

test('servers that say no zone are of one zone, to which calls go when the own one is gone', () => {
  const random = seededRandom(3)
  const make = (zone: string) => zoneFirst<Server>({ balancer: twoChoices({ random }), random, zone, zoneOf: (one) => one.zone })
  const nowhere = servers(undefined, 3)
  assert.equal(new Set(Array.from({ length: 60 }, () => make('a').choose(nowhere))).size, 3)
  assert.equal(make('a').choose([]), undefined)
  assert.throws(
    () => zoneFirst({ balancer: twoChoices<Server>({ random }), random, zone: 'a', zoneOf: () => 'a', overload: 0.5 }),
    {
      name: 'TypeError',
      message: /Cannot prefer a zone: "overload" is 0.5/,
    },
  )
})

test('calls of one key go to one server, though their zone cannot carry all', () => {
  const random = seededRandom(5)
  const balancer = zoneFirst<Server>({
    ...{
      balancer: consistentHash({ name: ({ name }) => name, random }),
      random,
      zone: 'a',
      zoneOf: (one) => one.zone,
      overload: 1,
    },
  })
  const all = [...servers('a', 1), ...servers('b', 3)]
  const zones = { a: 0, b: 0 }
  for (let i = 0; i < 400; i++) {
    const chosen = balancer.choose(all, `key ${i}`)!
    zones[chosen.zone as 'a']++
    for (let again = 0; again < 3; again++) assert.equal(balancer.choose(all, `key ${i}`), chosen)
  }
  assert.ok(Math.abs(zones.a - 200) < 60, `${zones.a} in the own zone, which can carry half`)
})

test('slow start: a newcomer has its part of calls at the beginning, more later, and all of it in the end', async () => {
  const { clock, random, advance } = virtualRuntime({ seed: 7 })
  const balancer = slowStart<Server>({ balancer: roundRobin({ random }), clock, random, window: 10_000, least: 0.1 })
  const old = servers('a', 3)
  const [fresh] = servers('b', 1) as [Server]
  const part = (among: readonly Server[]): number =>
    Array.from({ length: 2_000 }, () => balancer.choose(among)!).filter((one) => one === fresh).length / 500
  assert.equal(part(old), 0)
  const all = [...old, fresh]
  assert.ok(Math.abs(part(all) - 0.1) < 0.06)
  await advance(5_000)
  assert.ok(Math.abs(part(all) - 0.55) < 0.1)
  await advance(5_000)
  assert.ok(Math.abs(part(all) - 1) < 0.02)
  // Who was left out and is back is nobody new.
  part(old)
  assert.ok(Math.abs(part([...old, fresh]) - 1) < 0.02)
})

test('slow start: those whom a caller finds are nobody new to it, and where all are new all are used', async () => {
  const { clock, random, advance } = virtualRuntime({ seed: 7 })
  const balancer = slowStart<Server>({ balancer: roundRobin({ random }), clock, random, least: 0 })
  const first = servers('a', 3)
  assert.equal(balancer.choose([]), undefined)
  assert.equal(new Set(Array.from({ length: 3 }, () => balancer.choose(first))).size, 3)
  await advance(1)
  assert.equal(new Set(Array.from({ length: 3 }, () => balancer.choose(first))).size, 3)
  const others = servers('b', 3)
  assert.equal(new Set(Array.from({ length: 3 }, () => balancer.choose(others))).size, 3)
  assert.throws(() => slowStart({ balancer: roundRobin<Server>({ random }), clock, random, window: 0 }), /"window" is 0/)
})

test('slow start by keys: each moves to the newcomer once, and never back', async () => {
  const { clock, random, advance } = virtualRuntime({ seed: 7 })
  const hash = consistentHash<Server>({ name: ({ name }) => name, random })
  const balancer = slowStart<Server>({ balancer: hash, clock, random, window: 1_000, least: 0 })
  const old = servers('a', 3)
  balancer.choose(old, 'x')
  const [fresh] = servers('b', 1) as [Server]
  const all = [...old, fresh]
  const keys = Array.from({ length: 400 }, (_, i) => `key ${i}`)
  let moved = new Set<string>()
  for (let step = 0; step <= 10; step++) {
    const now = new Set(keys.filter((key) => balancer.choose(all, key) === fresh))
    assert.ok([...moved].every((key) => now.has(key)))
    moved = now
    if (step === 0) assert.equal(moved.size, 0)
    await advance(100)
  }
  assert.deepEqual(moved, new Set(keys.filter((key) => hash.choose(all, key) === fresh)))
})
