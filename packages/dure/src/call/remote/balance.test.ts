import assert from 'node:assert/strict'
import { test } from 'node:test'
import { livePolicies } from '../call.ts'
import { remoteChanges } from '../internal.ts'
import type { BalancePolicy, CallingProcess } from './remote.ts'
import { answers, at, fails, frozen, instanceAt, remoteRig } from './remote.test-support.ts'

const POLICIES: readonly BalancePolicy[] = [
  {},
  { by: 'peakEwma' },
  { by: 'roundRobin' },
  { by: 'weighted' },
  { by: 'key', key: 'input', load: Number.POSITIVE_INFINITY },
  { sticky: true, key: 'input' },
  { by: 'roundRobin', sticky: true, key: (input) => String(input), zoneFirst: true, slowStart: true },
  { by: 'weighted', zoneFirst: { overload: 1 }, slowStart: { window: 10 }, subset: 10 },
]
const named = (policy: BalancePolicy): string => JSON.stringify(policy)
type Rig = ReturnType<typeof remoteRig>

const metadata = (rig: Rig, name: string, said: Record<string, string>): void =>
  rig.registry.put({ ...instanceAt({ service: 'orders', id: name, address: at(name) }), metadata: said })
const got = (rig: Rig, ...names: string[]): number[] => names.map((name) => rig.process(name).received.length)

/** Calls one after the other, each with an input of its own. */
async function callAll(rig: Rig, count: number, from = 0): Promise<string[]> {
  const results: string[] = []
  for (let i = 0; i < count; i++) {
    const outcome = rig.call({ input: `key ${from + i}` })
    await rig.world.advance(5)
    results.push(outcome.result ?? 'none')
  }
  return results
}

for (const balance of POLICIES) {
  test(`${named(balance)}: all are used, who fails is left out and comes back`, async () => {
    const rig = remoteRig({ balance, ejection: { failures: 2 } }, undefined, { zone: 'a' })
    for (const name of ['a', 'b', 'c', 'd']) metadata(rig, name, { zone: 'a' })
    await callAll(rig, 60)
    assert.ok(Math.min(...got(rig, 'a', 'b', 'c', 'd')) > 0, String(got(rig, 'a', 'b', 'c', 'd')))
    rig.process('b').behaviour = fails('UNAVAILABLE')
    await callAll(rig, 60)
    assert.equal(rig.transport.status().services[0]!.instances.find(({ id }) => id === 'b')!.health, 'out')
    const [before] = got(rig, 'b')
    const meanwhile = await callAll(rig, 40, 60)
    assert.ok(meanwhile.every((result) => result.startsWith('ok')))
    assert.equal(got(rig, 'b')[0], before, 'nothing while it is out')
    rig.process('b').behaviour = answers()
    await rig.world.advance(2_000)
    await callAll(rig, 40, 100)
    assert.equal(rig.transport.status().services[0]!.instances.find(({ id }) => id === 'b')!.health, 'in')
  })

  test(`${named(balance)}: all are tried before a call fails`, async () => {
    const rig = remoteRig({ balance }, undefined, { zone: 'a' })
    const names = ['a', 'b', 'c', 'd']
    for (const name of names) {
      metadata(rig, name, { zone: name < 'c' ? 'a' : 'b' })
      rig.process(name).behaviour = fails('UNAVAILABLE')
    }
    const outcome = rig.call()
    await rig.world.advance(100)
    assert.equal(outcome.result, 'UNAVAILABLE')
    assert.deepEqual(got(rig, ...names), [1, 1, 1, 1])
  })

  test(`${named(balance)}: whoever has the weight 0 gets nothing new, and no probe`, async () => {
    const rig = remoteRig({ balance, ejection: { failures: 1 } }, undefined, { zone: 'a' })
    for (const name of ['a', 'b', 'c']) metadata(rig, name, { zone: 'a', weight: '1' })
    rig.process('a').script = [fails('UNAVAILABLE')]
    await callAll(rig, 30)
    metadata(rig, 'a', { zone: 'a', weight: '0' })
    const [before] = got(rig, 'a')
    await rig.world.advance(5_000)
    assert.ok((await callAll(rig, 30, 30)).every((result) => result.startsWith('ok')))
    assert.equal(got(rig, 'a')[0], before)
    for (const name of ['b', 'c']) metadata(rig, name, { zone: 'a', weight: '0' })
    const outcome = rig.call()
    await rig.world.advance(1)
    assert.match(outcome.message, /all 3 instances of service "orders" have the weight 0 and take no new calls/)
    metadata(rig, 'a', { zone: 'a' })
    const later = rig.call()
    await rig.world.advance(2_000)
    assert.equal(later.result, 'ok a')
  })
}

