import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { command, contract, event, query } from '../contract/contract.ts'
import { database, type Kysely } from '../data/data.ts'
import { aggregate, historyOf } from '../eventsourcing/eventsourcing.ts'
import { service } from '../service/service.ts'
import { readModel } from './query.ts'
import { place } from './read-model.test-support.ts'

const Move = z.object({ account: z.string(), amount: z.int() })
const own = { schema: Move, key: ({ account }: { account: string }) => account, topic: 'account' }
const [PaidIn, PaidOut] = [event('account.paid-in', own), event('account.paid-out', own)]
const account = aggregate('account', {
  events: [PaidIn, PaidOut],
  publish: [PaidIn, PaidOut],
  initial: () => 0,
  decide: (move: z.infer<typeof Move>) => [{ type: move.amount < 0 ? 'account.paid-out' : 'account.paid-in', data: move }],
  evolve: (balance, { data }) => balance + data.amount,
})
const history = historyOf(account)
const Bank = contract('bank', {
  version: '1.0.0',
  owner: 'tests',
  operations: { move: command({ input: Move, output: z.int() }), history: history.operation },
  events: [PaidIn, PaidOut],
})
const bank = service(Bank, {
  database: database<{}>({ migrations: {} }),
  extensions: [account],
  handlers: {
    move: (move, { database: its }) =>
      its.transaction(async (tx) => (await tx.decide(account.stream(move.account), move)).version),
    history: history.handler,
  },
})

type Balances = { balances: { account: string; balance: number; moves: number } }
const Balance = z.object({ account: z.string(), balance: z.int(), moves: z.int() })
const Report = contract('report', { version: '1.0.0', owner: 'tests', operations: { show: query({ output: z.array(Balance) }) } })
const add = async ({ data }: { data: z.infer<typeof Move> }, { tx }: { tx: Kysely<Balances> }) => {
  const row = { account: data.account, balance: data.amount, moves: 1 }
  const known = await tx.selectFrom('balances').selectAll().where('account', '=', data.account).executeTakeFirst()
  if (known === undefined) return void (await tx.insertInto('balances').values(row).execute())
  const after = { balance: known.balance + data.amount, moves: known.moves + 1 }
  await tx.updateTable('balances').set(after).where('account', '=', data.account).execute()
}
const balances = readModel('balances', {
  version: 1,
  from: [PaidIn, PaidOut],
  histories: [{ contract: Bank, operation: 'history', events: history.events }],
  tables: database<Balances>({
    migrations: { '001': 'CREATE TABLE balances (account TEXT PRIMARY KEY, balance INTEGER NOT NULL, moves INTEGER NOT NULL)' },
  }),
  on: { 'account.paid-in': add, 'account.paid-out': add },
})
const report = service(Report, {
  database: database<{}>({ migrations: {} }),
  extensions: [balances],
  handlers: {
    show: (_input, context) => balances.serving(context).read.selectFrom('balances').selectAll().orderBy('account').execute(),
  },
})

test('a model that comes late has all that an aggregate has ever published, and what follows, once and in order', async (t) => {
  const { start, quiet } = await place(t)
  const expected = new Map<string, { balance: number; moves: number }>()
  const first = await start([bank])
  const move = async (at: number, running: typeof first) => {
    const [name, amount] = [`a${at % 7}`, at % 3 === 0 ? -at : at]
    const { balance, moves } = expected.get(name) ?? { balance: 0, moves: 0 }
    expected.set(name, { balance: balance + amount, moves: moves + 1 })
    assert.equal(await running.client(Bank).move({ account: name, amount }), moves + 1)
  }
  for (let at = 0; at < 100; at++) await move(at, first)
  await first.stop()
  // Another broker: of what was said before there is nothing any more.
  const running = await start([bank, report], { freshBroker: true })
  for (let at = 100; at < 140; at++) await move(at, running)
  await quiet(running)
  const shown = await running.client(Report).show()
  assert.deepEqual(new Map(shown.map(({ account: name, balance, moves }) => [name, { balance, moves }])), expected)
})
