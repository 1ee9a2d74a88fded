import { findings, money, number, sum, type Invariant } from './finding.ts'
import type { DashboardFact, Facts, Observed, OrderFact } from './facts.ts'
import { isPaid, ORDER_STATUS_OF, STATUS_ORDER } from './statuses.ts'

/** Orders, and what payment, shipment, seller and customer know of them. */
export function checkBookkeeping(facts: Facts, observed: Observed): Invariant[] {
  return [
    orderNumbers(facts),
    orderTotals(facts),
    payments(facts),
    shipments(facts),
    shipmentStatuses(facts),
    paymentCounts(facts),
    deliveries(facts),
    paidBeforeShipped(facts),
    sellersEntries(facts),
    dashboards('dashboard parts agree', facts.dashboards),
    ...(observed.dashboards.length > 0 ? [dashboards('dashboard parts agree under load', observed.dashboards)] : []),
  ]
}

function orderNumbers({ orders }: Facts): Invariant {
  const wrong = findings()
  const customers = new Map<number, { count: number; most: number }>()
  const keys = new Set<string>()
  const invoices = new Set<string>()
  for (const { key, customer, order, invoiceNumber } of orders) {
    if (keys.has(key)) wrong.add(`order ${key} is there twice`)
    if (invoices.has(invoiceNumber)) wrong.add(`invoice ${invoiceNumber} is there twice`)
    keys.add(key)
    invoices.add(invoiceNumber)
    const seen = customers.get(customer) ?? { count: 0, most: 0 }
    customers.set(customer, { count: seen.count + 1, most: Math.max(seen.most, order) })
    if (order < 1) wrong.add(`order ${key}: numbers begin with 1`)
  }
  for (const [customer, { count, most }] of customers) {
    if (count !== most) wrong.add(`customer ${customer} has ${count} orders, the last is number ${most}`)
  }
  return wrong.invariant('order numbers without holes', `${number(orders.length)} orders of ${number(customers.size)} customers`)
}

function orderTotals({ orders }: Facts): Invariant {
  const wrong = findings()
  for (const { key, items, incentive, amount, freight, invoice } of orders) {
    if (items - incentive !== amount)
      wrong.add(`order ${key}: items ${money(items)} - vouchers ${money(incentive)} is not ${money(amount)}`)
    if (amount + freight !== invoice)
      wrong.add(`order ${key}: ${money(amount)} + freight ${money(freight)} is not ${money(invoice)}`)
  }
  const [amount, freight] = [sum(orders, (order) => order.amount), sum(orders, (order) => order.freight)]
  return wrong.invariant(
    'invoice = items - vouchers + freight',
    `${money(amount)} + ${money(freight)} = ${money(sum(orders, (order) => order.invoice))}`,
  )
}

/** Card or boleto lines pay the invoice, voucher lines the incentive: together, invoice plus vouchers. */
function payments({ orders, payments: byOrder }: Facts): Invariant {
  const wrong = findings()
  const known = new Set<string>()
  for (const { key, status, invoice, incentive } of orders) {
    known.add(key)
    const payment = byOrder.get(key)
    if (isPaid(status)) {
      const { paid, vouchers, declined } = payment ?? { paid: 0, vouchers: 0, declined: 0 }
      if (paid !== invoice || vouchers !== incentive || declined > 0) {
        wrong.add(
          `order ${key}: invoice ${money(invoice)} and vouchers ${money(incentive)}, paid ${money(paid)} and ${money(vouchers)}, ${declined} declined`,
        )
      }
    } else if (status === 'PAYMENT_FAILED') {
      if (!payment || payment.succeeded > 0 || payment.declined === 0)
        wrong.add(`order ${key} is not paid and its payment did not fail`)
    } else wrong.add(`order ${key} is still ${status}`)
  }
  for (const key of byOrder.keys()) if (!known.has(key)) wrong.add(`a payment of order ${key}, which does not exist`)
  const paidOrders = orders.filter(({ status }) => isPaid(status))
  const [invoices, incentives] = [sum(paidOrders, (order) => order.invoice), sum(paidOrders, (order) => order.incentive)]
  const paid = sum(byOrder.values(), (payment) => payment.paid + payment.vouchers)
  return wrong.invariant(
    'payments = invoice + vouchers',
    `${number(paidOrders.length)} paid orders: ${money(paid)} = ${money(invoices)} + ${money(incentives)}`,
  )
}

function shipments({ orders, shipments: all }: Facts): Invariant {
  const wrong = findings()
  const counts = new Map<string, { count: number; packages: number }>()
  for (const { order, packages } of all) {
    const seen = counts.get(order)
    counts.set(order, { count: (seen?.count ?? 0) + 1, packages })
  }
  let paid = 0
  for (const { key, status, lines } of orders) {
    const { count, packages } = counts.get(key) ?? { count: 0, packages: 0 }
    counts.delete(key)
    if (isPaid(status)) paid++
    if (count !== (isPaid(status) ? 1 : 0)) wrong.add(`order ${key} (${status}) has ${count} shipments`)
    else if (count === 1 && packages !== lines) wrong.add(`order ${key}: ${lines} lines, ${packages} packages`)
  }
  for (const key of counts.keys()) wrong.add(`a shipment of order ${key}, which does not exist`)
  return wrong.invariant(
    'one shipment per paid order',
    `${number(all.length)} shipments, ${number(paid)} paid of ${number(orders.length)} orders`,
  )
}

