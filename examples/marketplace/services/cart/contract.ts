import { command, contract, error, event, query } from 'dure/contract'
import { z } from 'zod'
import { TransactionMark } from '../mark.ts'
import {
  CartItem,
  CheckoutCustomer,
  Id,
  InstanceId,
  Moment,
  Money,
  Page,
  pageOf,
  ProductKey,
  ProductStatus,
  Quantity,
  Version,
} from '../values.ts'
import numbers from './numbers.json' with { type: 'json' }

export const CartNotFound = error('CART_NOT_FOUND', {
  data: z.object({ customerId: Id }),
  status: 'NOT_FOUND',
  message: ({ customerId }) => `There is no cart of customer ${customerId}; add an item first`,
})
export const CartEmpty = error('CART_EMPTY', {
  data: z.object({ customerId: Id }),
  http: 405,
  message: ({ customerId }) => `The cart of customer ${customerId} is empty, so there is nothing to check out`,
})
export const CartFull = error('CART_FULL', {
  data: z.object({ customerId: Id, most: z.int() }),
  http: 405,
  message: ({ customerId, most }) => `The cart of customer ${customerId} holds ${most} lines already and can hold no more`,
})
export const InvalidQuantity = error('INVALID_QUANTITY', {
  data: z.object({ quantity: z.int() }),
  status: 'INVALID_ARGUMENT',
  http: 405,
  message: ({ quantity }) => `A quantity of ${quantity} cannot be added to a cart; ask for at least 1`,
})
export const CheckoutNotFound = error('CHECKOUT_NOT_FOUND', {
  data: z.object({ customerId: Id, tid: InstanceId }),
  status: 'NOT_FOUND',
  message: ({ customerId, tid }) => `Customer ${customerId} has made no checkout "${tid}"`,
})

const Ordered = z.object({
  timestamp: Moment,
  /** Made by the cart, once a checkout: what the services behind recognise it by. */
  checkoutId: z.string(),
  customerCheckout: CheckoutCustomer,
  items: z.array(CartItem),
  instanceId: InstanceId,
})

/** A cart was checked out: its lines are to be reserved. */
export const ReserveStock = event('stock.reserve', {
  schema: Ordered,
  key: ({ customerCheckout }) => customerCheckout.customerId,
})
export const CheckedOut = Ordered

/** A line was put into a cart; told only where somebody wants to know of it. */
export const CartFilled = event('cart.filled', {
  schema: ProductKey.extend({ customerId: Id, quantity: Quantity }),
  key: ({ customerId }) => customerId,
})

const CartView = z.object({
  customerId: Id,
  /** A checkout empties the cart in the transaction that sends it, so CHECKOUT_SENT is never seen from outside. */
  status: z.enum(['OPEN', 'CHECKOUT_SENT']),
  items: z.array(CartItem),
})
const OneCustomer = z.object({ customerId: Id })

export const Cart = contract('cart', {
  numbers,
  version: '1.0.0',
  owner: 'team-shopping',
  description: 'Open carts, and the prices they see',
  operations: {
    add: command({
      input: CartItem.extend({ customerId: Id }),
      errors: { InvalidQuantity, CartFull },
      idempotent: true,
      http: {
        routes: ['PATCH /cart/{customerId}/add', 'PUT /cart/{customerId}/add', 'POST /cart/{customerId}/add'],
        status: 202,
      },
      policy: { priority: 'high' },
      description: 'Puts a line into the cart, in place of an earlier one for the same product',
    }),
    checkout: command({
      input: CheckoutCustomer.extend({
        /** Taken and dropped: a card's security number is not kept anywhere. */
        cardSecurityNumber: z.string().max(4).optional(),
        /** Default: one that is made here, and answered. */
        instanceId: InstanceId.optional(),
      }),
      output: z.object({
        instanceId: InstanceId,
        /** Lines sent on to be reserved. */
        items: z.int(),
        /** Lines left out because their price is not the product's. */
        dropped: z.array(ProductStatus),
      }),
      errors: { CartNotFound, CartEmpty },
      idempotent: true,
      http: { routes: ['POST /cart/{customerId}/checkout', 'PATCH /cart/{customerId}/checkout'], status: 202 },
      policy: { priority: 'high' },
      description: 'Sends the cart to be ordered and empties it; asked again with the same instanceId it answers as before',
    }),
    seal: command({
      input: OneCustomer,
      errors: { CartNotFound },
      idempotent: true,
      http: {
        routes: ['PATCH /cart/{customerId}/seal', 'PUT /cart/{customerId}/seal', 'POST /cart/{customerId}/seal'],
        status: 202,
      },
      description: 'Gives the cart up: empties it without an order',
    }),
    get: query({ input: OneCustomer, output: CartView, errors: { CartNotFound }, http: 'GET /cart/{customerId}' }),
    history: query({
      input: z.object({ customerId: Id, tid: InstanceId }),
      output: z.array(CartItem),
      errors: { CheckoutNotFound },
      http: 'GET /cart/{customerId}/history/{tid}',
      description: 'The lines of a checkout as they were sent',
    }),
    replicas: query({
      input: Page,
      output: pageOf(ProductKey.extend({ name: z.string(), price: Money, version: Version })),
      http: 'GET /cart/replicas',
      policy: { priority: 'low' },
      description: 'The products as the carts see them',
    }),
    totals: query({
      output: z.object({ carts: z.int(), items: z.int(), checkouts: z.int(), replicas: z.int() }),
      http: 'GET /cart/totals',
      policy: { priority: 'low' },
    }),
    reset: command({ idempotent: true, http: 'PATCH /cart/reset', description: 'Empties the carts; keeps the products' }),
    cleanup: command({ idempotent: true, http: 'PATCH /cart/cleanup', description: 'Deletes everything' }),
  },
  events: [ReserveStock, CartFilled, TransactionMark],
})
