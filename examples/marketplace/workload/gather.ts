import type { AnyOperation, OperationOutput } from 'dure/contract'
import type { z } from 'zod'
import { Audit } from '../services/audit/contract.ts'
import { Cart } from '../services/cart/contract.ts'
import { Customer } from '../services/customer/contract.ts'
import { Insight } from '../services/insight/contract.ts'
import { Order } from '../services/order/contract.ts'
import { Payment } from '../services/payment/contract.ts'
import { Product } from '../services/product/contract.ts'
import { Seller } from '../services/seller/contract.ts'
import { Shipment } from '../services/shipment/contract.ts'
import { Stock } from '../services/stock/contract.ts'
import { cents, orderKey, productKey } from './facts.ts'
import type {
  DashboardFact,
  DashboardSums,
  EntrySums,
  Facts,
  HistoryFact,
  InsightFacts,
  MarkFact,
  OrderKey,
  OutcomeFact,
  PaymentSums,
  ProductFact,
} from './facts.ts'
import { isOpen, isPaid } from './statuses.ts'

/** Answers a GET with parsed JSON, or throws. */
export type Get = (path: string) => Promise<unknown>

/** Sellers whose dashboard, and customers whose newest orders, are looked at. */
const SAMPLE = 50

/** Asks every service for what invariants need, through its public lists. To be called when all is quiet. */
export async function gatherFacts(get: Get): Promise<Facts> {
  const products = new Map<string, ProductFact>()
  const replicas = new Map<string, ProductFact>()
  const stock: Facts['stock'][number][] = []
  const orders: Facts['orders'][number][] = []
  const shipments: Facts['shipments'][number][] = []
  const customers: Facts['customers'][number][] = []
  const payments = new Map<string, PaymentSums>()
  const sellers = new Set<number>()

  await eachItem(get, '/products', Product.operations.list, ({ sellerId, productId, price, version }) => {
    sellers.add(sellerId)
    products.set(productKey(sellerId, productId), { price: cents(price), version })
  })
  await eachItem(get, '/cart/replicas', Cart.operations.replicas, ({ sellerId, productId, price, version }) => {
    replicas.set(productKey(sellerId, productId), { price: cents(price), version })
  })
  await eachItem(get, '/stock', Stock.operations.list, (item) => {
    const { qtyAvailable: available, qtyReserved: reserved, qtyInitial: initial, ytd: sold, version } = item
    stock.push({ key: productKey(item.sellerId, item.productId), available, reserved, initial, sold, version })
  })
  await eachItem(get, '/orders', Order.operations.list, (order) => {
    orders.push({
      key: orderKey(order.customerId, order.orderId),
      customer: order.customerId,
      order: order.orderId,
      tid: order.instanceId,
      status: order.status,
      invoiceNumber: order.invoiceNumber,
      lines: order.countItems,
      items: cents(order.totalItems),
      incentive: cents(order.totalIncentive),
      amount: cents(order.totalAmount),
      freight: cents(order.totalFreight),
      invoice: cents(order.totalInvoice),
      paymentDate: order.paymentDate,
      carrierDate: order.deliveredCarrierDate,
    })
  })
  await eachItem(get, '/payments', Payment.operations.list, ({ customerId, orderId, type, value, status }) => {
    const sums = entryOf(payments, orderKey(customerId, orderId), newPayment)
    sums[status]++
    if (status === 'declined') sums.declinedValue += cents(value)
    else if (type === 'VOUCHER') sums.vouchers += cents(value)
    else sums.paid += cents(value)
  })
  await eachItem(get, '/shipments', Shipment.operations.list, (shipment) => {
    const { customerId: customer, orderId, status, packageCount, deliveredCount: delivered, requestDate } = shipment
    shipments.push({ order: orderKey(customer, orderId), customer, status, packages: packageCount, delivered, requestDate })
  })
  await eachItem(get, '/customers', Customer.operations.list, (customer) => {
    const { customerId: id, successPaymentCount: success, failedPaymentCount: failed, deliveryCount: deliveries } = customer
    customers.push({ id, success, failed, deliveries })
  })
  const totals = await ask(get, '/customers/totals', Customer.operations.totals)
  const paidAt = new Map(orders.map(({ key, paymentDate }) => [key, paymentDate]))
  const { openSellers, ...entries } = await gatherEntries(get, paidAt)
  const status = await askStatus(get)
  // Most sellers may have nothing open, and an empty dashboard agrees with itself too easily.
  const sampled = new Set([...spread([...openSellers], SAMPLE), ...spread([...sellers], SAMPLE)])
  return {
    products,
    replicas,
    stock,
    orders,
    payments,
    shipments,
    customers,
    ...entries,
    customerTotals: { success: totals.successPayments, failed: totals.failedPayments, deliveries: totals.deliveries },
    dashboards: await gatherDashboards(get, [...sampled].slice(0, SAMPLE)),
    histories: await gatherHistories(get, spread([...new Set(orders.map(({ customer }) => customer))], SAMPLE)),
    ...(await gatherMarks(get)),
    early: (await ask(get, '/sellers/totals', Seller.operations.totals)).early,
    deadLetters: status.services.reduce((sum, { dead }) => sum + dead, 0),
    insight: status.services.some(({ service }) => service === 'insight') ? await gatherInsight(get, [...sellers]) : undefined,
  }
}

