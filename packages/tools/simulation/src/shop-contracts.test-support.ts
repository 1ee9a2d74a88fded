import { command, contract, event, query } from 'dure/contract'
import { z } from 'zod'

const Line = z.object({ orderId: z.string(), sku: z.string(), quantity: z.int() })
const Known = z.object({ orderId: z.string() })

export const Placed = event('order.placed', { schema: Line, key: (e) => e.orderId })
export const Settled = event('order.settled', {
  schema: Line.extend({ how: z.enum(['confirmed', 'refused', 'returned']) }),
  key: (e) => e.orderId,
})
export const Reserved = event('stock.reserved', { schema: Line.extend({ done: z.boolean() }), key: (e) => e.orderId })
export const Returned = event('order.returned', { schema: Line, key: (e) => e.orderId })

export const Orders = contract('orders', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    place: command({ input: Line, output: Known, idempotent: true }),
    giveBack: command({ input: Known, output: z.object({ done: z.boolean() }), idempotent: true }),
    /** Orders in the order of their numbers, after one. */
    since: query({ input: z.object({ number: z.int() }), output: z.array(z.object({ orderId: z.string(), number: z.int() })) }),
  },
  events: [Placed, Settled, Returned],
})

export const Stock = contract('stock', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    left: query({ input: z.object({ sku: z.string() }), output: z.object({ left: z.int() }) }),
    check: query({ input: z.object({ sku: z.string() }), output: z.object({ known: z.boolean() }) }),
    lease: command({
      input: z.object({ what: z.string() }),
      output: z.object({ token: z.int() }),
      idempotent: true,
    }),
    charge: command({
      input: z.object({ account: z.string(), token: z.int() }),
      output: z.object({ done: z.boolean() }),
      idempotent: true,
    }),
  },
  events: [Reserved],
})

export const Mail = contract('mail', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    /** Fetches the orders it does not know yet. */
    collect: command({ output: z.object({ count: z.int() }), idempotent: true }),
  },
})
