import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { command, contract, error } from 'dure/contract'
import { database } from 'dure/data'
import { saga } from 'dure/saga'
import { service, start, system } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { z } from 'zod'
import { postgres } from './postgres.ts'
import { RELAXED, testServer } from './server.test-support.ts'
import { makeRig, until } from './store.test-support.ts'

const server = await testServer({ settings: RELAXED })

const Refused = error('REFUSED')
const Shop = contract('shop', {
  version: '1.0.0',
  owner: 'tests',
  operations: { order: command({ input: z.object({ id: z.string(), bank: z.string() }), output: z.boolean() }) },
})
const tables = database<{ orders: { id: string } }>({ migrations: { '001': 'CREATE TABLE orders (id TEXT PRIMARY KEY)' } })
const checkout = saga('checkout', {
  database: tables,
  input: z.object({ bank: z.string() }),
  signals: { approve: z.unknown() },
  run: async (s, { bank }) => {
    await s.step('order', {
      transaction: (tx) => tx.insertInto('orders').values({ id: s.id }).execute(),
      undo: (tx) => tx.deleteFrom('orders').where('id', '=', s.id).execute(),
    })
    await s.step('charge', {
      do: () => {
        if (bank === 'refuse') throw Refused()
        if (bank === 'fail') throw new Error('the bank is away')
        return { receipt: 7 }
      },
      retry: { attempts: 2, first: 1 },
    })
    await s.signal('approve')
  },
})
const shop = service(Shop, {
  database: tables,
  extensions: [checkout],
  handlers: { order: ({ id, bank }, { database }) => database.transaction((tx) => tx.begin(checkout, { bank }, { id })) },
})

const has = (program: string): boolean => spawnSync(program, ['--version']).status === 0

test('the rows of sagas say to programs of others what has become of each, and so does an export', async (t: TestContext) => {
  const rig = await makeRig(t, server.url())
  const directory = mkdtempSync(join(tmpdir(), 'dure-sagas-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const running = await start(system('town', { services: [shop], database: postgres({ url: rig.url }) }), {
    directory,
    log: silentLogger(),
  })
  t.after(() => running.stop())
  for (const [id, bank] of [
    ['a', 'wait'],
    ['b', 'fail'],
    ['c', 'refuse'],
  ] as const)
    await running.client(Shop).order({ id, bank })
  const ask = <T>(method: string, input: object): Promise<T> => running.ask('shop', { kind: 'saga', method, input }) as Promise<T>
  const states = async () =>
    (await ask<{ state: string; waits: object | null }[]>('list', {})).map(({ state, waits }) => `${state} ${waits === null}`)
  await until(async () => (await states()).join() === 'running false,paused true,compensated true')

  if (!has('psql')) t.diagnostic('without psql')
  else {
    const sql = `SELECT g.id, g.state, s.position, s.name, s.state, s.tries, s.result::json ->> 'receipt'
      FROM shop.dure_sagas AS g JOIN shop.dure_saga_steps AS s USING (saga, id) ORDER BY g.id, s.position`
    const out = execFileSync('psql', [rig.url, '--no-psqlrc', '-At', '-c', sql], { encoding: 'utf8' })
    assert.deepEqual(out.trim().split('\n'), [
      'a|running|0|order|done|0|',
      'a|running|1|charge|done|0|7',
      'a|running|2|approve|waiting|0|',
      'b|paused|0|order|done|0|',
      'b|paused|1|charge|begun|2|',
      'c|compensated|0|order|undone|0|',
      'c|compensated|1|charge|refused|0|',
    ])
  }
  if (!has('jq')) t.diagnostic('without jq')
  else {
    const input = JSON.stringify(await ask('export', { id: 'a' }))
    const filter =
      '[.saga, .state, .input.bank, (.steps | map(.name + ":" + .state) | join(",")), .steps[1].result.receipt] | join(" ")'
    assert.equal(
      execFileSync('jq', ['-r', filter], { input, encoding: 'utf8' }),
      'checkout running wait order:done,charge:done,approve:waiting 7\n',
    )
  }
})
