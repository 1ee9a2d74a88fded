import type { z } from 'zod'
import { maybeMoment } from '../moment.ts'
import { toCents, toMoney } from '../money.ts'
import type { OrderItem } from '../values.ts'
import type { DashboardView, OrderEntry, SellerData } from './contract.ts'
import type { OrderLine } from './domain/entries.ts'
import type { DashboardSums } from './store/dashboard.ts'
import type { EntryRow } from './store/entries.ts'
import type { SellerRow } from './store/sellers.ts'

export function rowOf(seller: z.output<typeof SellerData>): SellerRow {
  const { sellerId, companyName, zipCode, ...same } = seller
  return { ...same, seller_id: sellerId, company_name: companyName, zip_code: zipCode }
}

export function sellerOf({ seller_id, company_name, zip_code, ...same }: SellerRow): z.output<typeof SellerData> {
  return { ...same, sellerId: seller_id, companyName: company_name, zipCode: zip_code }
}

export function entryOf(row: EntryRow): z.output<typeof OrderEntry> {
  return {
    customerId: row.customer_id,
    orderId: row.order_id,
    sellerId: row.seller_id,
    productId: row.product_id,
    naturalKey: row.natural_key,
    packageId: row.package_id ?? undefined,
    productName: row.product_name,
    unitPrice: toMoney(row.unit_price),
    quantity: row.quantity,
    totalItems: toMoney(row.total_items),
    totalIncentive: toMoney(row.total_incentive),
    totalAmount: toMoney(row.total_amount),
    freightValue: toMoney(row.freight_value),
    totalInvoice: toMoney(row.total_invoice),
    shipmentDate: maybeMoment(row.shipment_date),
    deliveryDate: maybeMoment(row.delivery_date),
    orderStatus: row.order_status,
    deliveryStatus: row.delivery_status ?? undefined,
  }
}

export function lineOf({ orderItemId: _, ...item }: OrderItem): OrderLine {
  return {
    ...item,
    unitPrice: toCents(item.unitPrice),
    freightValue: toCents(item.freightValue),
    totalItems: toCents(item.totalItems),
    totalIncentive: toCents(item.totalIncentive),
    totalAmount: toCents(item.totalAmount),
  }
}

type Dashboard = z.output<typeof DashboardView>

export function dashboardViewOf(
  sellerId: number,
  { sums, entries }: { readonly sums: DashboardSums; readonly entries: readonly EntryRow[] },
): Dashboard {
  const sellerView = {
    sellerId,
    countOrders: sums.countOrders,
    countItems: sums.countItems,
    totalAmount: toMoney(sums.totalAmount),
    totalFreight: toMoney(sums.totalFreight),
    totalIncentive: toMoney(sums.totalIncentive),
    totalInvoice: toMoney(sums.totalInvoice),
    totalItems: toMoney(sums.totalItems),
  }
  return { sellerView, orderEntries: entries.map(entryOf) }
}

/** In one order, however they were found. */
export function inOrder({ sellerView, orderEntries }: Dashboard): Dashboard {
  const placed = orderEntries.toSorted((a, b) => a.naturalKey.localeCompare(b.naturalKey) || a.productId - b.productId)
  return { sellerView, orderEntries: placed }
}
