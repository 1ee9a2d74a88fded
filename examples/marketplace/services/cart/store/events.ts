import { event } from 'dure/contract'
import { aggregate, type Aggregate, type Stream } from 'dure/eventsourcing'
import { z } from 'zod'
import { Id, InstanceId, ProductStatus, Text, Version } from '../../values.ts'
import { decide, EMPTY, evolve, type Cart, type Command } from '../domain/cart.ts'

const Cents = z.int().min(0)
const Line = z.object({
  sellerId: Id,
  productId: Id,
  productName: Text,
  unitPrice: Cents,
  freightValue: Cents,
  quantity: z.int().min(1),
  voucher: Cents,
  version: Version,
})
const OfCustomer = z.object({ customerId: Id })
const key = ({ customerId }: z.output<typeof OfCustomer>): number => customerId

const LinePut = event('cart.line-put', { schema: OfCustomer.extend({ line: Line }), key })
const Repriced = event('cart.repriced', {
  schema: OfCustomer.extend(Line.pick({ sellerId: true, productId: true, unitPrice: true, voucher: true }).shape),
  key,
})
const CheckedOut = event('cart.checked-out', {
  schema: OfCustomer.extend({
    tid: InstanceId,
    checkoutId: z.string(),
    items: z.array(Line).readonly(),
    dropped: z.array(ProductStatus).readonly(),
  }),
  key,
})
const Emptied = event('cart.emptied', { schema: OfCustomer, key })

type Events = readonly [typeof LinePut, typeof Repriced, typeof CheckedOut, typeof Emptied]

/** A customer's cart, kept as what has happened to it. */
export const cart: Aggregate<Events, Cart, Command> = aggregate('cart', {
  events: [LinePut, Repriced, CheckedOut, Emptied],
  initial: () => EMPTY,
  decide,
  evolve,
  snapshot: { every: 20, state: z.object({ lines: z.array(Line).readonly() }) },
})

export const cartOf = (customerId: number): Stream<Events, Cart, Command> => cart.stream(String(customerId))
