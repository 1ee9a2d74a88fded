import { advance } from '../../progress.ts'
import type { OrderStatus, PackageStatus } from '../../values.ts'

/** A line of an order, as its seller sees it. Money is whole cents, moments are milliseconds. */
export type Entry = {
  readonly sellerId: number
  readonly productId: number
  readonly productName: string
  readonly unitPrice: number
  readonly quantity: number
  readonly freightValue: number
  readonly totalItems: number
  readonly totalIncentive: number
  readonly totalAmount: number
  readonly packageId: number | null
  readonly shipmentDate: number | null
  readonly deliveryDate: number | null
  readonly orderStatus: OrderStatus
  readonly deliveryStatus: PackageStatus | null
}

/** News of an order. It comes from three services and may come before the order itself. */
export type Notice =
  | { readonly kind: 'status'; readonly status: OrderStatus; readonly at: number }
  | {
      readonly kind: 'delivery'
      readonly sellerId: number
      readonly productId: number
      readonly packageId: number
      readonly at: number
    }

export type OrderLine = Omit<Entry, 'packageId' | 'shipmentDate' | 'deliveryDate' | 'orderStatus' | 'deliveryStatus'>

/** The entries of an order that was just invoiced, as they are after what had been heard of it before. */
export function entriesOf(lines: readonly OrderLine[], heard: readonly Notice[]): readonly Entry[] {
  const fresh = lines.map((line): Entry => ({
    ...line,
    packageId: null,
    shipmentDate: null,
    deliveryDate: null,
    orderStatus: 'INVOICED',
    deliveryStatus: null,
  }))
  return heard.reduce<readonly Entry[]>((entries, notice) => entries.map((entry) => follow(entry, notice)), fresh)
}

/** An entry after a notice; the order in which notices come makes no difference in the end. */
export function follow(entry: Entry, notice: Notice): Entry {
  if (notice.kind === 'delivery') {
    const meant = notice.sellerId === entry.sellerId && notice.productId === entry.productId
    if (!meant) return entry
    return { ...entry, packageId: notice.packageId, deliveryDate: notice.at, deliveryStatus: 'delivered' }
  }
  const passed = advance(entry.orderStatus, notice.status)
  return {
    ...entry,
    orderStatus: passed.at(-1) ?? entry.orderStatus,
    ...(notice.status === 'READY_FOR_SHIPMENT' && {
      shipmentDate: notice.at,
      deliveryStatus: entry.deliveryStatus ?? 'shipped',
    }),
  }
}
