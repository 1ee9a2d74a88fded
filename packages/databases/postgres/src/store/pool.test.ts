import assert from 'node:assert/strict'
import { test } from 'node:test'
import { virtualRuntime } from 'dure/runtime'
import type { Connection } from './connection.ts'
import { createPool, type Pool } from './pool.ts'

type Fake = Connection & { ended: boolean; readonly breakDown: (reason?: unknown) => void }

function fake(): Fake {
  const { promise: over, resolve } = Promise.withResolvers<unknown>()
  let broken: unknown
  const breakDown = (reason: unknown = new Error('gone')): void => {
    broken ??= reason
    resolve(broken)
  }
  const connection: Fake = {
    pid: 1,
    query: async () => ({ rows: [], changed: 0 }),
    command: async () => '',
    broken: () => broken,
    over,
    end: async () => void (connection.ended = true),
    heard: (_, task) => task(),
    part: () => {},
    destroy: breakDown,
    ended: false,
    breakDown,
  }
  return connection
}

type Bench = { readonly pool: Pool; readonly made: Fake[]; down: boolean; readonly runtime: ReturnType<typeof virtualRuntime> }

function bench(limits: { size?: number; waiting?: number } = {}): Bench {
  const made: Fake[] = []
  const runtime = virtualRuntime()
  const table: Bench = {
    made,
    down: false,
    runtime,
    pool: createPool({
      connect: async () => {
        await Promise.resolve()
        if (table.down) throw new Error('refused')
        const connection = fake()
        made.push(connection)
        return connection
      },
      size: 2,
      waiting: 3,
      ...limits,
      idle: 1_000,
      runtime,
      full: () => new Error('full'),
      closed: () => new Error('closed'),
    }),
  }
  return table
}

test('at most so many are open, the rest wait their turn, and one too many is refused', async () => {
  const { pool, made } = bench()
  const [a, b] = await Promise.all([pool.borrow(), pool.borrow()])
  const turns: number[] = []
  const waiting = [1, 2, 3].map((n) => pool.borrow().then((connection) => (turns.push(n), connection)))
  await assert.rejects(pool.borrow(), /full/)
  assert.deepEqual(pool.status(), { open: 2, idle: 0, waiting: 3 })
  pool.giveBack(a!)
  assert.equal(await waiting[0], a)
  pool.giveBack(b!)
  assert.equal(await waiting[1], b)
  pool.giveBack(a!)
  assert.equal(await waiting[2], a)
  assert.deepEqual(turns, [1, 2, 3])
  assert.equal(made.length, 2)
})

test('who waits is served by what is there first: one given back, or one of two that are made at a time', async () => {
  const opening: ((connection: Connection) => void)[] = []
  const pool = createPool({
    connect: () => new Promise((resolve) => void opening.push(resolve)),
    ...{ size: 8, waiting: 3, runtime: virtualRuntime() },
    full: () => new Error('full'),
    closed: () => new Error('closed'),
  })
  const borrowed = Array.from({ length: 5 }, () => pool.borrow())
  assert.equal(opening.length, 2)
  const only = fake()
  opening[0]!(only)
  for (const one of borrowed) {
    assert.equal(await one, only)
    pool.giveBack(only)
  }
  // The other one is still being made, and a third was begun while some waited: nobody needs them yet.
  for (const made of opening.slice(1)) made(fake())
  await Promise.resolve()
  await new Promise(setImmediate)
  assert.equal(pool.status().waiting, 0)
  assert.deepEqual([opening.length, pool.status().idle], [3, 3])
})

test('a broken one is replaced for whoever waits, in use or idle', async () => {
  const { pool, made } = bench({ size: 1 })
  const first = (await pool.borrow()) as Fake
  const waiting = pool.borrow()
  first.breakDown()
  pool.giveBack(first)
  const second = (await waiting) as Fake
  assert.notEqual(second, first)
  pool.giveBack(second)
  second.breakDown()
  await second.over
  await Promise.resolve()
  assert.deepEqual(pool.status(), { open: 0, idle: 0, waiting: 0 })
  assert.notEqual(await pool.borrow(), second)
  assert.equal(made.length, 3)
})

test('when no connection can be made all who wait are told, and the next asks again', async () => {
  const table = bench({ size: 1 })
  const { pool } = table
  const first = (await pool.borrow()) as Fake
  const waiting = [pool.borrow(), pool.borrow(), pool.borrow()]
  table.down = true
  first.breakDown()
  pool.giveBack(first)
  const outcomes = await Promise.allSettled(waiting)
  assert.deepEqual(
    outcomes.map((outcome) => outcome.status === 'rejected' && (outcome.reason as Error).message),
    ['refused', 'refused', 'refused'],
  )
  await assert.rejects(pool.borrow(), /refused/)
  table.down = false
  await pool.borrow()
  assert.deepEqual(pool.status(), { open: 1, idle: 0, waiting: 0 })
})

test('what nobody has needed for a while is ended, the rest stays', async () => {
  const { pool, made, runtime } = bench()
  const [a, b] = await Promise.all([pool.borrow(), pool.borrow()])
  pool.giveBack(a!)
  pool.giveBack(b!)
  for (let i = 0; i < 4; i++) {
    await runtime.advance(400)
    pool.giveBack(await pool.borrow())
  }
  assert.deepEqual(
    made.map(({ ended }) => ended),
    [true, false],
  )
  assert.deepEqual(pool.status(), { open: 1, idle: 1, waiting: 0 })
})

test('stopping waits for those in use, serves those that wait, and ends all', async () => {
  const { pool, made } = bench({ size: 1 })
  const first = await pool.borrow()
  const waiting = pool.borrow()
  let stopped = false
  const stopping = pool.stop().then(() => (stopped = true))
  await assert.rejects(pool.borrow(), /closed/)
  pool.giveBack(first)
  const second = await waiting
  assert.equal(stopped, false)
  pool.giveBack(second)
  await stopping
  assert.deepEqual(
    made.map(({ ended }) => ended),
    [true],
  )
})
