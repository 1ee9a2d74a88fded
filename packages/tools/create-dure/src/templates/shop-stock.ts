import type { Say } from './template.ts'

export const stockFiles = (say: Say): Readonly<Record<string, string>> => ({
  'src/stock/contract.ts': `import { command, contract, query } from 'dure/contract'
import { z } from 'zod'

const Reservation = z.object({ orderId: z.string(), product: z.string(), quantity: z.int().positive() })
const Answer = z.union([z.object({ kind: z.literal('reserved'), cents: z.int() }), z.object({ kind: z.literal('sold out') })])

/** ${say('All that others may know of this service.', '다른 서비스가 이 서비스에 대해 알 수 있는 전부입니다.')} */
export const Stock = contract('stock', {
  version: '1.0.0',
  owner: 'team-stock',
  operations: {
    // ${say('Idempotent: a second one for the same order gets the answer of the first.', '멱등입니다. 같은 주문으로 다시 오면 처음과 같은 답을 합니다.')}
    reserve: command({ input: Reservation, output: Answer, idempotent: true }),
    level: query({
      input: z.object({ product: z.string() }),
      output: z.object({ left: z.int() }),
      http: 'GET /stock/{product}',
    }),
  },
})
`,
  'src/stock/domain/reserve.ts': `export type Item = { readonly left: number; readonly cents: number }

/** ${say('Puts goods by, or says that there are not enough.', '물건을 따로 두거나, 모자란다고 답합니다.')} */
export function reserve(item: Item | undefined, quantity: number) {
  if (item === undefined || item.left < quantity) return { kind: 'sold out' as const }
  return { kind: 'reserved' as const, cents: item.cents * quantity, left: item.left - quantity }
}
`,
  'src/stock/domain/reserve.test.ts': `import assert from 'node:assert/strict'
import { test } from 'node:test'
import { reserve } from './reserve.ts'

test('${say('the last ones can be reserved, and no more', '마지막 물건까지만 예약할 수 있다')}', () => {
  assert.deepEqual(reserve({ left: 2, cents: 500 }, 2), { kind: 'reserved', cents: 1_000, left: 0 })
  assert.deepEqual(reserve({ left: 2, cents: 500 }, 3), { kind: 'sold out' })
  assert.deepEqual(reserve(undefined, 1), { kind: 'sold out' })
})
`,
  'src/stock/store/stock.ts': `import { database, type Kysely } from 'dure/data'

type Reservation = { order_id: string; product: string; quantity: number; cents: number }
type Tables = { items: { product: string; left: number; cents: number }; reservations: Reservation }

export const stockDatabase = database<Tables>({
  migrations: {
    '001-items': 'CREATE TABLE items (product TEXT PRIMARY KEY, "left" INTEGER NOT NULL, cents INTEGER NOT NULL)',
    '002-reservations':
      'CREATE TABLE reservations (order_id TEXT PRIMARY KEY, product TEXT NOT NULL, quantity INTEGER NOT NULL, cents INTEGER NOT NULL)',
    '003-goods': "INSERT INTO items VALUES ('lamp', 100, 2500), ('vase', 20, 1200)",
  },
})

export const findItem = (tx: Kysely<Tables>, product: string) =>
  tx.selectFrom('items').selectAll().where('product', '=', product).executeTakeFirst()

export const setLeft = (tx: Kysely<Tables>, product: string, left: number) =>
  tx.updateTable('items').set({ left }).where('product', '=', product).execute()

export const findReservation = (tx: Kysely<Tables>, orderId: string) =>
  tx.selectFrom('reservations').selectAll().where('order_id', '=', orderId).executeTakeFirst()

export const insertReservation = (tx: Kysely<Tables>, row: Reservation) => tx.insertInto('reservations').values(row).execute()

export const deleteReservation = (tx: Kysely<Tables>, orderId: string) =>
  tx.deleteFrom('reservations').where('order_id', '=', orderId).execute()
`,
  'src/stock/service.ts': `import { service } from 'dure/service'
import { PaymentRefused } from '../payment/contract.ts'
import { Stock } from './contract.ts'
import { reserve } from './domain/reserve.ts'
import {
  deleteReservation,
  findItem,
  findReservation,
  insertReservation,
  setLeft,
  stockDatabase,
} from './store/stock.ts'

export const stock = service(Stock, {
  database: stockDatabase,
  handlers: {
    reserve: ({ orderId, product, quantity }, { database }) =>
      database.transaction(async (tx) => {
        const before = await findReservation(tx, orderId)
        if (before !== undefined) return { kind: 'reserved' as const, cents: before.cents }
        const decision = reserve(await findItem(tx, product), quantity)
        if (decision.kind === 'sold out') return decision
        const { cents, left } = decision
        await setLeft(tx, product, left)
        await insertReservation(tx, { order_id: orderId, product, quantity, cents })
        return { kind: 'reserved' as const, cents }
      }),
    level: async ({ product }, { database }) => ({ left: (await findItem(database.read, product))?.left ?? 0 }),
  },
  subscriptions: ({ on }) => [
    // ${say('Undone: what nobody pays for goes back.', '보상입니다. 결제되지 않은 물건은 되돌려 놓습니다.')}
    on(PaymentRefused, async ({ data: { orderId } }, { tx }) => {
      const reservation = await findReservation(tx, orderId)
      if (reservation === undefined) return
      const item = await findItem(tx, reservation.product)
      if (item !== undefined) await setLeft(tx, item.product, item.left + reservation.quantity)
      await deleteReservation(tx, orderId)
    }),
  ],
})
`,
})
