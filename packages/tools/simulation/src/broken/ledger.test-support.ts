/** Moves of money between copies of a ledger: one account's in order, each once, some of which fail for a while or for good. */
import assert from 'node:assert/strict'
import { command, contract, event } from 'dure/contract'
import { database, sql, type Store } from 'dure/data'
import type { Runtime } from 'dure/runtime'
import { service, system, type Service, type System } from 'dure/service'
import { z } from 'zod'
import { sometimes, type CheckWorld, type Simulation, type StepWorld } from '../simulation.ts'

type Process = { readonly name: string; readonly runtime: Runtime }

const Move = z.object({
  account: z.string(),
  /** Of the account's moves, from 1. */
  number: z.int(),
  amount: z.int(),
})
const Moved = event('moved', { schema: Move, key: ({ account }) => account })

const Bank = contract('bank', {
  version: '1.0.0',
  owner: 'tests',
  operations: { move: command({ input: z.object({ account: z.string(), amount: z.int() }) }) },
  events: [Moved],
})
const Ledger = contract('ledger', { version: '1.0.0', owner: 'tests', operations: {} })

/** Who is told of moves. */
export const MOVES = 'ledger/moved'
const ACCOUNTS = ['a', 'b', 'c', 'd']
const ATTEMPTS = 3
/** Milliseconds for which users are at work, and for which moves may fail. */
const DURATION = 10_000
/** Every so many moves of an account is one that fails now and then. */
const SICK = 3
/** What an edit adds to an amount. */
const EDITED = 1_000

/** What one run remembers, of all processes. */
type Memory = {
  /** By process and message: the epoch under which the message was marked last. */
  readonly epochs: Map<string, number>
  /** By place: epochs that members were told of. */
  readonly raised: Map<string, number[]>
  /** Messages that were tried more often than they may be. */
  readonly tired: Set<string>
  /** Moves that somebody has decided on: discarded, or with another amount from then on. */
  readonly discarded: Set<string>
  readonly doubtful: Set<string>
  readonly edited: Map<string, number>
}

function bank(): Service {
  return service(Bank, {
    database: database<{ accounts: { id: string; moves: number } }>({
      migrations: {
        '001': `CREATE TABLE accounts (id TEXT PRIMARY KEY, moves INTEGER NOT NULL);
          INSERT INTO accounts VALUES ${ACCOUNTS.map((id) => `('${id}', 0)`).join(', ')}`,
      },
    }),
    handlers: {
      move: ({ account, amount }, context) =>
        context.database.transaction(async (tx) => {
          const { moves } = await tx.selectFrom('accounts').select('moves').where('id', '=', account).executeTakeFirstOrThrow()
          const number = moves + 1
          await tx.updateTable('accounts').set({ moves: number }).where('id', '=', account).execute()
          await tx.publish(Moved, { account, number, amount })
        }),
    },
  })
}

/** Notes of each account what happened, one after another: `<number>=<amount>@<epoch>`. */
function ledger({ name, runtime: { clock, random, timers } }: Process, memory: Memory): Service {
  return service(Ledger, {
    needs: { bank: Bank },
    database: database<{ stories: { account: string; story: string } }>({
      migrations: {
        '001': `CREATE TABLE stories (account TEXT PRIMARY KEY, story TEXT NOT NULL);
          INSERT INTO stories VALUES ${ACCOUNTS.map((id) => `('${id}', '')`).join(', ')}`,
      },
    }),
    handlers: {},
    subscriptions: ({ on }) => [
      on(Moved, {
        retry: { attempts: ATTEMPTS, first: 50, max: 400 },
        handle: async ({ id, data: { account, number, amount } }, { tx }) => {
          await timers.sleep(random.number() ** 3 * 300)
          if (number % SICK === 0 && clock.monotonic() < DURATION && random.number() < 0.7)
            throw new Error('The ledger is out of ink')
          const epoch = memory.epochs.get(`${name} ${id}`) ?? 0
          await tx
            .updateTable('stories')
            .set({ story: sql`story || ${`${number}=${amount}@${epoch} `}` })
            .where('account', '=', account)
            .execute()
        },
      }),
    ],
  })
}

function accounts(process: Process, memory: Memory): System {
  return system('accounts', { services: [bank(), ledger(process, memory)] })
}

/** Notes what a member is told of its partitions, and under which epoch it has marked what. */
function watched(store: Store, { name }: Process, { epochs, raised, tired }: Memory): Store {
  const { inbox, ownership, parked } = store.records
  return {
    ...store,
    records: {
      ...store.records,
      inbox: {
        ...inbox,
        mark: (tx, wanted) => {
          for (const { messageId, fence } of wanted.marks) if (fence) epochs.set(`${name} ${messageId}`, fence.epoch)
          return inbox.mark(tx, wanted)
        },
      },
      ownership: {
        ...ownership,
        raise: async (tx, claim) => {
          const found = await ownership.raise(tx, claim)
          const place = `${claim.consumer} ${claim.topic}/${claim.partition}`
          if (found) tx.onCommit(() => void raised.set(place, [...(raised.get(place) ?? []), found.epoch]))
          return found
        },
      },
      parked: {
        ...parked,
        fail: (tx, its) => {
          if (its.started > ATTEMPTS) tired.add(its.messageId)
          return parked.fail(tx, its)
        },
      },
    },
  }
}

/** Decides on one of the dead letters, if there are any; what is not answered may have been done. */
async function decide(world: StepWorld, memory: Memory): Promise<void> {
  // Whoever is asked may be gone before it answers.
  await decideOne(world, memory).catch(() => sometimes('a decision was not answered'))
}

