import { command, contract, stream } from 'dure/contract'
import { z } from 'zod'

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
    watch: stream({ input: z.object({ count: z.int() }), output: z.object({ orderId: z.string(), total: z.number() }) }),
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
