import { sql, type Kysely } from 'dure/data'
import { numbers } from '../../rows.ts'
import { prepared } from '../../prepared.ts'
import type { ShipmentStatus } from '../../values.ts'
import { statusOf } from '../domain/delivery.ts'
import type { ShipmentTables } from './tables.ts'

type Db = Kysely<ShipmentTables>
export type PackageRow = ShipmentTables['packages']

const SELLERS = 10

/**
 * The packages of the oldest open order of each of the first sellers that have one. Both the sellers and their orders
 * are found by stepping through the index of packages under way, however many there are.
 */
export async function oldestOpen(tx: Db): Promise<readonly PackageRow[]> {
  return (await selectOldest(tx, [])).rows
}

const selectOldest = prepared(
  (_tx: Db, _none: readonly []) => sql<PackageRow>`
    with recursive sellers (seller_id, n) as (
      select min(seller_id), 1 from packages where status = 'shipped'
      union all
      select (select min(p.seller_id) from packages p where p.status = 'shipped' and p.seller_id > sellers.seller_id), n + 1
      from sellers where sellers.seller_id is not null and n < ${SELLERS}
    )
    select p.* from sellers s join packages p on p.status = 'shipped' and p.seller_id = s.seller_id
      and (p.shipping_date, p.customer_id, p.order_id) = (
        select o.shipping_date, o.customer_id, o.order_id from packages o
        where o.status = 'shipped' and o.seller_id = s.seller_id
        order by o.shipping_date, o.customer_id, o.order_id limit 1
      )
    order by p.customer_id, p.order_id, p.package_id`,
)

const setDelivered = prepared(
  (_tx: Db, { now, keys }: { now: number; keys: readonly (readonly number[])[] }) =>
    sql`update packages set status = 'delivered',
        delivery_date = case when packages.shipping_date > ${now} then packages.shipping_date else ${now} end from ${numbers(keys)}
      where packages.customer_id = v.column1 and packages.order_id = v.column2 and packages.package_id = v.column3`,
)

type Delivering = { customerId: number; orderId: number; now: number }
const addDelivered = prepared((tx: Db, { now, customerId, orderId }: Delivering) =>
  tx
    .updateTable('shipments')
    .set({ delivered_count: sql`delivered_count + ${now}` })
    .where('customer_id', '=', customerId)
    .where('order_id', '=', orderId)
    .returning(['package_count', 'delivered_count', 'status']),
)
const setStatus = prepared(
  (tx: Db, { customerId, orderId, status }: { customerId: number; orderId: number; status: ShipmentStatus }) =>
    tx.updateTable('shipments').set({ status }).where('customer_id', '=', customerId).where('order_id', '=', orderId),
)

export async function deliverPackages(tx: Db, packages: readonly PackageRow[], now: number): Promise<void> {
  const keys = packages.map((row) => [row.customer_id, row.order_id, row.package_id])
  await setDelivered(tx, { now, keys })
}

export type DeliveredShipment = {
  customerId: number
  orderId: number
  packageCount: number
  deliveredCount: number
  now: number
  /** Of the packages delivered now. */
  shippingDates: readonly number[]
}

/** Counts the deliveries of each shipment. */
export async function countDeliveries(tx: Db, packages: readonly PackageRow[]): Promise<readonly DeliveredShipment[]> {
  const delivered: DeliveredShipment[] = []
  for (const rows of Map.groupBy(packages, (row) => `${row.customer_id}/${row.order_id}`).values()) {
    const { customer_id: customerId, order_id: orderId } = rows[0]!
    const {
      rows: [shipment],
    } = await addDelivered(tx, { customerId, orderId, now: rows.length })
    if (shipment === undefined)
      throw new Error(`Cannot count deliveries of order ${orderId} of customer ${customerId}: it has packages and no shipment`)
    const { package_count: packageCount, delivered_count: deliveredCount } = shipment
    const status = statusOf(packageCount, deliveredCount)
    if (status !== shipment.status) await setStatus(tx, { customerId, orderId, status })
    const shippingDates = rows.map(({ shipping_date }) => shipping_date)
    delivered.push({ customerId, orderId, packageCount, deliveredCount, now: rows.length, shippingDates })
  }
  return delivered
}
