/** Accounts kept as the events that led to them, and their balances as a read model in two releases, beside each other for a while. */
import assert from 'node:assert/strict'
import { command, contract, error, event } from 'dure/contract'
import { database } from 'dure/data'
import { aggregate } from 'dure/eventsourcing'
import { readModel } from 'dure/query'
import { service, system, type System } from 'dure/service'
import { z } from 'zod'
import { sometimes, type CheckWorld, type Simulation } from '../simulation.ts'

const Move = z.object({ account: z.string(), amount: z.int() })
const kept = {
  ...{ schema: Move, key: ({ account }: { account: string }) => account, topic: 'account' },
  ...{ partitions: 2, retention: { ms: Infinity, bytes: Infinity } },
}
const PaidIn = event('account.paid-in', kept)
const PaidOut = event('account.paid-out', kept)
const Overdrawn = error('OVERDRAWN', { message: 'There is not so much' })
const Bank = contract('bank', {
  version: '1.0.0',
  owner: 'tests',
  operations: { move: command({ input: Move, output: z.int(), errors: { Overdrawn } }) },
  events: [PaidIn, PaidOut],
})
const Report = contract('report', { version: '1.0.0', owner: 'tests', operations: {} })

const account = aggregate('account', {
  events: [PaidIn, PaidOut],
  initial: () => ({ balance: 0 }),
  decide: (move: z.infer<typeof Move>, { balance }) => {
    const { account: of, amount } = move
    if (balance + amount < 0) throw Overdrawn()
    if (amount < 0) return [{ type: 'account.paid-out', data: { account: of, amount: -amount } }]
    return [{ type: 'account.paid-in', data: move }]
  },
  evolve: ({ balance }, { type, data: { amount } }) => ({
    balance: type === 'account.paid-in' ? balance + amount : balance - amount,
  }),
  publish: [PaidIn, PaidOut],
  snapshot: { every: 3, state: z.object({ balance: z.int() }) },
})

type Balances = { balances: { account: string; balance: number; moves: number } }
const tables = database<Balances>({
  migrations: { '001': 'CREATE TABLE balances (account TEXT PRIMARY KEY, balance INTEGER NOT NULL, moves INTEGER NOT NULL)' },
})
type Change = {
  readonly tx: Parameters<
    Parameters<typeof readModel<1, Balances, readonly [typeof PaidIn]>>[1]['on']['account.paid-in']
  >[1]['tx']
}

async function add({ tx }: Change, of: string, amount: number): Promise<void> {
  const known = await tx.selectFrom('balances').selectAll().where('account', '=', of).executeTakeFirst()
  if (known === undefined) await tx.insertInto('balances').values({ account: of, balance: amount, moves: 1 }).execute()
  else
    await tx
      .updateTable('balances')
      .set({ balance: known.balance + amount, moves: known.moves + 1 })
      .where('account', '=', of)
      .execute()
}

type Event = { readonly id: string; readonly data: z.infer<typeof Move> }
type Told = { told: { position?: number; id: string } }
type Effect = { readonly tx: { insertInto: (table: never) => { values: (row: never) => { execute: () => Promise<unknown> } } } }
const tell = async ({ id }: Event, { tx }: Effect): Promise<void> =>
  void (await tx
    .insertInto('told' as never)
    .values({ id } as never)
    .execute())

/** The model in both versions. `said`: what is done outside is done where the model is made, and noted there. */
function models(said: string[] | undefined) {
  const made = async ({ id, data }: Event, change: Change, sign: number): Promise<void> => {
    await add(change, data.account, sign * data.amount)
    said?.push(id)
  }
  const own = {
    ...{ from: [PaidIn, PaidOut] as const, tables },
    on: {
      'account.paid-in': (one: Event, change: Change) => made(one, change, 1),
      'account.paid-out': (one: Event, change: Change) => made(one, change, -1),
    },
    ...(said === undefined && { effects: { 'account.paid-in': tell, 'account.paid-out': tell } as never }),
  }
  const first = readModel('balances', { version: 1, ...own })
  return { first, second: readModel('balances', { version: 2, before: first, ...own }) }
}

