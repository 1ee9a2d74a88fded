import type { SystemStatus } from 'dure/service'
import type { CheckWorld } from '@dure/simulation'
import { EMPTY, evolve, productOf, type Cart, type Happened } from '../services/cart/domain/cart.ts'
import type { Facts } from '../workload/facts.ts'
import { findings, money, number, sum, type Invariant } from '../workload/finding.ts'
import { CONTRACTS } from './load.ts'
import type { Booked } from './provider.ts'
import { judgeEffects, type Effects } from '../witness/effects.ts'
import { announced, entry, type Testimony } from '../witness/witness.ts'

type Checked = {
  readonly rows: CheckWorld['rows']
  readonly status: SystemStatus
  readonly testimony: Testimony
  readonly charges: ReadonlyMap<string, Booked>
  readonly facts: Facts
}

/** What outbox, inbox and dead letters promise, held against the stores themselves. */
export function checkData(checked: Checked): Invariant[] {
  const effects = judgeEffects(checked.testimony, isOfQueue)
  return [
    ...[effectsOnce(effects), keyOrder(effects), rowsAndEvents(checked), carts(checked)],
    ...[provider(checked), atRest(checked), inboxes(checked)],
  ]
}

const REQUESTS: ReadonlySet<string> = new Set(CONTRACTS.flatMap(({ requests = [] }) => requests.map(({ name }) => name)))

/** Requests and replies wait in a queue. What one receiver had in hand when it ended, another may do after a later one of its key. */
function isOfQueue(consumer: string): boolean {
  const work = consumer.slice(consumer.indexOf('/') + 1)
  return work.endsWith('.reply') || REQUESTS.has(work)
}

/** Lost is an event without an effect at one of its consumers; doubled, one with two. */
function effectsOnce({ lost, doubled, effects }: Effects): Invariant {
  const wrong = findings()
  for (const what of [...doubled, ...lost]) wrong.add(what)
  return wrong.invariant('every event had each of its effects once', `${number(effects)} effects`)
}

/** Whoever announces it, events of one key and one source are handled as they were committed. */
function keyOrder({ overtaken, keys }: Effects): Invariant {
  const wrong = findings()
  for (const what of overtaken) wrong.add(what)
  return wrong.invariant('consumers saw the events of a key in the order of their commits', `${number(keys)} keys`)
}

type Fields = Readonly<Record<string, unknown>>

/** Names of rows, and of the events that must be beside them, compared as multisets. */
function rowsAndEvents({ rows, testimony }: Checked): Invariant {
  const wrong = findings()
  let count = 0
  const said = (type: string, name: (data: Fields) => string | undefined): string[] =>
    announced(testimony, type).flatMap(({ data }) => name(data as Fields) ?? [])
  const stored = (service: string, sql: string): string[] => rows(service, sql).map((row) => Object.values(row).join('/'))
  const compare = (what: string, there: readonly string[], names: readonly string[]): void => {
    count += there.length
    const left = new Map<string, number>()
    for (const name of there) left.set(name, (left.get(name) ?? 0) + 1)
    for (const name of names) left.set(name, (left.get(name) ?? 0) - 1)
    for (const [name, difference] of left) {
      if (difference > 0) wrong.add(`${what} ${name} has no event`)
      if (difference < 0) wrong.add(`${what} ${name} was announced and is not there`)
    }
  }
  const ofOrder = ({ customer, customerId, orderId }: Fields): string =>
    `${String(customerId ?? (customer as Fields)['customerId'])}/${String(orderId)}`

  compare(
    'checkout',
    stored('cart', `SELECT json_extract(data, '$.checkoutId') FROM ${CHECKOUTS} AND json_array_length(data, '$.items') > 0`),
    said('stock.reserve', ({ checkoutId }) => String(checkoutId)),
  )
  compare(
    'reservation',
    stored('stock', "SELECT checkout_id FROM reservations WHERE status <> 'rejected'"),
    said('stock.confirmed', ({ checkoutId }) => String(checkoutId)),
  )
  compare('order', stored('order', 'SELECT customer_id, order_id FROM orders'), said('invoice.issued', ofOrder))
  compare(
    'payment',
    stored('payment', "SELECT customer_id, order_id FROM order_payments WHERE sequential = 1 AND status = 'succeeded'"),
    said('payment.confirmed', ofOrder),
  )
  compare(
    'refused payment',
    stored('payment', "SELECT customer_id, order_id FROM order_payments WHERE sequential = 1 AND status = 'declined'"),
    said('payment.failed', ofOrder),
  )
  compare(
    'shipment',
    stored('shipment', 'SELECT customer_id, order_id FROM shipments'),
    said('shipment.notification', (data) => (data['status'] === 'approved' ? ofOrder(data) : undefined)),
  )
  compare(
    'delivery',
    stored('shipment', "SELECT customer_id, order_id, package_id FROM packages WHERE status = 'delivered'"),
    said('delivery.notification', (data) => `${ofOrder(data)}/${String(data['packageId'])}`),
  )
  compare(
    'mark',
    stored('audit', 'SELECT tid, type, status FROM marks'),
    said('transaction.mark', ({ tid, type, status }) => `${String(tid)}/${String(type)}/${String(status)}`),
  )
  return wrong.invariant('every row has its events, and every event its row', `${number(count)} rows`)
}

/** Events of carts that are checkouts. */
export const CHECKOUTS = "dure_events WHERE type = 'cart.checked-out'"

