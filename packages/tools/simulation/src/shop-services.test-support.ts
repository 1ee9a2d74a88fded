import { database, sql, type Transaction } from 'dure/data'
import { service, system, type Service, type System } from 'dure/service'
import { Mail, Orders, Placed, Reserved, Returned, Settled, Stock } from './shop-contracts.test-support.ts'

/** The ways in which the shop can be wrong; each is a mistake that is made in earnest. */
export type Mistake =
  | 'publish after commit'
  | 'no inbox'
  | 'mark before effect'
  | 'lease without fencing'
  | 'later events pass'
  | 'reader skips rows'

export const SKUS: readonly string[] = ['apple', 'pear', 'plum']
export const IN_STOCK = 60
/** Milliseconds for which a lease is given: ten times what the work under it takes when all is well. */
const LEASE = 500

/** A small shop. @param mistake what is wrong with it; nothing, unless told */
export function shop(mistake?: Mistake): System {
  return system('shop', { services: [orders(mistake), stock(mistake), mail(mistake)] })
}

type OrderTables = {
  orders: { id: string; sku: string; quantity: number; state: string; number: number }
  sequence: { id?: number; last: number }
}

function orders(mistake: Mistake | undefined): Service {
  return service(Orders, {
    needs: { stock: Stock },
    database: database<OrderTables>({
      migrations: {
        '001': `CREATE TABLE orders (id TEXT PRIMARY KEY, sku TEXT NOT NULL, quantity INTEGER NOT NULL, state TEXT NOT NULL DEFAULT 'open', number INTEGER NOT NULL);
          CREATE TABLE sequence (id INTEGER PRIMARY KEY, last INTEGER NOT NULL);
          INSERT INTO sequence (last) VALUES (0)`,
      },
    }),
    handlers: {
      place: async (line, { database, stock }) => {
        const { orderId, sku, quantity } = line
        // A number that is drawn before the transaction, as those of a sequence are.
        const drawn = mistake === 'reader skips rows' ? await database.transaction(draw) : 0
        await stock.check({ sku })
        const fresh = await database.transaction(async (tx) => {
          const known = await tx.selectFrom('orders').select('id').where('id', '=', orderId).executeTakeFirst()
          if (known !== undefined) return false
          const { last } = await tx
            .selectFrom('orders')
            .select(({ fn }) => fn.coalesce(fn.max('number'), sql<number>`0`).as('last'))
            .executeTakeFirstOrThrow()
          const number = drawn > 0 ? drawn : Number(last) + 1
          await tx.insertInto('orders').values({ id: orderId, sku, quantity, state: 'open', number }).execute()
          if (mistake !== 'publish after commit') await tx.publish(Placed, line)
          return true
        })
        if (mistake === 'publish after commit' && fresh) await database.transaction((tx) => tx.publish(Placed, line))
        return { orderId }
      },
      giveBack: ({ orderId }, { database }) =>
        database.transaction(async (tx) => {
          const order = await tx.selectFrom('orders').selectAll().where('id', '=', orderId).executeTakeFirst()
          if (order?.state !== 'confirmed') return { done: false }
          const { id, sku, quantity } = order
          await tx.updateTable('orders').set({ state: 'returned' }).where('id', '=', id).execute()
          await tx.publish(Returned, { orderId, sku, quantity })
          await tx.publish(Settled, { orderId, sku, quantity, how: 'returned' })
          return { done: true }
        }),
      since: async ({ number }, { database }) => {
        const rows = await database.read
          .selectFrom('orders')
          .select(['id', 'number'])
          .where('number', '>', number)
          .orderBy('number')
          .limit(100)
          .execute()
        return rows.map(({ id, number: at }) => ({ orderId: id, number: at }))
      },
    },
    subscriptions: ({ on }) => [
      on(Reserved, async ({ data: { orderId, sku, quantity, done } }, { tx }) => {
        const how = done ? 'confirmed' : 'refused'
        await tx.updateTable('orders').set({ state: how }).where('id', '=', orderId).where('state', '=', 'open').execute()
        await tx.publish(Settled, { orderId, sku, quantity, how })
      }),
    ],
  })
}

async function draw(tx: Transaction<OrderTables>): Promise<number> {
  const { last } = await tx
    .updateTable('sequence')
    .set(({ eb }) => ({ last: eb('last', '+', 1) }))
    .returning('last')
    .executeTakeFirstOrThrow()
  return last
}

type StockTables = {
  stock: { sku: string; remaining: number }
  seen: { id: string }
  leases: { what: string; token: number; until: number }
  charges: { position?: number; account: string; token: number }
}

