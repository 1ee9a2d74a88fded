import type { z } from 'zod'
import { maybeMoment } from '../moment.ts'
import { toCents, toMoney } from '../money.ts'
import type { OrderItem } from '../values.ts'
import type { OrderEntry, SellerData } from './contract.ts'
import type { OrderLine } from './domain/entries.ts'
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
