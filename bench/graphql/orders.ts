import { contract, query } from 'dure/contract'
import { z } from 'zod'

const Line = z.object({ product: z.string(), pieces: z.int32(), price: z.number() })
const Order = z.object({ id: z.string(), customer: z.string(), lines: z.array(Line) })

export const Orders = contract('orders', {
  version: '1.0.0',
  owner: 'bench',
  operations: { find: query({ input: z.object({ id: z.string() }), output: Order }) },
})

/** An order of eight lines. */
export const find = ({ id }: { readonly id: string }): z.infer<typeof Order> => ({
  ...{ id, customer: 'Sori' },
  lines: Array.from({ length: 8 }, (_, n) => ({ product: `p-${n}`, pieces: 2, price: 1.5 })),
})
