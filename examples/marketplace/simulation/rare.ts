import { sometimes, type CheckWorld } from '@dure/simulation'
import { CHECKOUTS } from './data.ts'
import { announced, type Testimony } from '../witness/witness.ts'

/** What must be seen somewhere in many seeds, or it was never tested. */
export const EXPECTED: readonly string[] = [
  'a charge was asked for again, and not made again',
  'the provider was not reached',
  "the provider's answer was lost",
  'the provider charged after everybody had given up waiting',
  'a request reached the provider twice',
  'a checkout was asked for again and answered',
  'a payment was declined',
  'a reservation was given back',
  'a product was sold out',
  'a version that no longer exists was asked for',
  'a part of a checkout was reserved',
  'a line had another price than its product',
  'nothing was left of a cart',
  'news of an order came before the order',
  'a shipment was told of before its payment',
  'an update got no answer',
  'a checkout got no answer',
  'a delivery got no answer',
  'a call was refused: breaker',
  'a call was refused: limit',
]

type Seen = {
  readonly testimony: Testimony
  readonly complaints: ReadonlyMap<string, number>
  readonly rows: CheckWorld['rows']
}

/** Marks what was rare in a run that has come to rest, from what it left behind. */
export function noteRare({ testimony, complaints, rows }: Seen): void {
  const count = (service: string, sql: string): number => Number(rows(service, `SELECT count(*) AS n FROM ${sql}`)[0]?.['n'])
  const note = (what: string, times: number): void => {
    for (let i = 0; i < times; i++) sometimes(what)
  }
  const all = (type: string): readonly Data[] => announced(testimony, type).map(({ data }) => data as Data)
  const failures = all('stock.failed').flatMap(({ products = [] }) => products)
  note('a product was sold out', failures.filter(({ status }) => status === 'OUT_OF_STOCK').length)
  note('a version that no longer exists was asked for', failures.filter(({ status }) => status === 'UNAVAILABLE').length)
  note('a payment was declined', count('payment', "order_payments WHERE status = 'declined'"))
  note('a reservation was given back', count('stock', "reservations WHERE status = 'cancelled'"))
  note('nothing was left of a cart', count('cart', `${CHECKOUTS} AND json_array_length(data, '$.items') = 0`))
  note('a line had another price than its product', count('cart', `${CHECKOUTS} AND json_array_length(data, '$.dropped') > 0`))
  const asked = new Map(all('stock.reserve').map(({ checkoutId, items }) => [checkoutId, items!.length]))
  note(
    'a part of a checkout was reserved',
    all('stock.confirmed').filter(({ checkoutId, items }) => items!.length < (asked.get(checkoutId) ?? 0)).length,
  )
  note('news of an order came before the order', overtaken(testimony, 'seller', 'invoice.issued', 'payment.confirmed'))
  note('a shipment was told of before its payment', overtaken(testimony, 'order', 'payment.confirmed', 'shipment.notification'))
  for (const [what, times] of complaints) {
    if (what.startsWith('checkout: unknown')) note('a checkout got no answer', times)
    if (what.startsWith('price: unknown') || what.startsWith('product: unknown')) note('an update got no answer', times)
    if (what.startsWith('delivery: unknown')) note('a delivery got no answer', times)
  }
}

type Data = {
  readonly checkoutId?: string
  readonly items?: readonly unknown[]
  readonly products?: readonly { readonly status: string }[]
  readonly customer?: { readonly customerId: number }
  readonly customerId?: number
  readonly orderId?: number
}

/** Orders of which a service heard something later before something earlier. */
function overtaken(testimony: Testimony, service: string, earlier: string, later: string): number {
  const first = firstOf(testimony, service, earlier)
  let count = 0
  for (const [order, position] of firstOf(testimony, service, later)) if (position < (first.get(order) ?? 0)) count++
  return count
}

/** When a service first handled an event of this type, by order. */
function firstOf(testimony: Testimony, service: string, type: string): ReadonlyMap<string, number> {
  const orders = new Map(
    announced(testimony, type).map(({ id, data }) => {
      const { customer, customerId = customer?.customerId, orderId } = data as Data
      return [id, `${customerId}/${orderId}`]
    }),
  )
  const first = new Map<string, number>()
  for (const { id, position } of testimony.effects.get(`${service}/${type}`) ?? []) {
    const order = orders.get(id)
    if (order !== undefined && !first.has(order)) first.set(order, position)
  }
  return first
}
