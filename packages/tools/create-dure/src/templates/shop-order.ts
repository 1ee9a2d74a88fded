import type { Say } from './template.ts'

export const orderFiles = (say: Say): Readonly<Record<string, string>> => ({
  'src/order/contract.ts': `import { command, contract, error, event, query } from 'dure/contract'
import { z } from 'zod'

const Line = z.object({ product: z.string().min(1), quantity: z.int().positive() })
const Status = z.enum(['placed', 'reserved', 'sold out', 'paid', 'refused'])
const View = Line.extend({ id: z.string(), status: Status })

export const NoSuchOrder = error('NO_SUCH_ORDER')

export const OrderPlaced = event('order.placed', { schema: Line.extend({ id: z.string() }), key: ({ id }) => id })
/** ${say('Its goods are put by: it can be paid.', '물건을 따로 두었으니 결제할 수 있습니다.')} */
export const OrderReserved = event('order.reserved', { schema: z.object({ id: z.string(), cents: z.int() }), key: ({ id }) => id })

/** ${say('All that others may know of this service.', '다른 서비스가 이 서비스에 대해 알 수 있는 전부입니다.')} */
export const Order = contract('order', {
  version: '1.0.0',
  owner: 'team-order',
  operations: {
    place: command({ input: Line, output: View, http: 'POST /orders' }),
    find: query({ input: z.object({ id: z.string() }), output: View, errors: { NoSuchOrder }, http: 'GET /orders/{id}' }),
    list: query({ output: z.array(View), http: 'GET /orders' }),
  },
  events: [OrderPlaced, OrderReserved],
})
`,
  'src/order/domain/status.ts': `export type Status = 'placed' | 'reserved' | 'sold out' | 'paid' | 'refused'

const NEXT: Readonly<Record<Status, readonly Status[]>> = {
  placed: ['reserved', 'sold out'],
  reserved: ['paid', 'refused'],
  'sold out': [],
  paid: [],
  refused: [],
}

/** ${say('Whether an order may go on so; one that has come to its end stays there.', '주문이 그 상태로 갈 수 있는지 봅니다. 끝난 주문은 그대로 남습니다.')} */
export const mayBecome = (from: Status, to: Status): boolean => NEXT[from].includes(to)
`,
  'src/order/domain/status.test.ts': `import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mayBecome } from './status.ts'

test('${say('an order is reserved before it is paid, and stays as it ended', '주문은 예약된 뒤에 결제되고, 끝난 상태에 머문다')}', () => {
  assert.ok(mayBecome('placed', 'reserved'))
  assert.ok(mayBecome('reserved', 'paid'))
  assert.ok(!mayBecome('placed', 'paid'))
  assert.ok(!mayBecome('refused', 'paid'))
})
`,
  'src/order/store/orders.ts': `import { database, type Kysely } from 'dure/data'
import type { Status } from '../domain/status.ts'

type Row = { id: string; product: string; quantity: number; status: Status }
type Tables = { orders: Row }
export type Transaction = Kysely<Tables>

export const orderDatabase = database<Tables>({
  // ${say('Never changed once it has run somewhere: what comes later is a migration of its own.', '한 번이라도 실행된 뒤에는 고치지 않습니다. 나중에 바꿀 것은 새 마이그레이션으로 적습니다.')}
  migrations: {
    '001-orders':
      'CREATE TABLE orders (id TEXT PRIMARY KEY, product TEXT NOT NULL, quantity INTEGER NOT NULL, status TEXT NOT NULL)',
  },
})

export const insertOrder = (tx: Transaction, row: Row) => tx.insertInto('orders').values(row).execute()

export const findOrder = (tx: Transaction, id: string) =>
  tx.selectFrom('orders').selectAll().where('id', '=', id).executeTakeFirst()

export const listOrders = (tx: Transaction) => tx.selectFrom('orders').selectAll().orderBy('id').limit(100).execute()

export const setStatus = (tx: Transaction, id: string, status: Status) =>
  tx.updateTable('orders').set({ status }).where('id', '=', id).execute()
`,
  'src/order/service.ts': `import { service } from 'dure/service'
import { PaymentRefused, PaymentTaken } from '../payment/contract.ts'
import { Stock } from '../stock/contract.ts'
import { NoSuchOrder, Order, OrderPlaced, OrderReserved } from './contract.ts'
import { mayBecome, type Status } from './domain/status.ts'
import { findOrder, insertOrder, listOrders, orderDatabase, setStatus, type Transaction } from './store/orders.ts'

async function become(tx: Transaction, id: string, status: Status): Promise<void> {
  const found = await findOrder(tx, id)
  if (found !== undefined && mayBecome(found.status, status)) await setStatus(tx, id, status)
}

export const order = service(Order, {
  needs: { stock: Stock },
  database: orderDatabase,
  handlers: {
    place: (line, { database, ids }) =>
      database.transaction(async (tx) => {
        const placed = { id: ids.next(), ...line, status: 'placed' as const }
        await insertOrder(tx, placed)
        // ${say('With the row, or not at all. What follows is done by reactions, which outlive a crash.', '행과 함께 나가거나, 아예 나가지 않습니다. 그다음 일은 죽어도 이어지는 반응이 합니다.')}
        await tx.publish(OrderPlaced, { id: placed.id, ...line })
        return placed
      }),
    find: async ({ id }, { database }) => {
      const found = await findOrder(database.read, id)
      if (found === undefined) throw NoSuchOrder()
      return found
    },
    list: (_, { database }) => listOrders(database.read),
  },
  subscriptions: ({ on }) => [
    on(OrderPlaced, {
      // ${say('A command to another service, before the transaction. It may be sent again, so it says whose it is.', '다른 서비스에 보내는 명령입니다. 트랜잭션 앞에서 돌고 다시 보낼 수도 있으니, 어느 주문의 것인지 함께 보냅니다.')}
      prepare: ({ data: { id, product, quantity } }, { stock }) => stock.reserve({ orderId: id, product, quantity }),
      handle: async ({ data: { id } }, { tx }, answer) => {
        await become(tx, id, answer.kind)
        if (answer.kind === 'reserved') await tx.publish(OrderReserved, { id, cents: answer.cents })
      },
    }),
    on(PaymentTaken, ({ data }, { tx }) => become(tx, data.orderId, 'paid')),
    on(PaymentRefused, ({ data }, { tx }) => become(tx, data.orderId, 'refused')),
  ],
})
`,
})