function banking(release: keyof ReturnType<typeof models>, said: string[] | undefined): System {
  const bank = service(Bank, {
    database: database<{}>({ migrations: {} }),
    extensions: [account],
    handlers: {
      move: (move, { database: own }) =>
        own.transaction(async (tx) => (await tx.decide(account.stream(move.account), move)).state.balance),
    },
  })
  const report = service(Report, {
    database: database<Told>({
      migrations: { '001': 'CREATE TABLE told (position INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL)' },
    }),
    extensions: [models(said)[release]],
    handlers: {},
  })
  return system('banking', { services: [bank, report] })
}

export const TRUE = 'no account is ever overdrawn, and its state is what its events make of it'
export const MODEL = 'a read model has each event once'
export const EFFECTS = 'what is done outside is done once for each event, however often a model is built'

type Moved = { readonly id: string; readonly account: string; readonly amount: number }

function moves(rows: CheckWorld['rows']): ReadonlyMap<string, readonly Moved[]> {
  const all = rows('bank', 'SELECT id, stream_id, type, data FROM dure_events ORDER BY stream_id, version').map((row) => {
    const { amount } = Move.parse(JSON.parse(String(row['data'])))
    const sign = row['type'] === 'account.paid-in' ? 1 : -1
    return { id: String(row['id']), account: String(row['stream_id']), amount: sign * amount }
  })
  return Map.groupBy(all, ({ account: of }) => of)
}

const sum = (all: readonly Moved[]): number => all.reduce((total, { amount }) => total + amount, 0)

export function accounts({
  store,
  outside = true,
}: { readonly store?: Simulation['store']; readonly outside?: boolean } = {}): Simulation {
  const said: string[] | undefined = outside ? undefined : []
  return {
    store,
    system: () => banking('second', said),
    before: () => banking('first', said),
    load: {
      duration: 15_000,
      clients: 3,
      pause: 250,
      step: async ({ client, random }) => {
        const move = { account: 'abc'[random.integer(3)]!, amount: random.integer(100) - 58 }
        await client(Bank)
          .move(move, { timeout: 3_000 })
          .catch((thrown: unknown) => {
            if (!Overdrawn.is(thrown)) throw thrown
            sometimes('a move was refused')
          })
      },
    },
    invariants: {
      [TRUE]: ({ rows }) => {
        for (const [of, all] of moves(rows))
          all.forEach((_, at) => assert.ok(sum(all.slice(0, at + 1)) >= 0, `account "${of}" after event ${at + 1}`))
      },
      [MODEL]: async ({ rows, ask, sleep }) => {
        const built = async (): Promise<
          readonly { readonly build: number; readonly version: number; readonly state: string }[]
        > => (await ask('report', { kind: 'model', method: 'list', input: {} })) as never
        let states = await built()
        for (let looks = 0; looks < 60 && !states.some(({ version, state }) => version === 2 && state === 'serving'); looks++) {
          await sleep(500)
          states = await built()
        }
        assert.ok(
          states.some(({ version, state }) => version === 2 && state === 'serving'),
          JSON.stringify(states),
        )
        for (const { build } of states) {
          const there = rows(`report--balances-${build}`, 'SELECT account, balance, moves FROM balances ORDER BY account')
          const should = [...moves(rows)].map(([of, all]) => ({ account: of, balance: sum(all), moves: all.length }))
          assert.deepEqual(
            there.map((row) => ({ ...row })),
            should,
            `build ${build}`,
          )
        }
        sometimes('both builds are there')
      },
      [EFFECTS]: ({ rows }) => {
        const told = said ?? rows('report', 'SELECT id FROM told').map(({ id }) => String(id))
        assert.deepEqual(
          told.toSorted(),
          [...moves(rows).values()]
            .flat()
            .map(({ id }) => id)
            .toSorted(),
        )
      },
    },
    expects: ['a move was refused', 'both builds are there'],
  }
}
