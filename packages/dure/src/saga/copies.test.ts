import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { elsewhere } from '../data/adapter.conformance.ts'
import type { SqlTransaction } from '../data/data.ts'
import { realRuntime, virtualRuntime, type Runtime } from '../runtime/runtime.ts'
import { copyOn, effects, stateOf, storeOf } from './copies.test-support.ts'
import { saga, type AnySaga } from './saga.ts'
import { until } from './saga.test-support.ts'

test('a copy that stands still is taken over, and when it goes on what it writes does not count', async (t) => {
  const store = await storeOf(t, realRuntime())
  const at = Promise.withResolvers<void>()
  const go = Promise.withResolvers<void>()
  const tripOf = (name: string): AnySaga =>
    saga('trip', {
      input: z.unknown(),
      run: async (s) => {
        await s.step('first', {
          do: async () => {
            if (name === 'zombie') {
              at.resolve()
              await go.promise
            }
            return name
          },
        })
        await s.step('second', {
          transaction: (tx) => (tx as unknown as SqlTransaction).run('INSERT INTO effects (line) VALUES (?)', [name]),
        })
        return name
      },
    })
  const mine = tripOf('zombie')
  const zombie = await copyOn(t, store, [mine], { member: 'a' })
  await zombie.begin(mine, 'x')
  await at.promise
  zombie.freeze()
  await copyOn(t, store, [tripOf('other')], { member: 'b', gone: ['a'] })
  await until(async () => (await stateOf(store, 'x')) === 'completed')
  go.resolve()
  zombie.thaw()
  await until(() => zombie.said.some((text) => text.includes('goes on elsewhere')))
  assert.deepEqual(await effects(store), ['other'])
  const [row] = await store.select('SELECT output, epoch FROM dure_sagas WHERE id = ?', ['x'])
  assert.deepEqual([row!['output'], row!['epoch']], ['"other"', 2])
})

test('many copies share what is due; each instance is run by one of them, each effect is there once', async (t) => {
  const store = await storeOf(t, realRuntime())
  const many = saga('many', {
    input: z.unknown(),
    run: async (s) => {
      await s.sleep('a moment', 1)
      await s.step('effect', {
        transaction: (tx) => (tx as unknown as SqlTransaction).run('INSERT INTO effects (line) VALUES (?)', [s.id]),
      })
    },
  })
  const copies = await Promise.all(['a', 'b', 'c'].map((member) => copyOn(t, store, [many], { member })))
  const ids = Array.from({ length: 60 }, (_, n) => `i${100 + n}`)
  await Promise.all(ids.map((id, n) => copies[n % 3]!.begin(many, id)))
  await until(async () => (await store.select(`SELECT id FROM dure_sagas WHERE state = 'completed'`)).length === ids.length)
  assert.deepEqual(await effects(store), ids)
})

test('a saga whose step ends its process pauses after three times; another, in hand at the same time, goes on', async (t) => {
  const store = await storeOf(t, realRuntime())
  let killing = true
  let reached = Promise.withResolvers<void>()
  const killer = saga('killer', {
    input: z.unknown(),
    run: (s) =>
      s.step('the end', {
        do: async () => {
          reached.resolve()
          if (killing) await new Promise(() => {})
        },
      }),
  })
  const innocent = saga('innocent', { input: z.unknown(), signals: { go: z.unknown() }, run: (s) => s.signal('go') })
  let gone: string[] = []
  for (let life = 0; life < 3; life++) {
    reached = Promise.withResolvers<void>()
    const copy = await copyOn(t, store, [killer, innocent], { member: `life ${life}`, gone })
    gone = [...gone, `life ${life}`]
    if (life === 0) await Promise.all([copy.begin(killer, 'k'), copy.begin(innocent, 'i')])
    await reached.promise
    copy.freeze()
  }
  const last = await copyOn(t, store, [killer, innocent], { member: 'last', gone })
  await until(async () => (await stateOf(store, 'k')) === 'paused')
  const [row] = await store.select('SELECT reason FROM dure_sagas WHERE id = ?', ['k'])
  assert.match(
    String(row!['reason']),
    /Its process has ended 3 times in a row; the last that it had begun was the step "the end"/,
  )
  const said = { by: 'ann', why: 'mended' }
  await last.ask('signal', { id: 'i', name: 'go', ...said })
  await until(async () => (await stateOf(store, 'i')) === 'completed')
  killing = false
  await last.ask('resume', { id: 'k', ...said })
  await until(async () => (await stateOf(store, 'k')) === 'completed')
})