function stock(mistake: Mistake | undefined): Service {
  return service(Stock, {
    database: database<StockTables>({
      migrations: {
        '001': `CREATE TABLE stock (sku TEXT PRIMARY KEY, remaining INTEGER NOT NULL);
          INSERT INTO stock (sku, remaining) VALUES ${SKUS.map((sku) => `('${sku}', ${IN_STOCK})`).join(', ')};
          CREATE TABLE seen (id TEXT PRIMARY KEY);
          CREATE TABLE leases (what TEXT PRIMARY KEY, token INTEGER NOT NULL, until BIGINT NOT NULL);
          CREATE TABLE charges (position INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT NOT NULL, token INTEGER NOT NULL)`,
      },
    }),
    handlers: {
      left: async ({ sku }, { database }) =>
        database.read.selectFrom('stock').select('remaining as left').where('sku', '=', sku).executeTakeFirstOrThrow(),
      check: ({ sku }) => ({ known: SKUS.includes(sku) }),
      lease: ({ what }, { database, clock }) =>
        database.transaction(async (tx) => {
          const now = clock.now()
          const held = await tx.selectFrom('leases').selectAll().where('what', '=', what).executeTakeFirst()
          if (held !== undefined && held.until > now) return { token: 0 }
          const token = (held?.token ?? 0) + 1
          const row = { what, token, until: now + LEASE }
          await tx
            .insertInto('leases')
            .values(row)
            .onConflict((conflict) => conflict.column('what').doUpdateSet(row))
            .execute()
          return { token }
        }),
      charge: ({ account, token }, { database }) =>
        database.transaction(async (tx) => {
          const held = await tx.selectFrom('leases').select('token').where('what', '=', account).executeTakeFirst()
          if (held?.token !== token && mistake !== 'lease without fencing') return { done: false }
          await tx.insertInto('charges').values({ account, token }).execute()
          return { done: true }
        }),
    },
    subscriptions: ({ on }) => [
      on(Placed, {
        prepare: async ({ id, data }, { database }) => {
          if (mistake === 'no inbox') {
            // The effect in a transaction of its own: done again whenever the event comes again.
            return database.transaction(async (tx) => {
              const taken = await tx
                .updateTable('stock')
                .set(({ eb }) => ({ remaining: eb('remaining', '-', data.quantity) }))
                .where('sku', '=', data.sku)
                .where('remaining', '>=', data.quantity)
                .executeTakeFirst()
              return Number(taken.numUpdatedRows) > 0
            })
          }
          if (mistake !== 'mark before effect') return undefined
          const marked = await database.transaction((tx) =>
            tx
              .insertInto('seen')
              .values({ id })
              .onConflict((conflict) => conflict.doNothing())
              .executeTakeFirst(),
          )
          return Number(marked.numInsertedOrUpdatedRows) > 0
        },
        handle: async ({ data }, { tx }, prepared) => {
          if (mistake === 'no inbox') return void (await tx.publish(Reserved, { ...data, done: prepared === true }))
          if (mistake === 'mark before effect' && prepared !== true) return
          const taken = await tx
            .updateTable('stock')
            .set(({ eb }) => ({ remaining: eb('remaining', '-', data.quantity) }))
            .where('sku', '=', data.sku)
            .where('remaining', '>=', data.quantity)
            .executeTakeFirst()
          await tx.publish(Reserved, { ...data, done: Number(taken.numUpdatedRows) > 0 })
        },
      }),
      on(Returned, async ({ data }, { tx }) => {
        await tx
          .updateTable('stock')
          .set(({ eb }) => ({ remaining: eb('remaining', '+', data.quantity) }))
          .where('sku', '=', data.sku)
          .execute()
      }),
    ],
  })
}

type MailTables = {
  letters: { position?: number; order_id: string; about: string }
  dead: { position?: number; order_id: string; about: string }
  collected: { order_id: string; number: number }
}

function mail(mistake: Mistake | undefined): Service {
  return service(Mail, {
    needs: { orders: Orders, stock: Stock },
    database: database<MailTables>({
      migrations: {
        '001': `CREATE TABLE letters (position INTEGER PRIMARY KEY AUTOINCREMENT, order_id TEXT NOT NULL, about TEXT NOT NULL);
          CREATE TABLE dead (position INTEGER PRIMARY KEY AUTOINCREMENT, order_id TEXT NOT NULL, about TEXT NOT NULL);
          CREATE TABLE collected (order_id TEXT PRIMARY KEY, number INTEGER NOT NULL)`,
      },
    }),
    handlers: {
      collect: async (_input, { database, orders }) => {
        const { last } = await database.read
          .selectFrom('collected')
          .select(({ fn }) => fn.coalesce(fn.max('number'), sql<number>`0`).as('last'))
          .executeTakeFirstOrThrow()
        const found = await orders.since({ number: Number(last) })
        if (found.length > 0) {
          await database.transaction((tx) =>
            tx
              .insertInto('collected')
              .values(found.map(({ orderId, number }) => ({ order_id: orderId, number })))
              .onConflict((conflict) => conflict.doNothing())
              .execute(),
          )
        }
        // Somebody tries dead letters again, in the hope that they go through now.
        await database.transaction(async (tx) => {
          for (const { position, order_id, about } of await tx.selectFrom('dead').selectAll().orderBy('position').execute()) {
            await tx.insertInto('letters').values({ order_id, about }).execute()
            await tx.deleteFrom('dead').where('position', '=', position!).execute()
          }
        })
        return { count: found.length }
      },
    },
    subscriptions: ({ on }) => [
      on(Settled, {
        retry: { attempts: 5 },
        // Whoever writes a letter asks for the address first, and that may fail.
        prepare: async ({ data: { sku } }, { stock }) => {
          try {
            await stock.check({ sku }, { timeout: 500 })
            return true
          } catch (error) {
            if (mistake !== 'later events pass') throw error
            return false
          }
        },
        handle: async ({ data: { orderId, how } }, { tx }, prepared) => {
          const letter = { order_id: orderId, about: how }
          if (prepared) await tx.insertInto('letters').values(letter).execute()
          // Set aside, and out of the way of those that come after it.
          else await tx.insertInto('dead').values(letter).execute()
        },
      }),
    ],
  })
}
