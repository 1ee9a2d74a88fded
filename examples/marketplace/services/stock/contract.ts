import { command, contract, error, event, query } from 'dure/contract'
import { z } from 'zod'
import { CheckedOut } from '../cart/contract.ts'
import { TransactionMark } from '../mark.ts'
import {
  Added,
  CartItem,
  CheckoutCustomer,
  InstanceId,
  Moment,
  Page,
  pageOf,
  ProductKey,
  ProductStatus,
  Quantity,
  Version,
} from '../values.ts'
import numbers from './numbers.json' with { type: 'json' }

export const StockItemNotFound = error('STOCK_ITEM_NOT_FOUND', {
  data: ProductKey,
  status: 'NOT_FOUND',
  message: ({ sellerId, productId }) => `There is no stock of product ${productId} of seller ${sellerId}`,
})
export const StockReserved = error('STOCK_RESERVED', {
  data: z.object({ qtyReserved: Quantity }),
  message: ({ qtyReserved }) => `${qtyReserved} of the product are reserved, so there cannot be fewer available`,
})

/** Lines were reserved: all that were asked for, or some. */
export const StockConfirmed = event('stock.confirmed', {
  schema: CheckedOut,
  key: ({ customerCheckout }) => customerCheckout.customerId,
})
/** Lines could not be reserved. */
export const ReserveStockFailed = event('stock.failed', {
  schema: z.object({
    timestamp: Moment,
    customerCheckout: CheckoutCustomer,
    products: z.array(ProductStatus),
    instanceId: InstanceId,
  }),
  key: ({ customerCheckout }) => customerCheckout.customerId,
})

const StockView = ProductKey.extend({
  /** What there is, that which is reserved included. */
  qtyAvailable: Quantity,
  qtyReserved: Quantity,
  /** All that was ever supplied: available plus sold. */
  qtyInitial: Quantity,
  /** Orders sold. */
  orderCount: z.int(),
  /** Pieces sold. */
  ytd: z.int(),
  data: z.string(),
  version: Version,
  active: z.boolean(),
})
const ReservedItems = z.object({ checkoutId: z.string(), items: z.array(ProductKey.extend({ quantity: Quantity })) })
const NewStock = ProductKey.extend({
  qtyAvailable: Quantity,
  data: z.string().max(200).default(''),
  version: Version.default('0'),
})

export const Stock = contract('stock', {
  numbers,
  version: '1.0.0',
  owner: 'team-warehouse',
  description: 'What there is of each product, and what is promised of it',
  operations: {
    put: command({
      input: NewStock,
      errors: { StockReserved },
      idempotent: true,
      http: { routes: 'POST /stock', status: 201 },
      description: 'Says how many there are of a product',
    }),
    putAll: command({
      input: z.object({ items: z.array(NewStock).min(1).max(1_000) }),
      output: Added,
      idempotent: true,
      http: { routes: 'POST /stock/batch', status: 201 },
    }),
    get: query({
      input: ProductKey,
      output: StockView,
      errors: { StockItemNotFound },
      http: 'GET /stock/{sellerId}/{productId}',
    }),
    list: query({ input: Page, output: pageOf(StockView), http: 'GET /stock' }),
    totals: query({
      output: z.object({
        items: z.int(),
        initial: z.int(),
        available: z.int(),
        reserved: z.int(),
        sold: z.int(),
        /** Products of which available and sold do not make up the initial supply. */
        unbalanced: z.int(),
        reservations: z.object({ reserved: z.int(), confirmed: z.int(), cancelled: z.int() }),
      }),
      http: 'GET /stock/totals',
    }),
    reserve: command({
      input: CheckedOut,
      output: z.object({ items: z.array(CartItem) }),
      policy: { priority: 'high' },
      description: 'Reserves what there is of a checkout, and answers what that was',
    }),
    confirm: command({
      input: ReservedItems,
      idempotent: true,
      policy: { priority: 'high' },
      description: 'What was reserved is sold',
    }),
    release: command({
      input: ReservedItems,
      idempotent: true,
      policy: { priority: 'high' },
      description: 'What was reserved is free again',
    }),
    reset: command({
      idempotent: true,
      http: 'PATCH /stock/reset',
      description: 'Everything is in stock again, nothing reserved',
    }),
    cleanup: command({ idempotent: true, http: 'PATCH /stock/cleanup', description: 'Deletes everything' }),
  },
  events: [StockConfirmed, ReserveStockFailed, TransactionMark],
})
