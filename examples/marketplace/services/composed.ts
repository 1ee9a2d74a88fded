/** What answers that are made of several services look like, and what several of them ask for. */
import type { Client } from 'dure/call'
import { STATUSES, type OperationOutput, type Status } from 'dure/contract'
import { batch } from 'dure/query'
import { z } from 'zod'
import type { Cart } from './cart/contract.ts'
import type { Shipment } from './shipment/contract.ts'
import type { CartItem } from './values.ts'

const Why = z.enum(Object.keys(STATUSES) as [Status, ...Status[]])

/**
 * The schema of an answer that `compose` makes: whole, or with parts missing, which are named. What is `always` there is so in either case.
 */
export function composedOf<Always extends z.ZodRawShape, Parts extends z.ZodRawShape>(always: Always, parts: Parts) {
  const names = Object.keys(parts) as [keyof Parts & string, ...(keyof Parts & string)[]]
  return z.discriminatedUnion('whole', [
    z
      .object({ whole: z.literal(true) })
      .extend(always)
      .extend(parts),
    z
      .object({ whole: z.literal(false), missing: z.array(z.object({ part: z.enum(names), why: Why })).min(1) })
      .extend(always)
      .extend(z.object(parts).partial().shape),
  ])
}

/** What is in the cart of a customer: nothing, where there is no cart yet. */
export async function itemsOf(cart: Client<typeof Cart>, customerId: number): Promise<CartItem[]> {
  const found = await cart.get.attempt({ customerId })
  return found.ok ? found.value.items : []
}

type OrderKey = { readonly customerId: number; readonly orderId: number }
type Packages = OperationOutput<(typeof Shipment)['operations']['packagesOf']>[number]

const keyOf = ({ customerId, orderId }: OrderKey): string => `${customerId}_${orderId}`

/** The packages of each of these orders, in their order: one call for a hundred of them. */
export async function packagesOf(shipment: Client<typeof Shipment>, orders: readonly OrderKey[]): Promise<Packages[]> {
  const keys = orders.map(({ customerId, orderId }) => ({ customerId, orderId }))
  const found = await batch(keys, (some) => shipment.packagesOf({ orders: some }), { by: keyOf })
  return keys.map((key) => found.get(keyOf(key))!)
}