/** The sums of a dashboard's two parts: what the view says, and what its entries add up to. */
export function dashboardFact(dashboard: OperationOutput<typeof Seller.operations.dashboard>): DashboardFact {
  const { sellerView: view, orderEntries } = dashboard
  const entries: DashboardSums = { orders: 0, lines: 0, amount: 0, freight: 0, incentive: 0, invoice: 0, items: 0 }
  const keys = new Set<string>()
  for (const entry of orderEntries) {
    keys.add(entry.naturalKey)
    entries.lines++
    entries.amount += cents(entry.totalAmount)
    entries.freight += cents(entry.freightValue)
    entries.incentive += cents(entry.totalIncentive)
    entries.invoice += cents(entry.totalInvoice)
    entries.items += cents(entry.totalItems)
  }
  entries.orders = keys.size
  return {
    seller: view.sellerId,
    view: {
      orders: view.countOrders,
      lines: view.countItems,
      amount: cents(view.totalAmount),
      freight: cents(view.totalFreight),
      incentive: cents(view.totalIncentive),
      invoice: cents(view.totalInvoice),
      items: cents(view.totalItems),
    },
    entries,
  }
}

/** The numbers of `GET /status` that are looked at here. */
export type StatusNumbers = {
  readonly quiet: boolean
  readonly services: readonly {
    readonly service: string
    readonly callsInFlight: number
    readonly outbox: number
    readonly waiting: number
    readonly dead: number
  }[]
  readonly lag: readonly { readonly group: string; readonly lag: number }[]
}

export async function askStatus(get: Get): Promise<StatusNumbers> {
  const status = (await get('/status')) as Partial<StatusNumbers>
  if (typeof status.quiet !== 'boolean' || !Array.isArray(status.services)) {
    throw new TypeError(`Cannot read /status: it must hold "quiet" and "services", found ${JSON.stringify(status).slice(0, 200)}`)
  }
  return { quiet: status.quiet, services: status.services, lag: status.lag ?? [] }
}

/** One answer, held against the contract. */
export async function ask<Op extends AnyOperation>(get: Get, path: string, operation: Op): Promise<OperationOutput<Op>> {
  const answer = (operation.output as z.ZodType<OperationOutput<Op>>).safeParse(await get(path))
  if (!answer.success)
    throw new TypeError(`The answer to ${path} does not keep the contract: ${answer.error.message.slice(0, 500)}`)
  return answer.data
}

type ListOf<Op extends AnyOperation> = OperationOutput<Op> extends { items: readonly (infer Item)[] } ? Item : never

/** Every item of a paged list, page by page. */
export async function eachItem<Op extends AnyOperation>(
  get: Get,
  path: string,
  operation: Op,
  visit: (item: ListOf<Op>) => void,
  limit = 500,
): Promise<void> {
  let after: string | number | undefined
  do {
    const query = after === undefined ? `limit=${limit}` : `limit=${limit}&after=${encodeURIComponent(after)}`
    const page = (await ask(get, `${path}?${query}`, operation)) as { items: ListOf<Op>[]; next?: string | number }
    if (page.next !== undefined && page.next === after)
      throw new Error(`The list ${path} does not end: its next part is itself, ${after}`)
    page.items.forEach(visit)
    after = page.next
  } while (after !== undefined)
}

