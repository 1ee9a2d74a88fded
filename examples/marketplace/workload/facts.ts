/**
 * What the services say about themselves through their public lists, as far as invariants need it. Money is whole
 * cents here, so that sums are exact. Lines of orders are folded as they come: memory grows with orders, not with lines.
 */
export type Facts = {
  readonly products: ReadonlyMap<ProductKey, ProductFact>
  /** The products as the carts see them. */
  readonly replicas: ReadonlyMap<ProductKey, ProductFact>
  readonly stock: readonly StockFact[]
  readonly orders: readonly OrderFact[]
  /** What the sellers' entries say, by order and by product. */
  readonly entriesByOrder: ReadonlyMap<OrderKey, EntrySums>
  /** Pieces of each product in paid orders, by the sellers' entries. */
  readonly soldByEntries: ReadonlyMap<ProductKey, number>
  readonly payments: ReadonlyMap<OrderKey, PaymentSums>
  readonly shipments: readonly ShipmentFact[]
  readonly customers: readonly CustomerFact[]
  /** Over everybody who ordered, known as a customer or not. */
  readonly customerTotals: { readonly success: number; readonly failed: number; readonly deliveries: number }
  readonly dashboards: readonly DashboardFact[]
  /** Histories of the newest orders of some customers. */
  readonly histories: readonly HistoryFact[]
  /** By transaction; several marks of one are several entries of its list. */
  readonly marks: ReadonlyMap<string, readonly MarkFact[]>
  /** Notices that came before the order they speak of, and still wait for it. */
  readonly early: number
  readonly deadLetters: number
  /** Cents of paid lines by seller and the ten minutes of the payment: `seller@start`. */
  readonly revenueByEntries: ReadonlyMap<string, number>
  /** Moments at which payments of a customer were refused, in order; milliseconds since the epoch. */
  readonly refusals: ReadonlyMap<number, readonly number[]>
  /** What streams have made of the same events; undefined where nobody runs any. */
  readonly insight: InsightFacts | undefined
}

export type InsightFacts = {
  /** As `revenueByEntries`. */
  readonly revenue: ReadonlyMap<string, number>
  readonly sold: ReadonlyMap<ProductKey, number>
  /** Of customers who are suspected: how often payments were refused within a minute. */
  readonly suspects: ReadonlyMap<number, number>
  readonly outcomes: ReadonlyMap<number, OutcomeFact>
}
export type OutcomeFact = {
  readonly shipped: number
  readonly refused: number
  readonly unpaid: number
  readonly unshipped: number
}

/** A product of a seller: `seller/product`. */
export type ProductKey = string
/** An order of a customer: `customer/order`. */
export type OrderKey = string

export const productKey = (seller: number, product: number): ProductKey => `${seller}/${product}`
export const orderKey = (customer: number, order: number): OrderKey => `${customer}/${order}`
export const cents = (money: number): number => Math.round(money * 100)

export type ProductFact = { readonly price: number; readonly version: string }

export type StockFact = {
  readonly key: ProductKey
  readonly available: number
  readonly reserved: number
  readonly initial: number
  readonly sold: number
  readonly version: string
}

export type OrderFact = {
  readonly key: OrderKey
  readonly customer: number
  readonly order: number
  readonly tid: string
  readonly status: string
  readonly invoiceNumber: string
  readonly lines: number
  readonly items: number
  readonly incentive: number
  readonly amount: number
  readonly freight: number
  readonly invoice: number
  readonly paymentDate: string | undefined
  readonly carrierDate: string | undefined
}

export type EntrySums = { lines: number; items: number; invoice: number; incentive: number; statuses: Set<string> }

export type PaymentSums = { succeeded: number; declined: number; paid: number; vouchers: number; declinedValue: number }

export type ShipmentFact = {
  readonly order: OrderKey
  readonly customer: number
  readonly status: string
  readonly packages: number
  readonly delivered: number
  readonly requestDate: string
}

export type CustomerFact = { readonly id: number; readonly success: number; readonly failed: number; readonly deliveries: number }

/** A dashboard as one response gave it: what part 1 says, and what part 2 adds up to. */
export type DashboardFact = { readonly seller: number; readonly view: DashboardSums; readonly entries: DashboardSums }
export type DashboardSums = {
  orders: number
  lines: number
  amount: number
  freight: number
  incentive: number
  invoice: number
  items: number
}

export type HistoryFact = { readonly key: OrderKey; readonly statuses: readonly string[] }
export type MarkFact = { readonly type: string; readonly status: string; readonly source: string }

/** What the observer itself did, to be compared with what the services say. */
export type Observed = {
  /** Pieces ever supplied when observation began. */
  readonly suppliedBefore: number | undefined
  /** Ids of checkouts that were answered 202. */
  readonly acceptedCheckouts: ReadonlySet<string>
  /** Ids of price and product updates that were answered 2xx. */
  readonly acceptedUpdates: ReadonlySet<string>
  /** Ids of checkouts and updates that may or may not have happened: no answer came. */
  readonly unknown: ReadonlySet<string>
  /** Packages that were delivered when observation began. */
  readonly deliveredBefore: number | undefined
  /** Packages that answered deliveries say they delivered. */
  readonly delivered: number
  /** Deliveries without an answer: each may have delivered packages nobody here counted. */
  readonly unknownDeliveries: number
  /** Checkouts whose answer held fewer lines than had been acknowledged into the cart. */
  readonly shortCheckouts: readonly string[]
  /** Dashboards seen while everything was moving. */
  readonly dashboards: readonly DashboardFact[]
}

export const NOTHING_OBSERVED: Observed = {
  suppliedBefore: undefined,
  acceptedCheckouts: new Set(),
  acceptedUpdates: new Set(),
  unknown: new Set(),
  deliveredBefore: undefined,
  delivered: 0,
  unknownDeliveries: 0,
  shortCheckouts: [],
  dashboards: [],
}