test('weights of the registry are met, also when they change', async () => {
  const rig = remoteRig({ balance: { by: 'weighted' } })
  metadata(rig, 'a', { weight: '3' })
  metadata(rig, 'b', { weight: '1' })
  metadata(rig, 'c', { weight: 'much' })
  await callAll(rig, 100)
  for (const [i, part] of [60, 20, 20].entries()) assert.ok(Math.abs(got(rig, 'a', 'b', 'c')[i]! - part) <= 3)
  metadata(rig, 'b', { weight: '6' })
  const before = got(rig, 'a', 'b', 'c')
  await callAll(rig, 100)
  const after = got(rig, 'a', 'b', 'c').map((count, i) => count - before[i]!)
  for (const [i, part] of [30, 60, 10].entries()) assert.ok(Math.abs(after[i]! - part) <= 3, String(after))
})

test('calls of one key go to one instance, and only those of one that goes move', async () => {
  for (const key of ['input.cart.id', (input: unknown) => (input as { cart: { id: string } }).cart.id] as const) {
    const rig = remoteRig({ balance: { by: 'key', key } })
    rig.up('a', 'b', 'c', 'd')
    const owners = async (): Promise<string[]> => {
      const all: string[] = []
      for (let id = 0; id < 40; id++) {
        const outcome = rig.call({ input: { cart: { id } } })
        await rig.world.advance(2)
        all.push(outcome.result!)
      }
      return all
    }
    const before = await owners()
    assert.deepEqual(await owners(), before)
    assert.equal(new Set(before).size, 4)
    rig.down('c')
    for (const [i, owner] of (await owners()).entries())
      if (before[i] !== 'ok c') assert.equal(owner, before[i])
      else assert.notEqual(owner, 'ok c')
    rig.up('c')
    assert.deepEqual(await owners(), before)
  }
})

test('one key that everybody asks for does not fell its instance, and input without a key is chosen for as ever', async () => {
  const rig = remoteRig({ balance: { by: 'key', key: 'input.id', load: 1.25 } })
  rig.up('a', 'b', 'c', 'd')
  for (const name of ['a', 'b', 'c', 'd']) rig.process(name).behaviour = answers(1_000)
  for (let i = 0; i < 80; i++) rig.call({ input: { id: 'hot' }, timeout: 5_000 })
  assert.ok(['a', 'b', 'c', 'd'].every((name) => rig.process(name).mostInFlight <= 25))
  await rig.world.advance(1_000)
  const before = got(rig, 'a', 'b', 'c', 'd')
  for (let i = 0; i < 40; i++) rig.call({ input: [null, { id: {} }, 'text', { id: undefined }][i % 4] })
  await rig.world.advance(1_000)
  const counts = got(rig, 'a', 'b', 'c', 'd').map((count, i) => count - before[i]!)
  assert.ok(Math.min(...counts) >= 3, String(counts))
})

test('sticky: all calls of a process, or of a principal, stay with one instance while it is well', async () => {
  const own = remoteRig({ balance: { sticky: true }, ejection: { failures: 1 } })
  own.up('a', 'b', 'c')
  const first = (await callAll(own, 20)).at(-1)!
  assert.equal(Math.max(...got(own, 'a', 'b', 'c')), 20)
  own.process(first.slice(3)).script = [fails('UNAVAILABLE')]
  const moved = (await callAll(own, 5)).at(-1)!
  assert.notEqual(moved, first)
  await own.world.advance(3_000)
  // The first one's probe goes to it, and nothing else.
  assert.deepEqual(new Set((await callAll(own, 20)).slice(1)), new Set([moved]))

  // One call that failed there and was answered by another one moves nothing.
  const calm = remoteRig({ balance: { sticky: true } })
  calm.up('a', 'b', 'c')
  const [place] = await callAll(calm, 1)
  calm.process(place!.slice(3)).script = [fails('UNAVAILABLE')]
  assert.notEqual((await callAll(calm, 1))[0], place)
  assert.deepEqual(new Set(await callAll(calm, 5)), new Set([place]))

  const rig = remoteRig({ balance: { sticky: true, key: 'principal', by: 'roundRobin' } })
  rig.up('a', 'b', 'c')
  const route = rig.transport.route({ service: 'orders', operation: 'find' })
  const as = async (subject: string): Promise<unknown> => {
    const principal = { subject, kind: 'user', scopes: [], roles: [] } as const
    const answer = route.call('in', { ...rig.context(1_000), principal })
    await rig.world.advance(2)
    return answer
  }
  const [ana, ben, eve] = [await as('ana'), await as('ben'), await as('eve')]
  assert.equal(new Set([ana, ben, eve]).size, 3)
  for (let i = 0; i < 5; i++) assert.deepEqual([await as('eve'), await as('ana'), await as('ben')], [eve, ana, ben])
})