/** Of each cart: its events have no gap, and what is kept beside them is what they come to. */
function carts({ rows }: Checked): Invariant {
  const wrong = findings()
  const found = new Map<string, { state: Cart; readonly states: string[]; readonly tids: string[] }>()
  for (const { stream_id, version, type, data } of rows(
    'cart',
    "SELECT * FROM dure_events WHERE stream = 'cart' ORDER BY position",
  )) {
    const of = entry(found, String(stream_id), () => ({ state: EMPTY, states: [], tids: [] }))
    const event = { type, data: JSON.parse(String(data)) } as Happened
    of.state = evolve(of.state, event)
    if (of.states.push(JSON.stringify(of.state)) !== version)
      wrong.add(`cart ${stream_id}: event ${version} is number ${of.states.length}`)
    if (event.type === 'cart.checked-out') of.tids.push(`${event.data.tid}/${version}`)
  }
  const beside = (sql: string): Map<string, string[]> =>
    new Map(
      Map.groupBy(rows('cart', sql), ({ customer_id }) => String(customer_id))
        .entries()
        .map(([id, all]) => [id, all.map(({ what }) => String(what))]),
    )
  const lines = beside(
    "SELECT customer_id, seller_id || '/' || product_id AS what FROM cart_lines ORDER BY seller_id, product_id",
  )
  const checkouts = beside("SELECT customer_id, tid || '/' || version AS what FROM cart_checkouts ORDER BY version")
  for (const [id, { state, states, tids }] of found) {
    const compare = (what: string, there: readonly string[] = [], made: readonly string[]): void => {
      if (there.join() !== made.join()) wrong.add(`cart ${id}: ${what} kept are ${there.join()}, by its events ${made.join()}`)
    }
    compare('lines', lines.get(id), state.lines.map(productOf))
    compare('checkouts', checkouts.get(id), tids)
    for (const kept of rows('cart', `SELECT version, state FROM dure_snapshots WHERE stream_id = '${id}'`))
      compare('snapshots', [String(kept['state'])], [states[Number(kept['version']) - 1] ?? 'none'])
  }
  for (const id of [...lines.keys(), ...checkouts.keys()]) if (!found.has(id)) wrong.add(`cart ${id} has rows and no event`)
  return wrong.invariant('carts are what their events come to', `${number(found.size)} carts`)
}

/** Money neither comes nor goes between two companies' books. */
function provider({ charges, facts: { orders, payments } }: Checked): Invariant {
  const wrong = findings()
  const invoices = new Map(orders.map((order) => [order.invoiceNumber, order]))
  for (const [key, { outcome, amount }] of charges) {
    const order = invoices.get(key)
    const payment = order && payments.get(order.key)
    if (order === undefined || payment === undefined) wrong.add(`invoice ${key} was charged and has no payment`)
    else if (outcome.status === 'succeeded' && payment.paid !== amount) {
      wrong.add(`invoice ${key}: the provider took ${money(amount)}, the order is paid with ${money(payment.paid)}`)
    } else if (outcome.status === 'declined' && payment.declinedValue !== amount) {
      wrong.add(`invoice ${key}: the provider declined ${money(amount)}, the order says ${money(payment.declinedValue)}`)
    }
  }
  for (const { invoiceNumber, key } of orders) if (!charges.has(invoiceNumber)) wrong.add(`order ${key} was never charged`)
  const taken = sum(charges.values(), ({ outcome, amount }) => (outcome.status === 'succeeded' ? amount : 0))
  return wrong.invariant(
    'what the provider took is what was paid',
    `${money(taken)} in ${number(charges.size)} charges = ${money(sum(payments.values(), ({ paid }) => paid))}`,
  )
}

function atRest({ rows, status }: Checked): Invariant {
  const wrong = findings()
  for (const { name } of CONTRACTS) {
    const [{ there } = { there: 0 }] = rows(name, "SELECT count(*) AS there FROM sqlite_schema WHERE name = 'dure_parked'")
    const [{ left } = { left: 0 }] = there === 0 ? [] : rows(name, 'SELECT count(*) AS left FROM dure_parked')
    if (left !== 0) wrong.add(`${name}: ${String(left)} messages are parked`)
  }
  for (const { service, outbox, inHand } of status.services) {
    // Rows that are delivered already may wait for the next transaction to take them out.
    if (outbox > 0) wrong.add(`${service}: ${outbox} events were not delivered`)
    if (inHand > 0) wrong.add(`${service}: ${inHand} in hand`)
  }
  for (const { group, topic, lag } of status.lag) if (lag > 0) wrong.add(`${group} is ${lag} behind on ${topic}`)
  return wrong.invariant('outboxes are empty, nothing is parked or in hand', `${number(CONTRACTS.length)} stores`)
}

/** A mark for each effect that may still come again, and no other. */
function inboxes({ rows, testimony: { effects } }: Checked): Invariant {
  const wrong = findings()
  let marks = 0
  for (const { name } of CONTRACTS) {
    const found = rows(name, 'SELECT consumer, count(*) AS marks FROM dure_inbox GROUP BY consumer')
    for (const { consumer, marks: kept } of found) {
      const effected = new Set(effects.get(String(consumer))?.map(({ id }) => id)).size
      marks += Number(kept)
      if (kept !== effected) wrong.add(`${String(consumer)} remembers ${String(kept)} of ${effected}`)
    }
  }
  return wrong.invariant('the inbox remembers what had its effect, and nothing more', `${number(marks)} marks`)
}
