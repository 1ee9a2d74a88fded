/** Sales that are put together by a stream: what sellers sold in five seconds, told once, whatever befalls who counts it. */
import assert from 'node:assert/strict'
import { command, contract, event } from 'dure/contract'
import { database } from 'dure/data'
import { service, system, type System } from 'dure/service'
import { stream, topology, tumbling, type Topology } from 'dure/stream'
import { z } from 'zod'
import { FAULTS, sometimes, type CheckWorld, type Simulation } from '../simulation.ts'

const Sale = z.object({ id: z.string(), seller: z.string(), cents: z.int(), at: z.int() })
const Sold = event('sold', { schema: Sale, key: ({ seller }) => seller })
const Missed = event('sold.too-late', { schema: Sale, key: ({ seller }) => seller })
const Total = event('total', {
  schema: z.object({ seller: z.string(), from: z.int(), cents: z.int() }),
  key: ({ seller }) => seller,
})

const Till = contract('till', {
  version: '1.0.0',
  owner: 'tests',
  operations: { sell: command({ input: Sale.omit({ at: true }).extend({ ago: z.int() }) }) },
  events: [Sold],
})
const Books = contract('books', { version: '1.0.0', owner: 'tests', operations: {}, events: [Total, Missed] })
const Ledger = contract('ledger', { version: '1.0.0', owner: 'tests', operations: {} })

const SELLERS = ['a', 'b', 'c', 'd', 'e', 'f'] as const
/** Milliseconds: of a window, and for which users are at work. */
const [WINDOW, DURATION] = [5_000, 20_000]
/** After so many sales of a user half of the sellers say nothing any more. */
const SILENCE = 12
/** How much later than they were sales are told: usually, and now and then; and what is waited for. */
const [USUAL, LATE, DISORDER] = [2_500, [9_000, 20_000], 3_500] as const
/** Longer than anybody is away: nobody is taken for idle who has something to say. */
const IDLE = 40_000

/** What may be wrong with the topology itself. */
export type Slip = 'no idleness' | 'closed early'

function salesOf(slip: Slip | undefined): Topology {
  const time = { disorder: slip === 'closed early' ? 0 : DISORDER, idle: slip === 'no idleness' ? ('100d' as const) : IDLE }
  const totals = stream(Sold, { time: ({ at }) => at, ...time })
    .byKey()
    .window(tumbling(WINDOW), { late: Missed })
    .aggregate({ name: 'totals', init: () => 0, add: (sum, { cents }) => sum + cents })
  return topology('sales', [totals.to(Total, ({ key, start, value }) => ({ seller: key, from: start, cents: value }))])
}

function market(slip: Slip | undefined): System {
  const till = service(Till, {
    database: database<{ sales: z.output<typeof Sale> & { ago: number } }>({
      migrations: {
        '001': `CREATE TABLE sales (id TEXT PRIMARY KEY, seller TEXT NOT NULL, cents INTEGER NOT NULL, at BIGINT NOT NULL, ago INTEGER NOT NULL)`,
      },
    }),
    handlers: {
      sell: ({ ago, ...sale }, context) =>
        context.database.transaction(async (tx) => {
          const made = { ...sale, at: context.clock.now() - ago }
          await tx
            .insertInto('sales')
            .values({ ...made, ago })
            .execute()
          await tx.publish(Sold, made)
        }),
    },
  })
  const books = service(Books, { database: database({ migrations: {} }), extensions: [salesOf(slip)], handlers: {} })
  const ledger = service(Ledger, {
    needs: { books: Books },
    database: database<{ told: { seller: string; begun: number; cents: number; missed: string } }>({
      migrations: {
        '001': 'CREATE TABLE told (seller TEXT NOT NULL, begun BIGINT NOT NULL, cents INTEGER NOT NULL, missed TEXT NOT NULL)',
      },
    }),
    handlers: {},
    subscriptions: ({ on }) => [
      on(Total, async ({ data: { seller, from, cents } }, { tx }) => {
        await tx.insertInto('told').values({ seller, begun: from, cents, missed: '' }).execute()
      }),
      on(Missed, async ({ data: { id, seller, cents, at } }, { tx }) => {
        await tx
          .insertInto('told')
          .values({ seller, begun: windowOf(at), cents, missed: id })
          .execute()
      }),
    ],
  })
  return system('market', { services: [till, books, ledger] })
}

const windowOf = (at: number): number => Math.floor(at / WINDOW) * WINDOW

export const ONCE = 'a window is told once'
export const WHOLE = 'a sale is in the total of its window, or told as late'
export const IN_TIME = 'what is told in time is not late'

/** @param copies whether several members read the partitions; else one reads all */
export function selling({
  slip,
  copies = true,
  ...between
}: { readonly slip?: Slip; readonly copies?: boolean } & Pick<Simulation, 'store'> = {}): Simulation {
  return {
    system: () => market(slip),
    ...between,
    ...(copies && { replicas: { books: 2 } }),
    // Whose clock is an hour off has another idea of what is late.
    faults: FAULTS.filter((kind) => kind !== 'clock jump'),
    load: {
      duration: DURATION,
      clients: 3,
      pause: 300,
      step: async ({ client, random, user, number }) => {
        const seller = SELLERS[random.integer(number < SILENCE ? SELLERS.length : SELLERS.length / 2)]!
        const isLate = random.number() < 0.1
        const ago = isLate ? LATE[0] + random.integer(LATE[1] - LATE[0]) : random.integer(USUAL)
        await client(Till).sell({ id: `${user}-${number}`, seller, cents: 1 + random.integer(100), ago }, { timeout: 3_000 })
      },
    },
    invariants: {
      [WHOLE]: async (world) => {
        // Nothing comes any more: partitions become idle, and windows close.
        for (let tries = 0; tries < 90 && differences(world).length > 0; tries++) await world.sleep(1_000)
        assert.deepEqual(differences(world), [])
        if (told(world).some(({ missed }) => missed !== '')) sometimes('a sale was late')
      },
      [ONCE]: (world) => {
        const seen = new Set<string>()
        for (const { window, missed } of told(world)) {
          assert.ok(missed !== '' || !seen.has(window), `window ${window} is told twice`)
          if (missed === '') seen.add(window)
        }
      },
      [IN_TIME]: (world) => {
        const late = new Set(told(world).map(({ missed }) => missed))
        for (const { id } of world.rows('till', `SELECT id FROM sales WHERE ago < ${USUAL}`))
          assert.ok(!late.has(String(id)), `sale ${String(id)} is told as late`)
      },
    },
    expects: ['a sale was late'],
  }
}

type Told = { readonly window: string; readonly cents: number; readonly missed: string }

const told = ({ rows }: Pick<CheckWorld, 'rows'>): readonly Told[] =>
  rows('ledger', 'SELECT seller, begun, cents, missed FROM told').map(({ seller, begun, cents, missed }) => {
    return { window: `${String(seller)}@${String(begun)}`, cents: Number(cents), missed: String(missed) }
  })

/** Windows of which more or less was told than was sold. */
function differences(world: Pick<CheckWorld, 'rows'>): readonly string[] {
  const left = new Map<string, number>()
  const add = (window: string, cents: number): void => void left.set(window, (left.get(window) ?? 0) + cents)
  for (const { seller, at, cents } of world.rows('till', 'SELECT seller, at, cents FROM sales'))
    add(`${String(seller)}@${windowOf(Number(at))}`, Number(cents))
  for (const { window, cents } of told(world)) add(window, -cents)
  return [...left].filter(([, cents]) => cents !== 0).map(([window, cents]) => `${window}: ${cents} cents are missing`)
}
