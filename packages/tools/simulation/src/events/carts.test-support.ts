/** Carts kept as events, whose copies race for few streams, and a subscription that counts what they hold. */
import assert from 'node:assert/strict'
import { command, contract, event } from 'dure/contract'
import { database } from 'dure/data'
import { aggregate, subscription } from 'dure/eventsourcing'
import { service, system, type System } from 'dure/service'
import { z } from 'zod'
import { sometimes, type Simulation } from '../simulation.ts'

const Change = z.object({ cart: z.string(), key: z.string(), count: z.int() })
const Added = event('cart.added', { schema: Change, key: (e) => e.cart })
const Cleared = event('cart.cleared', { schema: z.object({ cart: z.string() }), key: (e) => e.cart })
const Carts = contract('carts', {
  version: '1.0.0',
  owner: 'tests',
  operations: { add: command({ input: Change, output: z.int(), idempotent: true }) },
  events: [Cleared],
})
/** A cart is cleared when it holds so many. */
const FULL = 12

const cart = aggregate('cart', {
  events: [Added, Cleared],
  publish: [Cleared],
  initial: () => ({ count: 0, keys: [] as readonly string[] }),
  decide: (change: z.infer<typeof Change>, { count, keys }) => {
    if (keys.includes(change.key)) {
      sometimes('a change came again')
      return []
    }
    const added = { type: 'cart.added', data: change } as const
    return count + change.count < FULL ? [added] : [added, { type: 'cart.cleared', data: { cart: change.cart } }]
  },
  evolve: ({ count, keys }, { type, data }) =>
    type === 'cart.cleared' ? { count: 0, keys } : { count: count + data.count, keys: [...keys, data.key] },
  snapshot: { every: 4, state: z.object({ count: z.int(), keys: z.array(z.string()).readonly() }) },
})

type Tables = { totals: { cart: string; sum: number; events: number; last: number } }
const tables = database<Tables>({
  migrations: {
    '001': 'CREATE TABLE totals (cart TEXT PRIMARY KEY, sum INTEGER NOT NULL, events INTEGER NOT NULL, last INTEGER NOT NULL)',
  },
})
const totals = subscription('totals', {
  to: [cart],
  database: tables,
  batch: 3,
  handle: async ({ streamId, version, type, data }, { tx }) => {
    const before = await tx.selectFrom('totals').selectAll().where('cart', '=', streamId).executeTakeFirst()
    const count = type === 'cart.added' ? data.count : 0
    if (before === undefined)
      await tx.insertInto('totals').values({ cart: streamId, sum: count, events: 1, last: version }).execute()
    else
      await tx
        .updateTable('totals')
        .set({ sum: before.sum + count, events: before.events + 1, last: version })
        .where('cart', '=', streamId)
        .execute()
  },
})

const carts = service(Carts, {
  database: tables,
  extensions: [cart, totals],
  handlers: {
    add: (change, { database: own }) =>
      own.transaction(async (tx) => {
        const { state, version } = await tx.decide(cart.stream(change.cart), change)
        if (state.count === 0) sometimes('a cart was full')
        return version
      }),
  },
})
export const racing: System = system('racing', { services: [carts] })

export const simulation: Simulation = {
  load: {
    duration: 15_000,
    clients: 4,
    step: async ({ client, user, number, random }) => {
      const change = { cart: `cart-${random.integer(3)}`, key: `${user}-${number}`, count: 1 + random.integer(5) }
      await client(Carts)
        .add(change, { timeout: 2_000 })
        .catch(() => client(Carts).add(change))
    },
  },
  invariants: {
    'versions of a stream have no gap, and each change is in it once': ({ rows }) => {
      const all = rows('carts', 'SELECT stream_id, version, type, data FROM dure_events ORDER BY stream_id, version')
      for (const [stream, events] of Map.groupBy(all, (row) => String(row['stream_id']))) {
        assert.deepEqual(
          events.map(({ version }) => version),
          events.map((_, at) => at + 1),
          stream,
        )
        const keys = events
          .filter(({ type }) => type === 'cart.added')
          .map(({ data }) => Change.parse(JSON.parse(String(data))).key)
        assert.equal(new Set(keys).size, keys.length, stream)
      }
    },
    'a cart holds less than would have cleared it': ({ rows }) => {
      const held = new Map<string, number>()
      for (const { stream_id: id, type, data } of rows('carts', 'SELECT * FROM dure_events ORDER BY stream_id, version')) {
        const stream = String(id)
        const before = held.get(stream) ?? 0
        assert.ok(before < FULL || type === 'cart.cleared', stream)
        held.set(stream, type === 'cart.cleared' ? 0 : before + Change.parse(JSON.parse(String(data))).count)
      }
    },
    'the subscription had each event once, in order': ({ rows }) => {
      const expected = rows(
        'carts',
        `SELECT stream_id AS cart, coalesce(sum(json_extract(data, '$.count')), 0) AS sum, count(*) AS events, max(version) AS last
         FROM dure_events GROUP BY stream_id ORDER BY stream_id`,
      )
      assert.deepEqual(rows('carts', 'SELECT cart, sum, events, last FROM totals ORDER BY cart'), expected)
    },
  },
}
