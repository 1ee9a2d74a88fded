import { command, contract, error, query } from 'dure/contract'
import { z } from 'zod'
import { Added, Id, Moment, Money, OrderStatus, PackageStatus, Page, pageOf, Quantity, Text } from '../values.ts'
import numbers from './numbers.json' with { type: 'json' }

export const SellerNotFound = error('SELLER_NOT_FOUND', {
  data: z.object({ sellerId: Id }),
  status: 'NOT_FOUND',
  message: ({ sellerId }) => `There is no seller ${sellerId}`,
})

export const SellerData = z.object({
  sellerId: Id,
  name: Text.min(1),
  companyName: Text.default(''),
  email: Text.default(''),
  phone: Text.default(''),
  street: Text.default(''),
  complement: Text.default(''),
  city: Text.default(''),
  state: Text.default(''),
  zipCode: Text.default(''),
})

/** A line of an order, as its seller sees it. */
export const OrderEntry = z.object({
  customerId: Id,
  orderId: Id,
  sellerId: Id,
  productId: Id,
  /** `customer_order` */
  naturalKey: z.string(),
  packageId: Id.optional(),
  productName: z.string(),
  unitPrice: Money,
  quantity: Quantity,
  totalItems: Money,
  totalIncentive: Money,
  totalAmount: Money,
  freightValue: Money,
  totalInvoice: Money,
  shipmentDate: Moment.optional(),
  deliveryDate: Moment.optional(),
  orderStatus: OrderStatus,
  deliveryStatus: PackageStatus.optional(),
})

export const DashboardView = z.object({
  sellerView: z.object({
    sellerId: Id,
    countOrders: z.int(),
    countItems: z.int(),
    totalAmount: Money,
    totalFreight: Money,
    totalIncentive: Money,
    totalInvoice: Money,
    totalItems: Money,
  }),
  orderEntries: z.array(OrderEntry),
})

export const Seller = contract('seller', {
  numbers,
  version: '1.0.0',
  owner: 'team-sellers',
  description: 'Sellers, and their view of the orders',
  operations: {
    put: command({ input: SellerData, idempotent: true, http: { routes: 'POST /seller', status: 201 } }),
    putAll: command({
      input: z.object({ items: z.array(SellerData).min(1).max(1_000) }),
      output: Added,
      idempotent: true,
      http: { routes: 'POST /seller/batch', status: 201 },
    }),
    get: query({
      input: z.object({ sellerId: Id }),
      output: SellerData,
      errors: { SellerNotFound },
      http: 'GET /seller/{sellerId}',
    }),
    dashboard: query({
      input: z.object({ sellerId: Id }),
      output: DashboardView,
      http: ['GET /seller/dashboard/{sellerId}', 'GET /seller/{sellerId}/dashboard'],
      description: "A seller's open orders: their sums, and each line, both of one snapshot",
    }),
    composedDashboard: query({
      input: z.object({ sellerId: Id }),
      output: DashboardView.extend({
        /** What could not be asked: without orders there are no entries, without packages these say nothing of delivery. */
        missing: z.array(z.enum(['orders', 'packages'])),
      }),
      http: 'GET /seller/{sellerId}/dashboard/composed',
      deadline: 2_000,
      policy: { rateLimit: { rate: 500, burst: 1_000 } },
      description: 'The same, asked at this moment of the services that have the orders and the packages',
    }),
    dashboards: query({
      input: z.object({ sellerId: Id }),
      output: z.object({
        equal: z.boolean(),
        model: DashboardView,
        composed: DashboardView,
        missing: z.array(z.enum(['orders', 'packages'])),
        /** Milliseconds since the newest event that the read model has was published. */
        age: z.number().optional(),
      }),
      http: 'GET /seller/{sellerId}/dashboards',
      policy: { rateLimit: { rate: 100 }, priority: 'low' },
      description: 'Both on one page: as a read model, and composed',
    }),
    list: query({ input: Page, output: pageOf(SellerData), http: 'GET /sellers' }),
    entries: query({ input: Page, output: pageOf(OrderEntry), http: 'GET /sellers/entries' }),
    totals: query({
      output: z.object({
        sellers: z.int(),
        entries: z.int(),
        open: z.int(),
        delivered: z.int(),
        /** Notices that came before the order they speak of; none is left once all is quiet. */
        early: z.int(),
        totalInvoice: Money,
        byStatus: z.record(z.string(), z.int()),
      }),
      http: 'GET /sellers/totals',
    }),
    reset: command({
      idempotent: true,
      http: 'PATCH /seller/reset',
      description: 'Deletes the order entries; keeps the sellers',
    }),
    cleanup: command({ idempotent: true, http: 'PATCH /seller/cleanup', description: 'Deletes everything' }),
  },
})
