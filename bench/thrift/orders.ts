import { methodCodecs, modelOf } from '@dure/thrift/internal'
import { command, contract } from 'dure/contract'
import { z } from 'zod'

const Line = z.object({ product: z.string(), pieces: z.int32(), price: z.number(), gift: z.boolean() }).meta({ id: 'Line' })
const NewOrder = z
  .object({
    orderId: z.string(),
    customerId: z.int(),
    at: z.date(),
    lines: z.array(Line),
    labels: z.record(z.string(), z.string()),
    note: z.string().optional(),
  })
  .meta({ id: 'NewOrder' })
const Placed = z.object({ orderId: z.string(), total: z.number() }).meta({ id: 'Placed' })

export const Orders = contract('orders', {
  version: '1.0.0',
  owner: 'bench',
  operations: { place: command({ input: NewOrder, output: Placed }) },
  numbers: {
    Line: { product: 1, pieces: 2, price: 3, gift: 4 },
    NewOrder: { orderId: 1, customerId: 2, at: 3, lines: 4, labels: 5, note: 6 },
    Placed: { orderId: 1, total: 2 },
  },
})

/** An order of eight lines. */
export const order: z.infer<typeof NewOrder> = {
  orderId: 'order-4711',
  customerId: 8_589_934_609,
  at: new Date('2026-11-30T08:15:00.123Z'),
  lines: Array.from({ length: 8 }, (_, n) => ({ product: `p-${n}`, pieces: 2, price: 1.5, gift: n % 2 === 0 })),
  labels: { channel: 'web', city: '서울' },
  note: 'Leave it with the neighbours, please: we are at work until six.',
}

export function totalOf({ lines }: { readonly lines: readonly { readonly pieces: number; readonly price: number }[] }): number {
  return lines.reduce((sum, { pieces, price }) => sum + pieces * price, 0)
}

export const placeCodec = methodCodecs(modelOf([Orders])).get('orders.place')!
