import { command, contract, query, stream } from 'dure/contract'
import { z } from 'zod'

/** What is served under attack: an order of two lines, a large answer, a stream without end, and a call that hangs. */
export const Shop = contract('shop', {
  version: '1.0.0',
  owner: 'soak',
  operations: {
    place: command({
      input: z.object({
        orderId: z.string(),
        lines: z.array(z.object({ productId: z.int(), quantity: z.int(), unitPrice: z.number() })).min(1),
      }),
      output: z.object({ orderId: z.string(), total: z.number() }),
    }),
    document: query({ output: z.string() }),
    ticks: stream({ output: z.int() }),
    linger: query({ output: z.int() }),
  },
})

/** Characters of a document. */
export const DOCUMENT = 100_000
