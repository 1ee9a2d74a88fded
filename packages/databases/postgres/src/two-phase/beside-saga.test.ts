import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { command, contract, query } from 'dure/contract'
import { database } from 'dure/data'
import { saga } from 'dure/saga'
import { service, start, system } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { z } from 'zod'
import { postgres } from '../postgres.ts'
import { until } from '../store.test-support.ts'
import { DECIDE, killedBefore, onBanks } from './two-phase.test-support.ts'
import { listInDoubt } from './two-phase.ts'

const check = await onBanks()

const amount = z.object({ id: z.string(), account: z.int(), amount: z.int() })
const There = contract('there', {
  version: '1.0.0',
  owner: 'tests',
  operations: { credit: command({ input: amount, output: z.void(), idempotent: true }) },
})
const Here = contract('here', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    transfer: command({ input: amount, output: z.void(), idempotent: true }),
    ended: query({ output: z.array(z.string()) }),
  },
})

const accounts = database<{ accounts: { id: number; amount: number }; ended: { id: string } }>({
  migrations: {
    '001': 'CREATE TABLE accounts (id INT PRIMARY KEY, amount INT NOT NULL)',
    '002': 'INSERT INTO accounts VALUES (1, 100), (2, 100)',
    '003': 'CREATE TABLE ended (id TEXT PRIMARY KEY)',
  },
})

const transfer = saga('transfer', {
  database: accounts,
  needs: { there: There },
  input: amount,
  run: async (s, { id, account, amount: moved }) => {
    await s.step('debit', {
      transaction: (tx) =>
        tx
          .updateTable('accounts')
          .set((of) => ({ amount: of('amount', '-', moved) }))
          .where('id', '=', account)
          .execute(),
      undo: (tx) =>
        tx
          .updateTable('accounts')
          .set((of) => ({ amount: of('amount', '+', moved) }))
          .where('id', '=', account)
          .execute(),
    })
    await s.step('credit', {
      do: (context) => context.there.credit({ id, account, amount: moved }),
      retry: { attempts: 1_000, first: 1, max: 10 },
    })
    await s.step('ended', { transaction: (tx) => tx.insertInto('ended').values({ id }).execute() })
  },
})

check(
  'beside a two-phase transfer that is stuck, the same transfer as a saga ends, and holds nothing while it waits',
  async (banks, t) => {
    const [here] = banks.urls
    const bank = { away: true, asked: 0 }
    const there = service(There, {
      database: accounts,
      handlers: {
        credit: async ({ account, amount: moved }, context) => {
          bank.asked++
          if (bank.away) throw new Error('The bank is away')
          await context.database.transaction((tx) =>
            tx
              .updateTable('accounts')
              .set((of) => ({ amount: of('amount', '+', moved) }))
              .where('id', '=', account)
              .execute(),
          )
        },
      },
    })
    const own = service(Here, {
      database: accounts,
      extensions: [transfer],
      handlers: {
        transfer: async (input, context) =>
          void (await context.database.transaction((tx) => tx.begin(transfer, input, { id: input.id }))),
        ended: async (_, context) => (await context.database.read.selectFrom('ended').select('id').execute()).map(({ id }) => id),
      },
    })
    const directory = mkdtempSync(join(tmpdir(), 'dure-2pc-'))
    t.after(() => rmSync(directory, { recursive: true, force: true }))
    const made = system('banks', { services: [own, there], database: postgres({ url: here }) })
    const running = await start(made, { directory, log: silentLogger() })
    t.after(() => running.stop())

    // The two-phase one works in the very table of the service, and in another database.
    await banks.ask(here, `ALTER DATABASE ${new URL(here).pathname.slice(1)} SET search_path = here, public`)
    await killedBefore(banks, DECIDE)
    const [stuck] = await listInDoubt({ databases: [here] })
    assert.ok(stuck!.locks.some(({ what }) => what === 'accounts'))
    const asSomebody = await banks.client(here)
    await asSomebody.query(`SET lock_timeout = '2s'`)
    const touch = (id: number) => asSomebody.query('UPDATE accounts SET amount = amount WHERE id = $1', [id])
    await assert.rejects(touch(1), { code: '55P03' })

    const client = running.client(Here)
    await client.transfer({ id: 'first', account: 2, amount: 30 })
    // Its debit is committed, and the other bank is away: what waits is a row, and no lock.
    await until(() => bank.asked > 1)
    await touch(2)
    assert.deepEqual(await client.ended(), [])
    bank.away = false
    await until(async () => (await client.ended()).includes('first'))
    assert.deepEqual(await banks.ask(here, 'SELECT amount FROM accounts ORDER BY id'), [100, 70])
    assert.deepEqual(await banks.ask(here, 'SELECT amount FROM there.accounts ORDER BY id'), [100, 130])
    // All that time, and as long as nobody brings its coordinator back.
    await assert.rejects(touch(1), { code: '55P03' })
    await banks.open()
    await touch(1)
  },
)
