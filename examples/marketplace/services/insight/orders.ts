import { stream, topology, type Table, type Topology } from 'dure/stream'
import { InvoiceIssued } from '../order/contract.ts'
import { PaymentConfirmed, PaymentFailed } from '../payment/contract.ts'
import { ShipmentNotification } from '../shipment/contract.ts'
import { orderKeyOf } from './keys.ts'
import { DISORDER, type InsightTimes } from './times.ts'

/** Of one customer, how many orders went which way. */
type Counts = { readonly shipped: number; readonly refused: number; readonly unpaid: number; readonly unshipped: number }
export type Outcomes = Counts & { readonly customerId: number }

export type Orders = { readonly topology: Topology; readonly outcomes: Table<Outcomes> }

/** What came of an order's payment, and of an order. */
type Answer = { readonly customerId: number; readonly orderId: number; readonly isPaid: boolean }
type Settled = { readonly customerId: number; readonly became: keyof Counts }

/** Clocks of two services may differ by so much. */
const BEFORE = '1m'

/** Orders, their payments and shipments; those that wait for too long as well. */
export function ordersOf({ order: after, idle }: InsightTimes): Orders {
  const source = { disorder: DISORDER, idle }
  const near = { within: { before: BEFORE, after }, late: 'drop' } as const
  const issued = stream(InvoiceIssued, source)
    .map(({ customer: { customerId }, orderId }) => ({ customerId, orderId }))
    .keyBy(orderKeyOf)
  const answered = stream(PaymentConfirmed, source)
    .map(({ customer: { customerId }, orderId }): Answer => ({ customerId, orderId, isPaid: true }))
    .merge(
      stream(PaymentFailed, source).map(({ customer: { customerId }, orderId }): Answer => ({
        customerId,
        orderId,
        isPaid: false,
      })),
    )
    .keyBy(orderKeyOf)
  const shipments = stream(ShipmentNotification, source)
    .filter(({ status }) => status === 'approved')
    .keyBy(orderKeyOf)

  const settled = issued.leftJoin(answered, {
    ...{ name: 'orders-paid', ...near },
    join: ({ customerId }, answer): Settled => ({ customerId, became: becameOf(answer) }),
  })
  const followed = settled
    .filter(({ became }) => became === 'shipped')
    .leftJoin(shipments, {
      ...{ name: 'orders-shipped', ...near },
      join: ({ customerId }, shipment): Settled => ({
        customerId,
        became: shipment === undefined ? 'unshipped' : 'shipped',
      }),
    })
  const outcomes = settled
    .filter(({ became }) => became !== 'shipped')
    .merge(followed)
    .keyBy(({ customerId }) => customerId)
    .aggregate({
      name: 'outcomes',
      init: (): Counts => ({ shipped: 0, refused: 0, unpaid: 0, unshipped: 0 }),
      add: (counts, { became }) => ({ ...counts, [became]: counts[became] + 1 }),
      result: (counts, key): Outcomes => ({ customerId: Number(key), ...counts }),
    })
  return { topology: topology('orders', [outcomes]), outcomes }
}

/** A paid order is to be shipped. */
function becameOf(answer: Answer | undefined): keyof Counts {
  if (answer === undefined) return 'unpaid'
  return answer.isPaid ? 'shipped' : 'refused'
}
