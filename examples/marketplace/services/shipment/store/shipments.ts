import { sql, type Kysely } from 'dure/data'
import { rowsAfter } from '../../cursor.ts'
import { prepared } from '../../prepared.ts'
import { tallyOf } from '../../tally.ts'
import type { ShipmentTables } from './tables.ts'

type Db = Kysely<ShipmentTables>
type Shipment = ShipmentTables['shipments']
type Package = ShipmentTables['packages']

const insertOne = prepared((tx: Db, row: Shipment) =>
  tx
    .insertInto('shipments')
    .values(row)
    .onConflict((conflict) => conflict.doNothing()),
)
const insertPackages = prepared((tx: Db, rows: readonly Package[]) => tx.insertInto('packages').values(rows))

/** Keeps a shipment and its packages. False when there is one for the order already. */
export async function insertShipment(tx: Db, shipment: Shipment, packages: readonly Package[]): Promise<boolean> {
  if ((await insertOne(tx, shipment)).changed === 0) return false
  await insertPackages(tx, packages)
  return true
}

export async function findShipment(
  read: Db,
  customerId: number,
  orderId: number,
): Promise<{ shipment: Shipment; packages: Package[] } | undefined> {
  const shipment = await read
    .selectFrom('shipments')
    .selectAll()
    .where('customer_id', '=', customerId)
    .where('order_id', '=', orderId)
    .executeTakeFirst()
  if (shipment === undefined) return undefined
  return { shipment, packages: await findPackages(read, customerId, orderId) }
}

export async function findPackages(read: Db, customerId: number, orderId: number): Promise<Package[]> {
  return read
    .selectFrom('packages')
    .selectAll()
    .where('customer_id', '=', customerId)
    .where('order_id', '=', orderId)
    .orderBy('package_id')
    .execute()
}

export async function listShipments(read: Db, page: { after?: string | undefined; limit: number }): Promise<Shipment[]> {
  return rowsAfter(read.selectFrom('shipments').selectAll(), ['customer_id', 'order_id'], page).execute()
}

export type ShipmentTotals = { shipments: number; byStatus: Record<string, number>; packages: number; delivered: number }

export async function shipmentTotals(read: Db): Promise<ShipmentTotals> {
  const statuses = await read
    .selectFrom('shipments')
    .select(['status as name', sql<number>`count(*)`.as('count')])
    .groupBy('status')
    .execute()
  const { rows } = await sql<{ packages: number; delivered: number }>`select count(*) as packages,
    coalesce(sum(case when status = 'delivered' then 1 else 0 end), 0) as delivered from packages`.execute(read)
  const shipments = statuses.reduce((sum, { count }) => sum + count, 0)
  return { shipments, byStatus: tallyOf(statuses), ...rows[0]! }
}

export async function deleteShipments(tx: Db): Promise<void> {
  await tx.deleteFrom('packages').execute()
  await tx.deleteFrom('shipments').execute()
}
