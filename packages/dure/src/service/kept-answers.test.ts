import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { z } from 'zod'
import { CallError, command, contract, DeclaredError, error } from '../contract/contract.ts'
import { noSql, rows, testAdapter } from '../data/adapter.conformance.ts'
import { clientDatabase, database, type Store } from '../data/data.ts'
import { silentLogger } from '../telemetry/telemetry.ts'
import { realRuntime } from '../runtime/runtime.ts'
import { Cancellation } from '../call/internal.ts'
import type { Client } from '../call/call.ts'
import { heldKey, type ExtensionHost } from './internal.ts'
import { healthCheckCall } from './readiness.ts'
import { service, start, system } from './service.ts'

const Refused = error('REFUSED', { data: z.object({ n: z.int() }) })
const go = command({ output: z.object({ n: z.int() }), errors: { Refused } })
const Till = contract('till', {
  version: '1.0.0',
  owner: 'tests',
  operations: { said: go, refused: go, other: go, wrong: go, twice: go, late: go, returned: go },
})
type Tables = { effects: { name: string; run: number } }
const crash = (): never => {
  throw new Error('the process dies here')
}

async function till(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'dure-answers-'))
  let run = 0
  const refusals: unknown[] = []
  const definition = service(Till, {
    database:
      noSql === false
        ? database<Tables>({ migrations: { '001': 'CREATE TABLE effects (name TEXT NOT NULL, run INTEGER NOT NULL)' } })
        : (clientDatabase() as never),
    handlers: {
      said: async (_, { database: own }) => {
        await own.transaction(async (tx) => {
          await rows.insertAsHandler(tx, 'effects', { name: 'said', run: ++run })
          await tx.answer({ n: run })
        })
        return crash()
      },
      refused: async (_, { database: own }) => {
        await own.transaction(async (tx) => {
          await rows.insertAsHandler(tx, 'effects', { name: 'refused', run: ++run })
          await tx.answer(Refused({ n: run }))
        })
        return crash()
      },
      // What is committed is what counts.
      other: async (_, { database: own }) => {
        await own.transaction((tx) => tx.answer({ n: ++run }))
        return { n: -1 }
      },
      wrong: async (_, { database: own }) =>
        own.transaction(async (tx) => {
          await rows.insertAsHandler(tx, 'effects', { name: 'wrong', run: ++run })
          await tx.answer({ n: 'no number' } as never)
          return { n: run }
        }),
      twice: async (_, { database: own }) =>
        own.transaction(async (tx) => {
          await rows.insertAsHandler(tx, 'effects', { name: 'twice', run: ++run })
          await tx.answer({ n: run })
          await tx.answer({ n: run })
          return { n: run }
        }),
      late: async (_, { database: own }) => {
        await own.transaction((tx) => tx.answer({ n: ++run }))
        await own
          .transaction((tx) => rows.insertAsHandler(tx, 'effects', { name: 'late', run }))
          .catch((refusal: unknown) => {
            refusals.push(refusal)
            throw refusal
          })
        return { n: run }
      },
      returned: (_, { database: own }) =>
        own.transaction(async (tx) => {
          await rows.insertAsHandler(tx, 'effects', { name: 'returned', run: ++run })
          return { n: run }
        }),
    },
  })
  let store: Store | undefined
  const running = await start(
    system('till', {
      services: [definition],
      database: async (world) => {
        const made = await testAdapter(world)
        return { ...made, open: async (...given) => (store = (await made.open(...given)) as Store) as never }
      },
    }),
    { directory, log: silentLogger() },
  )
  t.after(async () => {
    await running.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  return {
    call: running.client(Till),
    effects: async () => (await rows.read(store as never, 'effects', 'run')).map(({ name }) => String(name)),
    refusals,
    store: () => store!,
  }
}

const codeOf = (thrown: unknown): unknown => (thrown instanceof CallError ? thrown.code : thrown)
const KEY = { idempotencyKey: 'key' }

test('an answer that is said in the transaction is heard by whoever asks again after a crash', async (t) => {
  const { call, effects } = await till(t)
  await assert.rejects(call.said(undefined, KEY), (thrown) => codeOf(thrown) === 'INTERNAL')
  for (let time = 0; time < 2; time++) assert.deepEqual(await call.said(undefined, KEY), { n: 1 })
  assert.deepEqual(await effects(), ['said'])
  // Nobody asks again for what has no key.
  await assert.rejects(call.said())
  assert.deepEqual(await effects(), ['said', 'said'])
})

test('a declared error that is said in the transaction is one too', async (t) => {
  const { call, effects } = await till(t)
  await assert.rejects(call.refused(undefined, KEY), (thrown) => codeOf(thrown) === 'INTERNAL')
  for (let time = 0; time < 2; time++) {
    await assert.rejects(call.refused(undefined, KEY), (thrown) => thrown instanceof DeclaredError && Refused.is(thrown))
  }
  assert.deepEqual(await effects(), ['refused'])
})

test('the first caller hears what was said as well, whatever the handler returns', async (t) => {
  const { call } = await till(t)
  for (let time = 0; time < 2; time++) assert.deepEqual(await call.other(undefined, KEY), { n: 1 })
})

test('an answer that is none, or the second, takes its transaction back', async (t) => {
  const { call, effects } = await till(t)
  await assert.rejects(call.wrong(undefined, KEY), (thrown) => codeOf(thrown) === 'INTERNAL')
  await assert.rejects(call.twice(undefined, KEY), (thrown) => codeOf(thrown) === 'INTERNAL')
  assert.deepEqual(await effects(), [])
})

test('a transaction after the answer is refused: nothing would do it again after a crash', async (t) => {
  const { call, effects, refusals } = await till(t)
  await assert.rejects(call.late(undefined, KEY))
  assert.match(String(refusals[0]), /the answer of its call has been committed\. To do/)
  assert.deepEqual(await call.late(undefined, KEY), { n: 1 })
  assert.deepEqual(await effects(), [])
})

test('what the only transaction of a handler comes to is kept with it, and no transaction more is needed', async (t) => {
  const { call, store, effects } = await till(t)
  const { idempotency } = store().records
  let [answers, within] = [0, 0]
  const { answer } = idempotency
  Object.assign(idempotency, {
    answer: async (...given: Parameters<typeof answer>) => {
      answers++
      within += (await effects()).length === 0 ? 1 : 0
      return answer(...given)
    },
  })
  for (let time = 0; time < 2; time++) assert.deepEqual(await call.returned(undefined, KEY), { n: 1 })
  // Written while its effect was not committed.
  assert.deepEqual([answers, within], [1, 1])
})

const Once = contract('once', { version: '1.0.0', owner: 'tests', operations: { go } })

test('a key that is held is kept until it is let go', { skip: noSql }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'dure-held-'))
  let host: ExtensionHost | undefined
  const kind = {
    name: 'asker',
    migrations: {},
    open: async (given: ExtensionHost) => {
      host = given
      return { stop: async () => {} }
    },
  }
  const sql = { migrations: {} }
  let store: Store | undefined
  const running = await start(
    system('s', {
      services: [
        service(contract('asker', { version: '1.0.0', owner: 'tests', operations: {} }), {
          ...{ database: sql, handlers: {}, needs: { tills: Once } },
          extensions: [{ kind, name: 'one' }],
        }),
        service(Once, { database: sql, handlers: { go: () => ({ n: 1 }) } }),
      ],
      database: async (world) => {
        const made = await testAdapter(world)
        const open = async (name: string, ...given: [never]) => {
          const opened = (await made.open(name, ...given)) as Store
          if (name === 'once') store = opened
          return opened
        }
        return { ...made, open: open as never }
      },
    }),
    { directory, log: silentLogger() },
  )
  t.after(async () => {
    await running.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  const { records } = store!
  const key = heldKey('checkout/1/reserve')
  const forget = (): Promise<number> =>
    store!.transaction((tx) => records.upkeep.forget(tx, { part: 'keys', age: -60_000, limit: 10 }), { isolated: false })
  const call = { idempotencyKey: key, timeout: 5_000 }
  const { tills } = host!.contexts({ tills: Once })(healthCheckCall('asker', realRuntime()), new Cancellation()) as {
    tills: Client<typeof Once>
  }
  await tills.go(undefined, call)
  await running.client(Once).go(undefined, { idempotencyKey: heldKey('of a stranger') })
  // Of what is younger than a minute from now only the stranger's goes.
  assert.equal(await forget(), 1)
  assert.deepEqual((await records.idempotency.find({ operation: 'go', key }))?.outcome, 'answered')
  await host!.release('once', [{ operation: 'go', key }])
  assert.equal(await forget(), 1)
})