async function decideOne({ deadLetters, random, sleep }: StepWorld, memory: Memory): Promise<void> {
  const letters = deadLetters('ledger')
  const [first] = (await letters?.list({ limit: 1 })) ?? []
  if (letters === undefined || first === undefined) return
  const { id } = first
  const { account, number, amount } = Move.parse(JSON.parse((await letters.show(id)).message.data))
  const move = `${account} ${number}`
  // Who decides has looked at it for a while.
  await sleep(random.integer(300))
  const what = random.number()
  if (what < 0.25) {
    memory.doubtful.add(move)
    if ((await letters.discard({ ids: [id] }, 'Nobody knows this move')) === 1) memory.discarded.add(move)
    return sometimes('a dead letter was discarded')
  }
  if (what < 0.65) {
    await letters.edit(id, JSON.stringify({ account, number, amount: amount + EDITED }), 'It was more')
    memory.edited.set(move, amount + EDITED)
    sometimes('a dead letter was edited')
  }
  await letters.retry({ ids: [id] })
}

type Told = { readonly number: number; readonly amount: number; readonly epoch: number }

/** What the ledger tells of each account. */
function stories(rows: CheckWorld['rows']): ReadonlyMap<string, readonly Told[]> {
  const told = (entry: string): Told => {
    const [, number, amount, epoch] = /^(\d+)=(\d+)@(\d+)$/.exec(entry)!.map(Number)
    return { number: number!, amount: amount!, epoch: epoch! }
  }
  const all = rows('ledger', 'SELECT account, story FROM stories')
  return new Map(all.map(({ account, story }) => [String(account), String(story).trim().split(' ').filter(Boolean).map(told)]))
}

/** Something of the ways of the store that is not as it should be. */
export type Mistake = (store: Store, process: Process) => Store

/** Of what never ends: it is no invariant that is looked at, as there is no end at which to look. */
export const REST = 'everything comes to rest'
export const ORDER = 'moves of an account happen in order'
const ONCE = 'a move happens once'
export const LOST = 'every move happens, unless it was discarded'
const TRIES = 'nothing is tried more often than it may be'
export const PAST = 'no epoch of the past commits'
export const DISCARDED = 'what was discarded never happens'
const EDIT = 'edited data are what happens'
const GROW = 'epochs only grow'

/** @param between what else stands between services and the ports */
export function keeping(
  mistake: Mistake = (store) => store,
  { store: own = (store) => store, broker }: Pick<Simulation, 'store' | 'broker'> = {},
): Simulation {
  const memory: Memory = {
    ...{ epochs: new Map(), raised: new Map(), tired: new Set() },
    ...{ discarded: new Set(), doubtful: new Set(), edited: new Map() },
  }
  const each = (rows: CheckWorld['rows'], check: (account: string, told: readonly Told[]) => void): void =>
    stories(rows).forEach((told, account) => check(account, told))
  const numbers = (told: readonly Told[]): readonly number[] => told.map(({ number }) => number)
  return {
    system: (process) => accounts(process, memory),
    store: (store, process) => watched(mistake(own(store, process), process), process, memory),
    broker,
    replicas: { ledger: 2 },
    load: {
      duration: DURATION,
      clients: 3,
      pause: 300,
      step: async (world) => {
        const { client, random, sleep } = world
        const account = ACCOUNTS[random.integer(ACCOUNTS.length)]!
        if (random.number() < 0.25) await Promise.race([decide(world, memory), sleep(3_000)])
        else await client(Bank).move({ account, amount: random.integer(EDITED) }, { timeout: 3_000 })
      },
    },
    invariants: {
      [ONCE]: ({ rows }) =>
        each(rows, (account, told) =>
          assert.deepEqual(numbers(told).toSorted(), [...new Set(numbers(told))].toSorted(), `moves of "${account}"`),
        ),
      [ORDER]: ({ rows }) =>
        each(rows, (account, told) =>
          assert.deepEqual(
            numbers(told),
            numbers(told).toSorted((a, b) => a - b),
            `moves of "${account}"`,
          ),
        ),
      [PAST]: ({ rows }) =>
        each(rows, (account, told) => {
          const epochs = told.map(({ epoch }) => epoch)
          assert.deepEqual(
            epochs,
            epochs.toSorted((a, b) => a - b),
            `epochs of the moves of "${account}"`,
          )
        }),
      [LOST]: ({ rows }) => {
        const there = stories(rows)
        for (const { id, moves } of rows('bank', 'SELECT id, moves FROM accounts')) {
          const happened = new Set(numbers(there.get(String(id))!))
          for (let number = 1; number <= Number(moves); number++)
            if (!memory.doubtful.has(`${String(id)} ${number}`))
              assert.ok(happened.has(number), `move ${number} of "${String(id)}" has not happened`)
        }
      },
      [DISCARDED]: ({ rows }) =>
        each(rows, (account, told) => {
          for (const { number } of told)
            assert.ok(!memory.discarded.has(`${account} ${number}`), `move ${number} of "${account}"`)
        }),
      [EDIT]: ({ rows }) =>
        each(rows, (account, told) => {
          for (const { number, amount } of told)
            assert.equal(amount, memory.edited.get(`${account} ${number}`) ?? amount, `move ${number} of "${account}"`)
        }),
      [TRIES]: () => assert.deepEqual([...memory.tired], []),
      [GROW]: () => {
        for (const [place, epochs] of memory.raised)
          assert.deepEqual(
            epochs.toSorted((a, b) => a - b),
            [...new Set(epochs)].toSorted((a, b) => a - b),
            place,
          )
      },
    },
    expects: ['a dead letter was discarded', 'a dead letter was edited', 'a message was parked'],
  }
}
