import type { EventData } from 'dure/contract'
import type { Transaction } from 'dure/data'
import { service, type Service } from 'dure/service'
import { ReserveStock } from '../cart/contract.ts'
import { partOf } from '../cursor.ts'
import { TransactionMark } from '../mark.ts'
import { PaymentConfirmed, PaymentFailed } from '../payment/contract.ts'
import { ProductUpdated } from '../product/contract.ts'
import type { CartItem } from '../values.ts'
import { ReserveStockFailed, Stock, StockConfirmed, StockItemNotFound, StockReserved } from './contract.ts'
import { reserve } from './domain/reservation.ts'
import { addItems, cleanStock, findItem, listItems, putItem, resetStock, setVersion, stockTotals } from './store/items.ts'
import { addReserved, endReservation, freeReserved, openReservation, sellReserved, shelvesOf } from './store/reservations.ts'
import { stockDatabase, type StockTables } from './store/tables.ts'

export const stock: Service<typeof Stock> = service(Stock, {
  database: stockDatabase,
  handlers: {
    put: (item, { database }) =>
      database.transaction(async (tx) => {
        const before = await findItem(tx, item.sellerId, item.productId)
        const qtyReserved = before?.qty_reserved ?? 0
        if (item.qtyAvailable < qtyReserved) throw StockReserved({ qtyReserved })
        await putItem(tx, item)
      }),
    putAll: async ({ items }, { database }) => ({ added: await database.transaction((tx) => addItems(tx, items)) }),
    get: async ({ sellerId, productId }, { database }) => {
      const row = await findItem(database.read, sellerId, productId)
      if (row === undefined) throw StockItemNotFound({ sellerId, productId })
      return viewOf(row)
    },
    list: async (page, { database }) => {
      const rows = await listItems(database.read, page)
      return partOf(rows.map(viewOf), page.limit, (item) => [item.sellerId, item.productId])
    },
    totals: (_input, { database }) => database.snapshot(stockTotals),
    // What a saga asks for; where the services react to each other's events, nobody calls these.
    reserve: (data, { database }) => database.transaction(async (tx) => ({ items: await reserveItems(tx, data) })),
    confirm: (data, { database }) => database.transaction(async (tx) => void (await sellItems(tx, data))),
    release: (data, { database }) => database.transaction(async (tx) => void (await releaseItems(tx, data))),
    reset: (_input, { database }) => database.transaction(resetStock),
    cleanup: (_input, { database }) => database.transaction(cleanStock),
  },

  subscriptions: ({ on }) => [
    on(ReserveStock, async ({ data }, { tx }) => void (await reserveItems(tx, data))),
    on(PaymentConfirmed, ({ data }, { tx }) => sellItems(tx, data)),
    on(PaymentFailed, ({ data }, { tx }) => releaseItems(tx, data)),
    // From here on nothing of the old version can be reserved: it no longer exists.
    on(ProductUpdated, async ({ data: { sellerId, productId, version } }, { tx }) => {
      await setVersion(tx, sellerId, productId, version)
      const outcome = { type: 'UPDATE_PRODUCT', status: 'SUCCESS', source: 'stock' } as const
      await tx.publish(TransactionMark, { tid: version, actorId: sellerId, ...outcome })
    }),
  ],
})

type Tx = Transaction<StockTables>
type Reserved = {
  readonly checkoutId: string
  readonly items: readonly { sellerId: number; productId: number; quantity: number }[]
}

/** Answers what could be reserved; nothing of a checkout that was met before. */
async function reserveItems(tx: Tx, data: EventData<typeof ReserveStock>): Promise<CartItem[]> {
  const { checkoutId, customerCheckout, items, instanceId } = data
  const { customerId } = customerCheckout
  const [opened, shelves] = await Promise.all([openReservation(tx, checkoutId, customerId), shelvesOf(tx, items)])
  if (!opened) return []
  const { reserved, rejected } = reserve(shelves, items)
  if (rejected.length > 0) {
    const { timestamp } = data
    await tx.publish(ReserveStockFailed, { timestamp, customerCheckout, products: [...rejected], instanceId })
  }
  if (reserved.length > 0) {
    await addReserved(tx, reserved)
    await tx.publish(StockConfirmed, { ...data, items: [...reserved] })
  } else {
    await endReservation(tx, checkoutId, 'rejected')
    const outcome = { type: 'CUSTOMER_SESSION', status: 'NOT_ACCEPTED', source: 'stock' } as const
    await tx.publish(TransactionMark, { tid: instanceId, actorId: customerId, ...outcome })
  }
  return [...reserved]
}

async function sellItems(tx: Tx, { checkoutId, items }: Reserved): Promise<void> {
  if (await endReservation(tx, checkoutId, 'confirmed')) await sellReserved(tx, items)
}

async function releaseItems(tx: Tx, { checkoutId, items }: Reserved): Promise<void> {
  if (await endReservation(tx, checkoutId, 'cancelled')) await freeReserved(tx, items)
}

function viewOf(row: StockTables['stock_items']) {
  return {
    sellerId: row.seller_id,
    productId: row.product_id,
    qtyAvailable: row.qty_available,
    qtyReserved: row.qty_reserved,
    qtyInitial: row.qty_initial,
    orderCount: row.order_count,
    ytd: row.ytd,
    data: row.data,
    version: row.version,
    active: row.active === 1,
  }
}