async function gatherEntries(
  get: Get,
  paidAt: ReadonlyMap<OrderKey, string | undefined>,
): Promise<Pick<Facts, 'entriesByOrder' | 'soldByEntries' | 'revenueByEntries'> & { readonly openSellers: ReadonlySet<number> }> {
  const revenueByEntries = new Map<string, number>()
  const openSellers = new Set<number>()
  const entriesByOrder = new Map<string, EntrySums>()
  const soldByEntries = new Map<string, number>()
  await eachItem(get, '/sellers/entries', Seller.operations.entries, (entry) => {
    const sums = entryOf(entriesByOrder, orderKey(entry.customerId, entry.orderId), newEntry)
    sums.lines++
    sums.items += cents(entry.totalItems)
    sums.invoice += cents(entry.totalInvoice)
    sums.incentive += cents(entry.totalIncentive)
    sums.statuses.add(entry.orderStatus)
    if (isOpen(entry.orderStatus)) openSellers.add(entry.sellerId)
    const key = productKey(entry.sellerId, entry.productId)
    if (!isPaid(entry.orderStatus)) return
    add(soldByEntries, key, entry.quantity)
    const paid = paidAt.get(orderKey(entry.customerId, entry.orderId))
    if (paid !== undefined) add(revenueByEntries, revenueKey(entry.sellerId, paid), cents(entry.totalInvoice))
  })
  return { entriesByOrder, soldByEntries, revenueByEntries, openSellers }
}

async function gatherDashboards(get: Get, sellers: readonly number[]): Promise<DashboardFact[]> {
  const facts: DashboardFact[] = []
  for (const seller of sellers)
    facts.push(dashboardFact(await ask(get, `/seller/dashboard/${seller}`, Seller.operations.dashboard)))
  return facts
}

async function gatherHistories(get: Get, customers: readonly number[]): Promise<HistoryFact[]> {
  const facts: HistoryFact[] = []
  for (const customer of customers) {
    for (const { customerId, orderId, history } of await ask(get, `/order/${customer}`, Order.operations.ofCustomer)) {
      facts.push({ key: orderKey(customerId, orderId), statuses: history.map(({ status }) => status) })
    }
  }
  return facts
}

async function gatherMarks(get: Get): Promise<Pick<Facts, 'marks' | 'refusals'>> {
  const marks = new Map<string, MarkFact[]>()
  const refusals = new Map<number, number[]>()
  const visit = ({ tid, type, status, source, actorId, time }: ListOf<typeof Audit.operations.list>): void => {
    entryOf(marks, tid, () => []).push({ type, status, source })
    if (status === 'NOT_ACCEPTED' && source === 'payment') entryOf(refusals, actorId, () => []).push(Date.parse(time))
  }
  await eachItem(get, '/marks/list', Audit.operations.list, visit, 1000)
  for (const times of refusals.values()) times.sort((a, b) => a - b)
  return { marks, refusals }
}

async function gatherInsight(get: Get, sellers: readonly number[]): Promise<InsightFacts> {
  const revenue = new Map<string, number>()
  const sold = new Map<string, number>()
  const suspects = new Map<number, number>()
  const outcomes = new Map<number, OutcomeFact>()
  for (const seller of sellers)
    for (const window of await ask(get, `/insight/revenue/${seller}`, Insight.operations.revenue))
      revenue.set(revenueKey(seller, window.from), cents(window.revenue))
  await eachItem(get, '/insight/products', Insight.operations.sold, ({ sellerId, productId, pieces }) => {
    sold.set(productKey(sellerId, productId), pieces)
  })
  await eachItem(get, '/insight/suspects', Insight.operations.suspects, (one) => void suspects.set(one.customerId, one.refused))
  await eachItem(get, '/insight/orders', Insight.operations.outcomes, ({ customerId, ...counts }) => {
    outcomes.set(customerId, counts)
  })
  return { revenue, sold, suspects, outcomes }
}

const TEN_MINUTES = 600_000
/** The seller, and the beginning of the ten minutes that a moment is in. */
const revenueKey = (seller: number, moment: string): string =>
  `${seller}@${Math.floor(Date.parse(moment) / TEN_MINUTES) * TEN_MINUTES}`

function add(sums: Map<string, number>, key: string, more: number): void {
  sums.set(key, (sums.get(key) ?? 0) + more)
}

const newPayment = (): PaymentSums => ({ succeeded: 0, declined: 0, paid: 0, vouchers: 0, declinedValue: 0 })
const newEntry = (): EntrySums => ({ lines: 0, items: 0, invoice: 0, incentive: 0, statuses: new Set() })

function entryOf<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  let value = map.get(key)
  if (value === undefined) map.set(key, (value = make()))
  return value
}

/** At most `count` of a list, evenly spread over it. */
function spread<T>(list: readonly T[], count: number): T[] {
  if (list.length <= count) return [...list]
  return Array.from({ length: count }, (_, i) => list[Math.floor((i * list.length) / count)]!)
}