const zones = (here: Partial<CallingProcess>, overload = 1): Rig => {
  const rig = remoteRig({ balance: { by: 'roundRobin', zoneFirst: { overload } }, ejection: { failures: 1 } }, undefined, here)
  for (const name of ['a1', 'a2', 'b1', 'b2']) metadata(rig, name, { zone: name[0]! })
  return rig
}

test('own zone first; what it cannot carry while a part of it is out goes to the other one, and comes back', async () => {
  const rig = zones({ zone: 'a' })
  await callAll(rig, 60)
  assert.deepEqual(got(rig, 'a1', 'a2', 'b1', 'b2'), [30, 30, 0, 0])
  rig.process('a1').script = [fails('UNAVAILABLE'), ...Array.from({ length: 9 }, () => fails('UNAVAILABLE'))]
  await callAll(rig, 2)
  const before = got(rig, 'a1', 'a2', 'b1', 'b2')
  await callAll(rig, 150)
  const [a1, a2, b1, b2] = got(rig, 'a1', 'a2', 'b1', 'b2').map((count, i) => count - before[i]!)
  // a has a third of those who are well and half of the callers: it can carry two of three calls.
  assert.ok(a1! <= 2 && Math.abs(a2! - 100) < 15 && Math.abs(b1! - b2!) <= 2, `${a1} ${a2} ${b1} ${b2}`)
  rig.process('a1').script = []
  await rig.world.advance(10_000)
  await callAll(rig, 1)
  const back = got(rig, 'b1', 'b2')
  await callAll(rig, 40)
  assert.deepEqual(got(rig, 'b1', 'b2'), back)
})

test('zones: as many callers in a zone as the registry has of those who call, when it changes as well', async () => {
  const rig = zones({ zone: 'a', callersOf: (service) => (service === 'orders' ? ['shop'] : []) })
  const shop = (id: string, zone: string): void =>
    rig.registry.put({ ...instanceAt({ service: 'shop', id, address: at(id) }), metadata: { zone } })
  shop('s1', 'a')
  shop('s2', 'b')
  await callAll(rig, 40)
  assert.deepEqual(got(rig, 'b1', 'b2'), [0, 0])
  // Three of four callers are in a, which has half of the instances: two of three of its calls are what it can carry.
  shop('s3', 'a')
  shop('s4', 'a')
  await callAll(rig, 150)
  const away = got(rig, 'b1', 'b2').reduce((sum, count) => sum + count, 0)
  assert.ok(Math.abs(away - 50) < 15, String(away))
})

test('a newcomer gets its calls little by little', async () => {
  const rig = remoteRig({ balance: { by: 'roundRobin', slowStart: { window: 20_000, least: 0 } } })
  rig.up('a', 'b')
  await callAll(rig, 20)
  rig.up('c')
  await callAll(rig, 60)
  assert.ok(got(rig, 'c')[0]! <= 2, `${got(rig, 'c')[0]} in the first 0.3 s`)
  await rig.world.advance(20_000)
  const before = got(rig, 'c')[0]!
  await callAll(rig, 60)
  assert.equal(got(rig, 'c')[0]! - before, 20)
})

