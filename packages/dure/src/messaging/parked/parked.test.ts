import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { CallError } from '../../contract/contract.ts'
import { sqlite, type SqlStore } from '../../data/data.ts'
import { virtualRuntime, type Runtime } from '../../runtime/runtime.ts'
import { silentLogger } from '../../telemetry/telemetry.ts'
import { Counted, messageOf } from '../consumer.test-support.ts'
import { createHands, openParked, type Parked } from './parked.ts'
import { retryPolicy } from '../retry.ts'

/** A parked list under virtual time, over a store that can be made to lose the answers to its commits. */
async function makeParked(t: TestContext, tries: { fail: boolean; count?: number }, lease?: number) {
  const directory = mkdtempSync(join(tmpdir(), 'dure-parked-'))
  const world = virtualRuntime()
  const log = silentLogger()
  const real = await settled(
    sqlite({ durability: 'process' })({ directory, runtime: world, log }).open('test', { migrations: {} }),
    world,
  )
  const lost = { answers: 0 }
  /** Holds back what the next look at the table has seen, or fails it. */
  const look: { held?: Promise<void> | undefined } = {}
  const store: SqlStore = {
    ...real,
    records: {
      ...real.records,
      parked: {
        ...real.records.parked,
        keys: async (consumer) => {
          const held = look.held
          look.held = undefined
          const found = await real.records.parked.keys(consumer)
          await held
          return found
        },
      },
    },
    transaction: async (work, limits) => {
      const result = await real.transaction(work, limits)
      if (lost.answers === 0) return result
      lost.answers--
      throw new CallError('UNAVAILABLE', 'The connection was lost at the commit')
    },
  }
  t.after(async () => {
    await settled(real.stop(), world)
    rmSync(directory, { recursive: true, force: true })
  })
  const done: string[] = []
  const retry = retryPolicy({ first: 100, max: 1_000, attempts: 50 })
  const open = (runtime: Runtime = world, work?: () => Promise<void>, crashed?: boolean): Promise<Parked> =>
    settled(
      openParked({
        store,
        lease,
        crashed,
        consumer: 'test/count',
        runtime,
        log,
        retry,
        hands: createHands(4),
        tryAgain: async (message, finish) => {
          tries.count = (tries.count ?? 0) + 1
          await work?.()
          if (tries.fail) throw new Error('not yet')
          await store.transaction(finish)
          done.push(message.key)
        },
      }),
      world,
    )
  const parked = await open()
  const add = (key: string): ReturnType<Parked['add']> =>
    parked.add([{ message: messageOf(Counted, key, '{}', { id: `id of ${key}` }), failure: new Error('at first') }])
  return { world, store: real, look, parked, reopen: open, add, lost, done, setClock: world.jump }
}

/** Lets time go on until the promise settles. */
async function settled<T>(promise: Promise<T>, world: ReturnType<typeof virtualRuntime>): Promise<T> {
  let over = false
  const mark = (): void => void (over = true)
  promise.then(mark, mark)
  while (!over) await world.advance(1)
  return promise
}

test('a message that was parked and whose commit was not answered is tried, and holds its key', async (t) => {
  const { world, parked, add, lost, done } = await makeParked(t, { fail: false })
  lost.answers = 1
  await assert.rejects(settled(add('a'), world), { code: 'UNAVAILABLE' })
  // The broker brings it again.
  await settled(add('a'), world)
  assert.equal(parked.holds('a'), true)
  await world.advance(5_000)
  assert.deepEqual(done, ['a'])
  assert.equal(parked.count().waiting, 0)
  await settled(parked.stop(), world)
})

test('a last try that could not be noted is not made again: the message is dead', async (t) => {
  const tries = { fail: true, count: 0 }
  const { world, store, parked, reopen, add } = await makeParked(t, tries)
  await settled(add('a'), world)
  await settled(parked.stop(), world)
  // All tries but those that came until then, the last of them begun in an epoch that is over.
  const [head] = await store.records.parked.read({ consumer: 'test/count', key: 'a', limit: 1 })
  const its = { consumer: 'test/count', messageId: head!.message.id, fence: undefined, lease: 0 }
  for (let n = 0; n < 50 - head!.started; n++)
    await settled(
      store.transaction((tx) => store.records.parked.begin(tx, { ...its, revision: head!.revision + n })),
      world,
    )
  const before = tries.count
  const again = await reopen(world, undefined, false)
  await world.advance(5_000)
  assert.deepEqual([tries.count, again.count().dead], [before, 1])
  await settled(again.stop(), world)
})

for (const jump of [-7_200_000, -20_000, -700, 700, 7_200_000]) {
  test(`a clock that jumps by ${jump} ms makes no pause longer or shorter`, async (t) => {
    const tries = { fail: true, count: 0 }
    const { world, parked, add, done, setClock } = await makeParked(t, tries)
    await settled(add('a'), world)
    // Pauses are between 500 and 1,000 ms by now.
    await world.advance(5_000)
    const { count } = tries
    while (tries.count === count) await world.advance(1)
    tries.fail = false
    setClock(jump)
    await world.advance(490)
    assert.deepEqual(done, [])
    await world.advance(520)
    assert.deepEqual(done, ['a'])
    await settled(parked.stop(), world)
  })
}

