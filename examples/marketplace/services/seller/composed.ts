import { batch, compose } from 'dure/query'
import type { OperationOutput } from 'dure/contract'
import type { HandlerContext } from 'dure/service'
import { toCents, toMoney } from '../money.ts'
import type { Order } from '../order/contract.ts'
import type { Shipment } from '../shipment/contract.ts'
import type { Seller } from './contract.ts'

type Dashboard = OperationOutput<(typeof Seller)['operations']['composedDashboard']>
type Entry = Dashboard['orderEntries'][number]
type Line = OperationOutput<(typeof Order)['operations']['openOfSeller']>[number]
type Package = OperationOutput<(typeof Shipment)['operations']['packagesOf']>[number][number]
type Context = HandlerContext<{ order: typeof Order; shipment: typeof Shipment }, undefined>

/** Asks for the orders, then for their packages; what is missing is left out of the entries. */
export async function composeDashboard({ sellerId }: { sellerId: number }, context: Context): Promise<Dashboard> {
  const {
    orders,
    packages: { packages, known },
    missing,
  } = await compose(context, {
    parts: { orders: { ask: ({ order }) => order.openOfSeller({ sellerId }), fallback: [] as Line[] } },
    next: ({ orders }) => ({
      packages: { ask: ({ shipment }: Context) => askPackages(shipment, orders), fallback: UNKNOWN },
    }),
  })
  const parts = missing.map(({ part }) => part)
  const entries = orders.map((line) =>
    entryOf(
      line,
      packages.get(keyOf(line))?.find((one) => isFor(one, line)),
    ),
  )
  return {
    sellerView: { sellerId, ...sumsOf(entries) },
    orderEntries: entries,
    missing: known || missing.some(({ part }) => part === 'packages') ? parts : [...parts, 'packages'],
  }
}

const keyOf = ({ customerId, orderId }: Pick<Line, 'customerId' | 'orderId'>): string => `${customerId}_${orderId}`
const isFor = (one: Package, line: Line): boolean => one.sellerId === line.sellerId && one.productId === line.productId

type Packages = {
  readonly packages: ReadonlyMap<string, readonly Package[]>
  /** They were answered by who has them, and not by what stands in for that. */
  readonly known: boolean
}
const UNKNOWN: Packages = { packages: new Map(), known: false }

async function askPackages(shipment: Context['shipment'], lines: readonly Line[]): Promise<Packages> {
  const orders = lines.map(({ customerId, orderId }) => ({ customerId, orderId }))
  let known = true
  const ask = async (some: typeof orders) => {
    const answered = await shipment.packagesOf.attempt({ orders: some })
    if (!answered.ok) throw answered.error
    known &&= answered.from !== 'fallback'
    return answered.value
  }
  return { packages: await batch(orders, ask, { by: keyOf }), known }
}

function entryOf({ orderItemId: _, ...line }: Line, shipped: Package | undefined): Entry {
  return {
    ...line,
    naturalKey: keyOf(line),
    totalInvoice: toMoney(toCents(line.totalAmount) + toCents(line.freightValue)),
    packageId: shipped?.status === 'delivered' ? shipped.packageId : undefined,
    shipmentDate: shipped?.shippingDate,
    deliveryDate: shipped?.deliveryDate,
    deliveryStatus: shipped?.status,
  }
}

function sumsOf(entries: readonly Entry[]) {
  const sum = (of: (one: Entry) => number): number => toMoney(entries.reduce((total, one) => total + toCents(of(one)), 0))
  return {
    countOrders: new Set(entries.map(({ naturalKey }) => naturalKey)).size,
    countItems: entries.length,
    totalAmount: sum((one) => one.totalAmount),
    totalFreight: sum((one) => one.freightValue),
    totalIncentive: sum((one) => one.totalItems - one.totalAmount),
    totalInvoice: sum((one) => one.totalInvoice),
    totalItems: sum((one) => one.totalItems),
  }
}