function shipmentStatuses({ orders, shipments: all }: Facts): Invariant {
  const wrong = findings()
  const statuses = new Map(orders.map(({ key, status }) => [key, status]))
  for (const { order, status, packages, delivered } of all) {
    const expected = delivered === 0 ? 'approved' : delivered < packages ? 'delivery_in_progress' : 'concluded'
    if (status !== expected) wrong.add(`shipment ${order} is ${status} with ${delivered} of ${packages} delivered`)
    const wanted = ORDER_STATUS_OF[status]
    if (statuses.get(order) !== wanted) wrong.add(`order ${order} is ${statuses.get(order)}, its shipment ${status}`)
  }
  const delivered = sum(all, (shipment) => shipment.delivered)
  return wrong.invariant(
    'order status = shipment status',
    `${number(delivered)} of ${number(sum(all, (shipment) => shipment.packages))} packages delivered`,
  )
}

function paymentCounts({ orders, customers, customerTotals, payments: byOrder }: Facts): Invariant {
  const wrong = findings()
  const expected = countBy(orders, ({ customer }) => customer)
  for (const { id, success, failed } of customers) {
    const { paid, failed: declined } = expected.get(id) ?? { paid: 0, failed: 0 }
    if (success !== paid || failed !== declined) {
      wrong.add(`customer ${id}: counted ${success} + ${failed}, orders say ${paid} + ${declined}`)
    }
  }
  const { success, failed } = customerTotals
  if (success + failed !== byOrder.size) wrong.add(`${byOrder.size} orders have a payment`)
  return wrong.invariant(
    'success + failed counts = orders with payment',
    `${number(success)} + ${number(failed)} = ${number(byOrder.size)}`,
  )
}

function countBy(orders: readonly OrderFact[], of: (order: OrderFact) => number): Map<number, { paid: number; failed: number }> {
  const counts = new Map<number, { paid: number; failed: number }>()
  for (const order of orders) {
    const count = counts.get(of(order)) ?? { paid: 0, failed: 0 }
    if (isPaid(order.status)) count.paid++
    else if (order.status === 'PAYMENT_FAILED') count.failed++
    counts.set(of(order), count)
  }
  return counts
}

function deliveries({ shipments: all, customers, customerTotals }: Facts): Invariant {
  const wrong = findings()
  const expected = new Map<number, number>()
  for (const { customer, delivered } of all) expected.set(customer, (expected.get(customer) ?? 0) + delivered)
  for (const { id, deliveries: counted } of customers) {
    const delivered = expected.get(id) ?? 0
    if (counted !== delivered) wrong.add(`customer ${id} counted ${counted}, ${delivered} were delivered`)
  }
  const delivered = sum(all, (shipment) => shipment.delivered)
  if (customerTotals.deliveries !== delivered) wrong.add('the sums differ')
  return wrong.invariant(
    "packages delivered = customers' delivery counts",
    `${number(delivered)} = ${number(customerTotals.deliveries)}`,
  )
}

function paidBeforeShipped({ orders, shipments: all, histories }: Facts): Invariant {
  const wrong = findings()
  const requested = new Map(all.map(({ order, requestDate }) => [order, requestDate]))
  for (const { key, status, paymentDate, carrierDate } of orders) {
    if (!isPaid(status)) continue
    const request = requested.get(key)
    if (paymentDate === undefined) wrong.add(`order ${key} is ${status} without a date of payment`)
    else if (request !== undefined && request < paymentDate) wrong.add(`order ${key} was shipped ${request}, paid ${paymentDate}`)
    else if (carrierDate !== undefined && carrierDate < paymentDate)
      wrong.add(`order ${key} left ${carrierDate}, paid ${paymentDate}`)
  }
  for (const { key, statuses } of histories) {
    const places = statuses.filter((status) => STATUS_ORDER.includes(status)).map((status) => STATUS_ORDER.indexOf(status))
    if (places.some((place, i) => place !== i)) wrong.add(`order ${key} went ${statuses.join(', ')}`)
  }
  return wrong.invariant('payment before shipment', `${number(all.length)} shipments, ${number(histories.length)} histories`)
}

function sellersEntries({ orders, entriesByOrder, early }: Facts): Invariant {
  const wrong = findings()
  const known = new Set<string>()
  for (const { key, status, lines, items, incentive } of orders) {
    known.add(key)
    const entries = entriesByOrder.get(key)
    if (entries?.lines !== lines) wrong.add(`order ${key}: ${lines} lines, sellers see ${entries?.lines ?? 0}`)
    else if (entries.items !== items || entries.incentive !== incentive) {
      wrong.add(
        `order ${key}: ${money(items)} less ${money(incentive)}, sellers see ${money(entries.items)} less ${money(entries.incentive)}`,
      )
    } else if (entries.statuses.size !== 1 || !entries.statuses.has(status)) {
      wrong.add(`order ${key} is ${status}, sellers see ${[...entries.statuses].join(' and ')}`)
    }
  }
  for (const key of entriesByOrder.keys()) if (!known.has(key)) wrong.add(`entries of order ${key}, which does not exist`)
  if (early > 0) wrong.add(`${early} notices still wait for their order`)
  return wrong.invariant(
    "sellers' entries = orders' lines",
    `${number(sum(entriesByOrder.values(), (entry) => entry.lines))} = ${number(sum(orders, (order) => order.lines))}`,
  )
}

function dashboards(name: string, all: readonly DashboardFact[]): Invariant {
  const wrong = findings()
  for (const { seller, view, entries } of all) {
    for (const part of ['orders', 'lines', 'items', 'amount', 'freight', 'incentive', 'invoice'] as const) {
      if (view[part] !== entries[part])
        wrong.add(`seller ${seller}: ${part} ${view[part]} in the view, ${entries[part]} in the entries`)
    }
  }
  return wrong.invariant(name, `${number(all.length)} dashboards, ${number(sum(all, ({ entries }) => entries.lines))} entries`)
}