for (const ahead of [86_400_000, -86_400_000])
  test(`work that a copy has in hand is not another's, whose clock differs by ${ahead} ms, until its lease is over`, async (t) => {
    const tries = { fail: true, count: 0 }
    const { world, parked, reopen, add, done, store } = await makeParked(t, tries, 10_000)
    await settled(add('a'), world)
    await settled(parked.stop(), world)
    const { promise: never, resolve: end } = Promise.withResolvers<void>()
    const slow = await reopen(world, () => never)
    while (tries.count === 0) await world.advance(1)
    const other = await reopen({ ...world, clock: { ...world.clock, now: () => world.clock.now() + ahead } })
    tries.fail = false
    await world.advance(9_900)
    assert.deepEqual([tries.count, done], [1, []])
    await world.advance(200)
    // Nobody has said how the first one ended: it counts as a crash, and is made again.
    assert.deepEqual([tries.count, done], [2, ['a']])
    end()
    await settled(Promise.all([slow.stop(), other.stop()]), world)
    assert.deepEqual(done, ['a', 'a'], 'the first went on')
    assert.equal((await settled(store.records.parked.totals(), world)).length, 0)
  })

test('a row that a clock which was ahead has put off is due', async (t) => {
  const { world, parked, done, tries, retryAll, set } = await withLetter(t)
  tries.fail = false
  await retryAll()
  await set(`next_at = ${world.clock.now() + 3_600_000}`)
  await settled(parked.reload(), world)
  await world.advance(10)
  assert.deepEqual(done, ['a'])
  await settled(parked.stop(), world)
})

/** A parked list with a dead letter of the key `a`, and somebody who has it tried again in the table. */
async function withLetter(t: TestContext, lease?: number) {
  const tries = { fail: true }
  const rig = await makeParked(t, tries, lease)
  const { world, store, parked, add } = rig
  const set = (what: string): Promise<unknown> =>
    settled(
      store.transaction((tx) => tx.run(`UPDATE dure_parked SET ${what}`)),
      world,
    )
  await settled(add('a'), world)
  await set("state = 'dead'")
  await settled(parked.reload(), world)
  return { ...rig, tries, set, retryAll: () => set("state = 'waiting', started = 0, next_at = 0") }
}

test('a look at the table that is answered late does not bring back a dead letter that has been retried', async (t) => {
  const { world, look, parked, retryAll, tries, done } = await withLetter(t)
  assert.equal(parked.count().letters, 1)
  const { promise, resolve } = Promise.withResolvers<void>()
  look.held = promise
  const first = parked.reload()
  tries.fail = false
  await retryAll()
  const second = parked.reload()
  await world.advance(1_000)
  resolve()
  await settled(Promise.all([first, second]), world)
  await world.advance(1_000)
  assert.deepEqual(done, ['a'])
  assert.deepEqual([parked.holds('a'), parked.count().letters, parked.count().waiting], [false, 0, 0])
  await settled(parked.stop(), world)
})

test('a look at the table that fails is taken again, so that what was retried does not lie there', async (t) => {
  const { world, look, parked, retryAll, tries, done } = await withLetter(t)
  tries.fail = false
  await retryAll()
  look.held = Promise.reject(new CallError('UNAVAILABLE', 'The database is away'))
  look.held.catch(() => {})
  await assert.rejects(settled(parked.reload(), world), { code: 'UNAVAILABLE' })
  await world.advance(5_000)
  assert.deepEqual(done, ['a'])
  await settled(parked.stop(), world)
})

test('what is to wait does so by the time that passes, whatever the wall clock says, and over a restart no longer than that', async (t) => {
  const { world, parked, done, reopen } = await makeParked(t, { fail: false })
  const wait = (key: string, delay: number) =>
    parked.add([{ message: messageOf(Counted, key, '{}', { id: `id of ${key}`, delay }), key: `id of ${key}`, delay }])
  await settled(wait('a', 60_000), world)
  await settled(wait('b', 600_000), world)
  assert.deepEqual([parked.count().waiting, parked.count().delayed], [2, 2])
  world.jump(3_600_000)
  await world.advance(59_000)
  assert.deepEqual(done, [])
  await world.advance(2_000)
  assert.deepEqual(done, ['a'])
  await parked.stop()
  world.jump(-7_200_000)
  await reopen()
  await world.advance(605_000)
  assert.deepEqual(done, ['a', 'b'])
})

test('what is put behind a dead letter that another process has seen to meanwhile is not left alone', async (t) => {
  const { world, parked, reopen, retryAll, tries, done } = await withLetter(t, 1_000)
  const other = await reopen()
  assert.deepEqual([parked.count().letters, other.count().letters], [1, 1])
  tries.fail = false
  await retryAll()
  // Only the other process is told.
  await settled(other.reload(), world)
  await world.advance(1_000)
  assert.deepEqual([done, other.empty(), parked.holds('a')], [['a'], true, true])
  await settled(parked.add([{ message: messageOf(Counted, 'a', '{}', { id: 'second' }), behind: true }]), world)
  await world.advance(1_000)
  assert.deepEqual([done, parked.empty()], [['a', 'a'], true])
  for (const one of [parked, other]) await settled(one.stop(), world)
})
