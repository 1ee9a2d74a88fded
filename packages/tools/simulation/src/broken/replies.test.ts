import assert from 'node:assert/strict'
import { test } from 'node:test'
import { command, contract, request } from 'dure/contract'
import { database, type Store } from 'dure/data'
import { service, system } from 'dure/service'
import { z } from 'zod'
import { describeOutcome, explore, type Simulation } from '../simulation.ts'

const Dish = z.object({ dish: z.string() })
const Cook = request('cook', { key: ({ dish }) => dish, input: Dish, output: Dish })
const Kitchen = contract('kitchen', { version: '1.0.0', owner: 'tests', operations: {}, requests: [Cook] })
const Waiter = contract('waiter', { version: '1.0.0', owner: 'tests', operations: { order: command({ input: Dish }) } })

const ANSWERED = 'every order is answered once, and was cooked once'

/** A waiter asks a kitchen for dishes, and writes down what comes. */
function serving(store?: Simulation['store']): Simulation {
  const kitchen = service(Kitchen, {
    database: database<{ cooked: { dish: string } }>({ migrations: { '001': 'CREATE TABLE cooked (dish TEXT NOT NULL)' } }),
    handlers: {},
    subscriptions: ({ work }) => [
      work(Cook, async ({ data: { dish } }, { tx }) => {
        await tx.insertInto('cooked').values({ dish }).execute()
        return { dish }
      }),
    ],
  })
  const waiter = service(Waiter, {
    database: database<{ orders: { dish: string; served: number } }>({
      migrations: { '001': 'CREATE TABLE orders (dish TEXT PRIMARY KEY, served INTEGER NOT NULL)' },
    }),
    handlers: {
      order: ({ dish }, { database: own }) =>
        own.transaction(async (tx) => {
          await tx.insertInto('orders').values({ dish, served: 0 }).execute()
          await tx.request(Cook, { dish })
        }),
    },
    subscriptions: ({ replies }) => [
      replies(Cook, async (reply, { tx }) => {
        if (!reply.ok) throw new Error(reply.error.message)
        await tx
          .updateTable('orders')
          .set(({ eb }) => ({ served: eb('served', '+', 1) }))
          .where('dish', '=', reply.value.dish)
          .execute()
      }),
    ],
  })
  return {
    system: system('inn', { services: [kitchen, waiter] }),
    store,
    load: {
      duration: 20_000,
      pause: 300,
      step: ({ client, user, number }) => client(Waiter).order({ dish: `${user}-${number}` }, { timeout: 3_000 }),
    },
    invariants: {
      [ANSWERED]: ({ rows }) => {
        const cooked = rows('kitchen', 'SELECT dish FROM cooked').map(({ dish }) => String(dish))
        const orders = rows('waiter', 'SELECT dish, served FROM orders')
        assert.deepEqual(cooked.toSorted(), orders.map(({ dish }) => String(dish)).toSorted())
        assert.deepEqual(
          orders.filter(({ served }) => Number(served) !== 1),
          [],
        )
      },
    },
  }
}

/** Replies are written in a transaction of their own, once that of the effect has committed. */
function afterwards(store: Store): Store {
  if (store.service !== 'kitchen') return store
  const { outbox } = store.records
  const append: typeof outbox.append = async (tx, rows) => {
    tx.onCommit(() => void store.transaction((next) => outbox.append(next, rows)).catch(() => {}))
  }
  return { ...store, records: { ...store.records, outbox: { ...outbox, append } } }
}

test('requests, found: a reply outside the transaction of its effect', { timeout: 300_000 }, async (t) => {
  // (From 1 on it takes 25 seeds.)
  const how = { failures: 1, verify: 0, from: 24, seeds: 60 }
  const broken = await explore({ ...how, simulation: () => serving(afterwards) })
  const [found] = broken.failures
  assert.ok(
    found?.kind === 'violated' && found.invariant === ANSWERED,
    found === undefined ? 'not found' : describeOutcome(found),
  )
  const sound = await explore({ ...how, simulation: () => serving(), seeds: Math.max(10, broken.seeds) })
  assert.deepEqual(sound.failures.map(describeOutcome), [])
  t.diagnostic(`seed ${found.seed}`)
})
