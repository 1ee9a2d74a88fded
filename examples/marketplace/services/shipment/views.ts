import { maybeMoment, momentOf } from '../moment.ts'
import { toMoney } from '../money.ts'
import type { ShipmentTables } from './store/tables.ts'

/** Shipments and packages as the contract shows them. */
export function viewOf(row: ShipmentTables['shipments']) {
  return {
    customerId: row.customer_id,
    orderId: row.order_id,
    packageCount: row.package_count,
    deliveredCount: row.delivered_count,
    totalFreightValue: toMoney(row.total_freight_value),
    requestDate: momentOf(row.request_date),
    status: row.status,
  }
}

export function packageOf(row: ShipmentTables['packages']) {
  return {
    packageId: row.package_id,
    sellerId: row.seller_id,
    productId: row.product_id,
    productName: row.product_name,
    freightValue: toMoney(row.freight_value),
    quantity: row.quantity,
    shippingDate: momentOf(row.shipping_date),
    deliveryDate: maybeMoment(row.delivery_date),
    status: row.status,
  }
}
