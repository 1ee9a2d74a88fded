import { command, contract, error, event, query } from 'dure/contract'
import { z } from 'zod'
import { TransactionMark } from '../mark.ts'
import { PaymentConfirmed } from '../payment/contract.ts'
import { Id, InstanceId, Moment, Money, PackageStatus, Page, pageOf, Quantity, ShipmentStatus } from '../values.ts'
import numbers from './numbers.json' with { type: 'json' }

export const ShipmentNotFound = error('SHIPMENT_NOT_FOUND', {
  data: z.object({ customerId: Id, orderId: Id }),
  status: 'NOT_FOUND',
  message: ({ customerId, orderId }) => `There is no shipment of order ${orderId} of customer ${customerId}`,
})

/** A shipment went on to its next state. */
export const ShipmentNotification = event('shipment.notification', {
  schema: z.object({ customerId: Id, orderId: Id, eventDate: Moment, status: ShipmentStatus, instanceId: InstanceId }),
  key: ({ customerId }) => customerId,
})
/** A package was delivered. */
export const DeliveryNotification = event('delivery.notification', {
  schema: z.object({
    customerId: Id,
    orderId: Id,
    packageId: Id,
    sellerId: Id,
    productId: Id,
    productName: z.string(),
    status: PackageStatus,
    deliveryDate: Moment,
    instanceId: InstanceId,
  }),
  key: ({ customerId }) => customerId,
})

const ShipmentView = z.object({
  customerId: Id,
  orderId: Id,
  packageCount: z.int(),
  deliveredCount: z.int(),
  totalFreightValue: Money,
  requestDate: Moment,
  status: ShipmentStatus,
})
const PackageView = z.object({
  packageId: Id,
  sellerId: Id,
  productId: Id,
  productName: z.string(),
  freightValue: Money,
  quantity: Quantity,
  shippingDate: Moment,
  deliveryDate: Moment.optional(),
  status: PackageStatus,
})

export const Shipment = contract('shipment', {
  numbers,
  version: '1.0.0',
  owner: 'team-logistics',
  description: 'Shipments and their packages',
  operations: {
    updateDelivery: command({
      input: z.object({ tid: InstanceId }),
      output: z.object({ packages: z.int(), shipments: z.int() }),
      http: { routes: ['PATCH /shipment/{tid}', 'POST /shipment/{tid}'], status: 202 },
      description: 'Delivers the oldest open order of each of the first ten sellers that have one, in one transaction',
    }),
    ship: command({
      input: PaymentConfirmed.schema,
      idempotent: true,
      policy: { priority: 'high' },
      description: 'Packs what was paid',
    }),
    get: query({
      input: z.object({ customerId: Id, orderId: Id }),
      output: ShipmentView.extend({
        address: z.object({
          firstName: z.string(),
          lastName: z.string(),
          street: z.string(),
          complement: z.string(),
          city: z.string(),
          state: z.string(),
          zipCode: z.string(),
        }),
        packages: z.array(PackageView),
      }),
      errors: { ShipmentNotFound },
      http: 'GET /shipment/{customerId}/{orderId}',
    }),
    packagesOf: query({
      input: z.object({ orders: z.array(z.object({ customerId: Id, orderId: Id })).max(100) }),
      output: z.array(z.array(PackageView)),
      policy: { bulkhead: { concurrency: 50, queue: 200 }, breaker: { minimumCalls: 10, slowCall: 1_000, slowCallRate: 0.8 } },
      description: 'The packages of each of these orders, in their order; none of those that are not shipped yet',
    }),
    list: query({ input: Page, output: pageOf(ShipmentView), http: 'GET /shipments' }),
    totals: query({
      output: z.object({
        shipments: z.int(),
        byStatus: z.record(z.string(), z.int()),
        packages: z.int(),
        delivered: z.int(),
      }),
      http: 'GET /shipments/totals',
    }),
    reset: command({ idempotent: true, http: 'PATCH /shipment/reset', description: 'Deletes the shipments' }),
    cleanup: command({ idempotent: true, http: 'PATCH /shipment/cleanup', description: 'Deletes everything' }),
  },
  events: [ShipmentNotification, DeliveryNotification, TransactionMark],
})
