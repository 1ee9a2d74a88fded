import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aggregate } from './eventsourcing.ts'
import { CartState, cart, evolve, events, initial, added, rigOf, type Copy } from './eventsourcing.test-support.ts'

const one = cart.stream('c')

/** A cart whose `evolve` counts, in a version of it. */
function counting(version: number) {
  const seen = { count: 0 }
  const counted = aggregate('cart', {
    events,
    initial,
    decide: (_: 'more', { items }) => [added('c', `sku-${Object.keys(items).length}`)],
    evolve: (state, event) => (seen.count++, evolve(state, event)),
    snapshot: { every: 10, state: CartState, version },
  })
  return { counted, seen }
}

async function grown(copy: Copy, many: number): Promise<void> {
  for (let at = 0; at < many; at++) await copy.transaction((tx) => tx.decide(one, { add: `sku-${at}`, count: 1 }))
}

const rowsOf = ({ store }: Copy) => store.select('SELECT version, stamp, state FROM dure_snapshots')

test('a state is kept every so many events, and loaded from there', async (t) => {
  const rig = rigOf(t)
  const copy = await rig.copy([cart])
  await grown(copy, 25)
  assert.equal((await rowsOf(copy))[0]!['version'], 20)
  const { counted, seen } = counting(1)
  const { state, version } = await (await rig.copy([counted])).events.load(counted.stream('c'))
  assert.deepEqual([version, Object.keys(state.items).length, seen.count], [25, 25, 5])
})

test('a state that was made otherwise is not used, and kept anew', async (t) => {
  const rig = rigOf(t)
  const copy = await rig.copy([cart])
  await grown(copy, 25)
  const { counted, seen } = counting(2)
  const next = await rig.copy([counted])
  assert.equal((await next.events.load(counted.stream('c'))).version, 25)
  assert.equal(seen.count, 25)
  await next.transaction((tx) => tx.decide(counted.stream('c'), 'more'))
  assert.deepEqual([(await rowsOf(next))[0]!['version'], (await rowsOf(next))[0]!['stamp']], [26, counted.snapshot!.stamp])
})

test('a snapshot of a future that was not kept, or that cannot be read, is not used', async (t) => {
  const copy = await rigOf(t).copy([cart])
  await grown(copy, 12)
  const change = (set: string) => copy.store.transaction((tx) => tx.run(`UPDATE dure_snapshots SET ${set}`))
  await change("version = 99, state = '{}'")
  assert.deepEqual(Object.keys((await copy.events.load(one)).state.items).length, 12)
  await change("version = 10, state = '{'")
  assert.deepEqual(Object.keys((await copy.events.load(one)).state.items).length, 12)
  assert.deepEqual(Object.keys((await copy.events.load(one, { version: 11 })).state.items).length, 11)
  await change("version = 99, state = '{}'")
  await grown(copy, 20)
  assert.equal((await copy.events.load(one)).version, 32)
  assert.equal(Number((await rowsOf(copy))[0]!['version']) <= 32, true)
})