test('a subset has connections to so many and no more; one that goes, or takes nothing new, is replaced by one', async () => {
  const live = livePolicies({ orders: { remote: { balance: { subset: 3 } } } })
  const rig = remoteRig({}, remoteChanges(live), { name: () => 'shop 1' })
  const names = Array.from({ length: 12 }, (_, i) => `m${i}`)
  rig.up(...names)
  await callAll(rig, 60)
  const used = (): string[] => names.filter((name) => rig.process(name).connections > rig.process(name).stops)
  const first = used()
  assert.equal(first.length, 3)
  rig.down(first[0]!)
  await callAll(rig, 30)
  assert.equal(used().filter((name) => first.includes(name)).length, 2)
  assert.equal(used().length, 3)
  metadata(rig, first[1]!, { weight: '0' })
  await callAll(rig, 30)
  assert.equal(used().length, 3)
  assert.ok(!used().includes(first[1]!))
  live.set({ orders: { remote: { balance: { subset: 5 } } } })
  await callAll(rig, 30)
  assert.equal(used().length, 5)
  live.set({})
  await callAll(rig, 30)
  assert.equal(used().length, 11)
})

test('changed live, by operation and service; what has not changed goes on where it was', async () => {
  const live = livePolicies({ orders: { remote: { balance: { by: 'roundRobin', sticky: true } } } })
  const rig = remoteRig({}, remoteChanges(live))
  rig.up('a', 'b', 'c')
  const [place] = await callAll(rig, 1)
  live.set({ orders: { remote: { balance: { by: 'roundRobin', sticky: true }, attempts: 2 } } })
  assert.deepEqual(new Set(await callAll(rig, 9)), new Set([place]))
  live.set({
    orders: { remote: { balance: { by: 'roundRobin', sticky: true } } },
    'orders.find': { remote: { balance: { by: 'roundRobin' } } },
  })
  assert.equal(new Set(await callAll(rig, 3)).size, 3)
  for (const [balance, words] of [
    [{ by: 'fastest' }, /its "by" is "fastest"; give leastOfTwo, peakEwma/],
    [{ by: 'key' }, /goes by a key and has none/],
    [{ key: 'input' }, /nothing asks for its "key"/],
    [{ by: 'key', key: 'header.x' }, /its "key" is "header.x"; give input/],
    [{ by: 'key', key: 'input', sticky: true }, /both "sticky" and "key"/],
    [{ by: 'roundRobin', load: 2 }, /"load" bounds calls of a key/],
    [{ by: 'key', key: 'input', load: 1 }, /"load" is 1; give a number from 1.01/],
    [{ decay: 5 }, /"decay" is of latencies/],
    [{ slowStart: { window: 0 } }, /"window" is 0/],
    [{ slowStart: { least: 2 } }, /"least" is 2/],
    [{ slowStart: { most: 2 } }, /its "slowStart" has "most"; give window, least/],
    [{ zoneFirst: { overload: 0.5 } }, /"overload" is 0.5/],
    [{ zoneFirst: 'a' }, /its "zoneFirst" is "a"; give true, false or an object/],
    [{ sticky: {} }, /its "sticky" is of type object; give true or false/],
    [{ subset: 1.5 }, /"subset" is 1.5/],
    [{ weights: {} }, /it has "weights"; give by, key/],
    ['roundRobin', /it is no object/],
  ] as const) {
    const next = { orders: { remote: { balance: balance as BalancePolicy } } }
    assert.throws(() => live.set(next), { name: 'TypeError', message: words }, JSON.stringify(balance))
    assert.throws(() => livePolicies(next), words, 'also at the start')
    assert.equal(new Set(await callAll(rig, 3)).size, 3, 'the old one goes on')
  }
  const ofOne = { 'orders.find': { remote: { balance: { subset: 2 } } } }
  assert.throws(() => live.set(ofOne), /its "subset" is of connections, which all operations share/)
})

test('peak EWMA: one that is frozen gets next to nothing, before it is found out by its stalls', async () => {
  const rig = remoteRig({ balance: { by: 'peakEwma' }, ejection: { stalls: 1_000, failures: 1_000 } })
  rig.up('a', 'b', 'c')
  for (const name of ['a', 'b', 'c']) rig.process(name).behaviour = answers(2)
  await callAll(rig, 60)
  rig.process('a').behaviour = frozen
  const before = got(rig, 'a')[0]!
  await callAll(rig, 100)
  assert.ok(got(rig, 'a')[0]! - before <= 4, String(got(rig, 'a')[0]! - before))
})
