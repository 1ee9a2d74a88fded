import { stream, topology, tumbling, type Table, type Topology, type WindowResult } from 'dure/stream'
import { timeOf } from '../moment.ts'
import { toCents } from '../money.ts'
import { PaymentConfirmed } from '../payment/contract.ts'
import { productKeyOf } from './keys.ts'
import { DISORDER, type InsightTimes } from './times.ts'

type Sold = { readonly sellerId: number; readonly productId: number; readonly pieces: number }
type Line = Sold & { readonly cents: number }
type Paid = { readonly cents: number; readonly pieces: number }

export type Sales = {
  readonly topology: Topology
  readonly revenue: Table<WindowResult<Paid>>
  readonly sold: Table<Line>
  readonly top: Table<readonly Sold[]>
}

const MOST = 10

/** What sellers were paid every ten minutes, and what is sold best. */
export function salesOf({ idle }: InsightTimes): Sales {
  const lines = stream(PaymentConfirmed, { time: ({ date }) => timeOf(date), disorder: DISORDER, idle }).flatMap(({ items }) =>
    items.map(({ sellerId, productId, quantity: pieces, totalAmount, freightValue }): Line => {
      return { sellerId, productId, pieces, cents: toCents(totalAmount) + toCents(freightValue) }
    }),
  )
  const revenue = lines
    .keyBy(({ sellerId }) => sellerId)
    // Books are right in the end: what is told late counts when it was paid.
    .window(tumbling('10m'), { late: 'update', grace: '1d' })
    .aggregate({
      name: 'seller-revenue',
      init: (): Paid => ({ cents: 0, pieces: 0 }),
      add: (sum, line) => ({ cents: sum.cents + line.cents, pieces: sum.pieces + line.pieces }),
    })
  const sold = lines.keyBy(productKeyOf).reduce({
    name: 'products-sold',
    reduce: (one, other) => ({ ...one, pieces: one.pieces + other.pieces, cents: one.cents + other.cents }),
  })
  const top = sold
    .groupBy(({ sellerId }) => sellerId)
    .aggregate({
      name: 'top-products',
      init: (): readonly Sold[] => [],
      add: (all, { sellerId, productId, pieces }) => [...all, { sellerId, productId, pieces }].toSorted(byPieces),
      remove: (all, { productId }) => all.filter((one) => one.productId !== productId),
      result: (all): readonly Sold[] => all.slice(0, MOST),
    })
  return { topology: topology('sales', [revenue, sold, top]), revenue, sold, top }
}

const byPieces = (one: Sold, other: Sold): number => other.pieces - one.pieces || one.productId - other.productId
