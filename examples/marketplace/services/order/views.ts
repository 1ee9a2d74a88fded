import type { z } from 'zod'
import { maybeMoment, momentOf } from '../moment.ts'
import { toMoney } from '../money.ts'
import { isBehind } from '../progress.ts'
import type { OrderItem } from '../values.ts'
import type { OrderView } from './contract.ts'
import type { PricedLine } from './domain/totals.ts'
import type { OpenLine, WholeOrder } from './store/reading.ts'
import type { OrderTables } from './store/tables.ts'

/** Orders as the contract shows them. */
export function viewOf(row: OrderTables['orders']): z.output<typeof OrderView> {
  return {
    customerId: row.customer_id,
    orderId: row.order_id,
    invoiceNumber: row.invoice_number,
    instanceId: row.instance_id,
    status: row.status,
    purchaseDate: momentOf(row.purchase_date),
    paymentDate: maybeMoment(row.payment_date),
    deliveredCarrierDate: maybeMoment(row.delivered_carrier_date),
    deliveredCustomerDate: maybeMoment(row.delivered_customer_date),
    estimatedDeliveryDate: momentOf(row.estimated_delivery_date),
    countItems: row.count_items,
    totalItems: toMoney(row.total_items),
    totalIncentive: toMoney(row.total_incentive),
    totalAmount: toMoney(row.total_amount),
    totalFreight: toMoney(row.total_freight),
    totalInvoice: toMoney(row.total_invoice),
  }
}

export function detailOf({ order, items, history }: WholeOrder) {
  return {
    ...viewOf(order),
    items: items.map(itemOfRow),
    history: history
      .toSorted((a, b) => (isBehind(a.status, b.status) ? 1 : -1))
      .map(({ status, created_at }) => ({ status, createdAt: momentOf(created_at) })),
  }
}

function itemOfRow(row: OrderTables['order_items']): OrderItem {
  return itemOf({
    orderItemId: row.order_item_id,
    sellerId: row.seller_id,
    productId: row.product_id,
    productName: row.product_name,
    unitPrice: row.unit_price,
    quantity: row.quantity,
    freightValue: row.freight_value,
    totalItems: row.total_items,
    totalIncentive: row.total_incentive,
    totalAmount: row.total_amount,
  })
}

export function lineOf(row: OpenLine) {
  return { ...itemOfRow(row), customerId: row.customer_id, orderId: row.order_id, orderStatus: row.status }
}

export function itemOf(line: PricedLine): OrderItem {
  return {
    ...line,
    unitPrice: toMoney(line.unitPrice),
    freightValue: toMoney(line.freightValue),
    totalItems: toMoney(line.totalItems),
    totalIncentive: toMoney(line.totalIncentive),
    totalAmount: toMoney(line.totalAmount),
  }
}
