import { command, contract } from 'dure/contract'
import { z } from 'zod'

/** The payload: an order of two lines. */
export const order = {
  orderId: 'order-4711',
  customerId: 42,
  lines: [
    { productId: 1, quantity: 2, unitPrice: 3.5 },
    { productId: 2, quantity: 1, unitPrice: 9 },
  ],
}
export type Order = typeof order

/** The work itself: the same function under every contender. */
export async function place(input: Order): Promise<{ orderId: string; total: number }> {
  let total = 0
  for (const { quantity, unitPrice } of input.lines) total += quantity * unitPrice
  return { orderId: input.orderId, total }
}

export const Orders = contract('orders', {
  version: '1.0.0',
  owner: 'bench',
  operations: {
    place: command({
      input: z.object({
        orderId: z.string(),
        customerId: z.int(),
        lines: z.array(z.object({ productId: z.int(), quantity: z.int(), unitPrice: z.number() })).min(1),
      }),
      output: z.object({ orderId: z.string(), total: z.number() }),
    }),
  },
})

export const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00'

/** What ours has on by default. */
export const moleculerFeatures = { metrics: { enabled: true }, tracing: { enabled: true, sampling: { rate: 0.01 } } }

/** Moleculer's validator for the same order. */
export const moleculerParams = {
  orderId: { type: 'string', min: 1, max: 64 },
  customerId: { type: 'number', integer: true, positive: true },
  lines: {
    type: 'array',
    min: 1,
    items: {
      type: 'object',
      props: {
        productId: { type: 'number', integer: true },
        quantity: { type: 'number', integer: true, positive: true },
        unitPrice: 'number',
      },
    },
  },
}