// Elsewhere the clock is that of the server.
test('a wall clock that is set wakes nobody early and keeps nobody waiting', { skip: elsewhere }, async (t) => {
  const virtual = virtualRuntime({ seed: 1, start: Date.UTC(2026, 0, 1) })
  let ahead = 0
  const clock = { ...virtual.clock, now: () => virtual.clock.now() + ahead }
  const runtime: Runtime = { ...virtual, clock }
  const sleeper = saga('sleeper', { input: z.unknown(), run: (s) => s.sleep('an hour', 3_600_000) })
  // What is to be done within a turn is done all the while; time passes when the test says so.
  let over = false
  t.after(() => void (over = true))
  void (async () => {
    while (!over) {
      await new Promise((resolve) => setImmediate(resolve))
      await virtual.advance(0)
    }
  })()
  const store = await storeOf(t, runtime)
  const copy = await copyOn(t, store, [sleeper], { runtime })
  for (const [id, jump] of [
    ['forward', 24 * 3_600_000],
    ['back', -48 * 3_600_000],
  ] as const) {
    await copy.begin(sleeper, id)
    await until(async () => (await store.select('SELECT id FROM dure_sagas WHERE id = ? AND owner IS NULL', [id])).length === 1)
    ahead += jump
    await virtual.advance(3_500_000)
    assert.equal(await stateOf(store, id), 'running', `${id}: woken early`)
    await virtual.advance(200_000)
    await until(async () => (await stateOf(store, id)) === 'completed')
  }
})

// What a restart finds that was written by a clock that was set back since.
test('over a restart with the clock set back nobody waits for longer than was asked for', { skip: elsewhere }, async (t) => {
  const store = await storeOf(t, realRuntime())
  const sleeper = saga('sleeper', { input: z.unknown(), run: (s) => s.sleep('an hour', 3_600_000) })
  const copy = await copyOn(t, store, [sleeper])
  await copy.begin(sleeper, 'x')
  await until(async () => (await store.select('SELECT due_at FROM dure_sagas WHERE owner IS NULL')).length === 1)
  await copy.open.stop({ timeout: 100 })
  await store.transaction((tx) => tx.run('UPDATE dure_sagas SET due_at = due_at + 86400000, until_at = until_at + 86400000'))
  await copyOn(t, store, [sleeper])
  await until(async () => (await stateOf(store, 'x')) === 'completed')
})

test('thousands that are due at once are worked off, so many in hand at a time', async (t) => {
  const store = await storeOf(t, realRuntime())
  let inHand = 0
  let most = 0
  const due = saga('due', {
    input: z.unknown(),
    run: async (s) => {
      inHand++
      most = Math.max(most, inHand)
      await s.step('one', { do: () => 1 })
      inHand--
    },
  })
  await store.transaction(async (tx) => {
    const sql = `INSERT INTO dure_sagas (saga, id, version, state, epoch, due_at, delay, crashes, path, began_at, correlation_id, input)
      VALUES ('due', ?, 1, 'running', 1, 1, 0, 0, '', 1, 'c', 'null')`
    await Promise.all(Array.from({ length: 2_000 }, (_, n) => tx.run(sql, [`i${n}`])))
  })
  const copy = await copyOn(t, store, [due])
  assert.ok((await copy.open.busy!()) > 0)
  await until(async () => (await copy.open.busy!()) === 0)
  assert.equal(await stateOf(store, 'i1999'), 'completed')
  assert.ok(most <= 256, `${most} at once`)
})

test('an instance has at most 10,000 steps: with one more it pauses', async (t) => {
  const store = await storeOf(t, realRuntime())
  const long = saga('long', {
    input: z.unknown(),
    run: async (s) => {
      for (let n = 0; n <= 10_000; n++) await s.step(`step ${n}`, { do: () => n })
    },
  })
  await store.transaction(
    async (tx) => {
      await tx.run(`INSERT INTO dure_sagas (saga, id, version, state, epoch, due_at, delay, crashes, path, began_at, correlation_id, input)
      VALUES ('long', 'x', 1, 'running', 1, 1, 0, 0, '', 1, 'c', 'null')`)
      const sql = `INSERT INTO dure_saga_steps (saga, id, position, kind, name, schema, state, undo, tries, began_at, ended_at, result)
      VALUES ('long', 'x', ?, 'step', ?, '', 'done', 0, 0, 1, 1, '7')`
      await Promise.all(Array.from({ length: 10_000 }, (_, n) => tx.run(sql, [n, `step ${n}`])))
    },
    { timeout: 60_000 },
  )
  await copyOn(t, store, [long])
  await until(async () => (await stateOf(store, 'x')) === 'paused')
  const [row] = await store.select('SELECT reason FROM dure_sagas')
  assert.match(String(row!['reason']), /Step "step 10000" is one more than the 10000 that an instance may have/)
})
