import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { z } from 'zod'
import type { SqlTransaction } from '../data/data.ts'
import { realRuntime } from '../runtime/runtime.ts'
import { copyOn, effects, stateOf, storeOf } from './copies.test-support.ts'
import { saga, type AnySaga } from './saga.ts'
import { until } from './saga.test-support.ts'

/** Runs a trip of one step, whose first try is not committed although its work was done. Tells what was committed at each commit. */
async function tripped(
  t: TestContext,
  {
    told = () => {},
    refused = 0,
    comesTo = (tried: number): unknown => tried,
    delay = 1,
  }: {
    readonly told?: (value: unknown) => unknown
    readonly refused?: number
    readonly comesTo?: (tried: number) => unknown
    readonly delay?: number
  },
) {
  const store = await storeOf(t, realRuntime())
  let tried = 0
  const refuses = new WeakSet<object>()
  const trip: AnySaga = saga('trip', {
    input: z.unknown(),
    run: async (s) => {
      const value = await s.step('book', {
        transaction: async (tx) => {
          if (++tried <= refused) refuses.add(tx)
          await (tx as unknown as SqlTransaction).run('INSERT INTO effects (line) VALUES (?)', [`try ${tried}`])
          return comesTo(tried)
        },
        retry: { first: delay, max: delay },
      })
      await told(value)
      return value
    },
  })
  const commits: string[] = []
  const copy = await copyOn(t, store, [trip], {
    transaction: (work, options) =>
      store.transaction(async (tx) => {
        const value = await work(tx)
        const [row] = await tx.all(
          "SELECT state, output, (SELECT count(*) FROM dure_saga_steps WHERE state = 'done') AS done FROM dure_sagas",
        )
        if (refuses.has(tx)) throw new Error('the commit was refused')
        if (row !== undefined) commits.push(`${String(row['state'])} ${String(row['done'])} ${String(row['output'])}`)
        return value
      }, options),
  })
  await copy.begin(trip, 'x')
  return { commits, effects: () => effects(store), state: () => stateOf(store, 'x'), tried: () => tried }
}

test('where code ends right after a step with a transaction, its end commits with it', async (t) => {
  const { state, commits } = await tripped(t, {})
  await until(async () => (await state()) === 'completed')
  assert.ok(commits.includes('completed 1 1'), String(commits))
  assert.ok(!commits.includes('running 1 null'), String(commits))
})

test('code that waits for something else than its steps is not waited for: the step is committed before', async (t) => {
  const go = Promise.withResolvers<void>()
  const { state, commits } = await tripped(t, { told: () => go.promise })
  await until(() => commits.includes('running 1 null'))
  go.resolve()
  await until(async () => (await state()) === 'completed')
  assert.ok(commits.includes('completed 1 1'), String(commits))
})

test('code is told anew what its step came to, when the first time was not committed and it comes to something else', async (t) => {
  const told: unknown[] = []
  const trip = await tripped(t, { told: (value) => told.push(value), refused: 1 })
  await until(async () => (await trip.state()) === 'completed')
  assert.deepEqual(told.slice(0, 1), [1])
  assert.equal(told.at(-1), trip.tried())
  assert.ok(trip.tried() > 1)
  assert.deepEqual(await trip.effects(), [`try ${trip.tried()}`])
  assert.ok(trip.commits.includes(`completed 1 ${trip.tried()}`), String(trip.commits))
})

test('code is told once what comes to the same again', async (t) => {
  const told: unknown[] = []
  const trip = await tripped(t, { told: (value) => told.push(value), refused: 1, comesTo: () => 'same' })
  await until(async () => (await trip.state()) === 'completed')
  assert.deepEqual(told, ['same'])
  assert.deepEqual(await trip.effects(), ['try 2'])
})

test('a saga whose last step was not committed rests until its next try, and has not ended', async (t) => {
  const { state, tried, commits } = await tripped(t, { refused: 1, delay: 4_000 })
  await until(() => commits.includes('running 0 null') && tried() === 1)
  assert.equal(await state(), 'running')
  await until(async () => (await state()) === 'completed')
  assert.equal(tried(), 2)
})
