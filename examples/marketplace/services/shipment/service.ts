import type { EventData } from 'dure/contract'
import type { Transaction } from 'dure/data'
import { service, type Service } from 'dure/service'
import { partOf } from '../cursor.ts'
import { TransactionMark } from '../mark.ts'
import { momentOf, timeOf } from '../moment.ts'
import { toCents } from '../money.ts'
import { PaymentConfirmed } from '../payment/contract.ts'
import { DeliveryNotification, Shipment, ShipmentNotFound, ShipmentNotification } from './contract.ts'
import { deliveredAt, passedBy } from './domain/delivery.ts'
import { countDeliveries, deliverPackages, oldestOpen } from './store/deliveries.ts'
import { deleteShipments, findPackages, findShipment, insertShipment, listShipments, shipmentTotals } from './store/shipments.ts'
import { shipmentDatabase, type ShipmentTables } from './store/tables.ts'
import { packageOf, viewOf } from './views.ts'

export const shipment: Service<typeof Shipment> = service(Shipment, {
  database: shipmentDatabase,
  handlers: {
    // Packages, shipments and everything that is announced of them: one transaction.
    updateDelivery: ({ tid: instanceId }, { database, clock }) =>
      database.transaction(async (tx) => {
        const now = clock.now()
        const packages = await oldestOpen(tx)
        if (packages.length > 0) await deliverPackages(tx, packages, now)
        for (const row of packages) {
          await tx.publish(DeliveryNotification, {
            customerId: row.customer_id,
            orderId: row.order_id,
            packageId: row.package_id,
            sellerId: row.seller_id,
            productId: row.product_id,
            productName: row.product_name,
            status: 'delivered',
            deliveryDate: momentOf(deliveredAt(now, [row.shipping_date])),
            instanceId,
          })
        }
        const shipments = await countDeliveries(tx, packages)
        for (const each of shipments) {
          const { customerId, orderId } = each
          const eventDate = momentOf(deliveredAt(now, each.shippingDates))
          for (const status of passedBy(each)) {
            await tx.publish(ShipmentNotification, { customerId, orderId, eventDate, status, instanceId })
          }
        }
        const outcome = { type: 'UPDATE_DELIVERY', status: 'SUCCESS', source: 'shipment' } as const
        await tx.publish(TransactionMark, { tid: instanceId, actorId: 0, ...outcome })
        return { packages: packages.length, shipments: shipments.length }
      }),

    ship: (paid, { database, clock }) => database.transaction(async (tx) => void (await ship(tx, paid, clock.now()))),

    get: async ({ customerId, orderId }, { database }) => {
      const found = await database.snapshot((read) => findShipment(read, customerId, orderId))
      if (found === undefined) throw ShipmentNotFound({ customerId, orderId })
      const { shipment: row, packages } = found
      const { first_name: firstName, last_name: lastName, street, complement, city, state, zip_code: zipCode } = row
      const address = { firstName, lastName, street, complement, city, state, zipCode }
      return { ...viewOf(row), address, packages: packages.map(packageOf) }
    },
    packagesOf: ({ orders }, { database }) =>
      database.snapshot(async (read) => {
        const found = orders.map(({ customerId, orderId }) => findPackages(read, customerId, orderId))
        return (await Promise.all(found)).map((rows) => rows.map(packageOf))
      }),
    list: async (page, { database }) => {
      const rows = await listShipments(database.read, page)
      return partOf(rows.map(viewOf), page.limit, (each) => [each.customerId, each.orderId])
    },
    totals: (_input, { database }) => database.snapshot(shipmentTotals),
    reset: (_input, { database }) => database.transaction(deleteShipments),
    cleanup: (_input, { database }) => database.transaction(deleteShipments),
  },

  subscriptions: ({ on }) => [on(PaymentConfirmed, ({ data }, { tx, clock }) => ship(tx, data, clock.now()))],
})

/** Packs what was paid; once for each order. */
async function ship(tx: Transaction<ShipmentTables>, data: EventData<typeof PaymentConfirmed>, at: number): Promise<void> {
  const { customer, orderId, items, instanceId, date } = data
  const { customerId } = customer
  // Never before the payment, whatever the clock does meanwhile.
  const now = Math.max(at, timeOf(date))
  const freights = items.map(({ freightValue }) => toCents(freightValue))
  const made = await insertShipment(
    tx,
    {
      customer_id: customerId,
      order_id: orderId,
      package_count: items.length,
      delivered_count: 0,
      total_freight_value: freights.reduce((sum, freight) => sum + freight, 0),
      request_date: now,
      status: 'approved',
      first_name: customer.firstName,
      last_name: customer.lastName,
      street: customer.street,
      complement: customer.complement,
      city: customer.city,
      state: customer.state,
      zip_code: customer.zipCode,
    },
    items.map((item, i) => ({
      customer_id: customerId,
      order_id: orderId,
      package_id: i + 1,
      seller_id: item.sellerId,
      product_id: item.productId,
      product_name: item.productName,
      freight_value: freights[i]!,
      quantity: item.quantity,
      shipping_date: now,
      delivery_date: null,
      status: 'shipped',
    })),
  )
  if (!made) return
  const eventDate = momentOf(now)
  await tx.publish(ShipmentNotification, { customerId, orderId, eventDate, status: 'approved', instanceId })
  const outcome = { type: 'CUSTOMER_SESSION', status: 'SUCCESS', source: 'shipment' } as const
  await tx.publish(TransactionMark, { tid: instanceId, actorId: customerId, ...outcome })
}
