import type { Effects } from '../witness/effects.ts'
import type { Facts, Observed } from '../workload/facts.ts'
import type { TrackedUpdate, UpdateHistory } from '../workload/anomalies.ts'
import { cents } from '../workload/facts.ts'
import { isPaid } from '../workload/statuses.ts'

/** The payment provider's own books; the amount is in cents. */
export type ProviderBooks = { readonly charges: number; readonly succeeded: number; readonly amount: number }

export type Verdict = {
  /** What was acknowledged and is not there. */
  readonly lost: readonly string[]
  /** What was asked for once and is there twice. */
  readonly doubled: readonly string[]
  /** Every event at every one of its consumers; undefined where no store has a witness. */
  readonly effects: Effects | undefined
}

/** Holds what was acknowledged against what there is, after everything has become quiet. */
export function judge(options: {
  facts: Facts
  observed: Observed
  updates: UpdateHistory
  books: ProviderBooks
  effects: Effects | undefined
}): Verdict {
  const { facts, observed, effects } = options
  const lost: string[] = [...observed.shortCheckouts.map((what) => `checkout ${what}`), ...(effects?.lost ?? [])]
  const doubled: string[] = [...(effects?.doubled ?? [])]
  const paid = facts.orders.filter(({ status }) => isPaid(status))

  const orders = countBy(facts.orders, ({ tid }) => tid)
  for (const tid of observed.acceptedCheckouts) {
    const ends = facts.marks.get(tid) ?? []
    if (ends.length === 0) lost.push(`checkout ${tid} was acknowledged and never ended`)
    const success = ends.some(({ status }) => status === 'SUCCESS')
    if (success && !orders.has(tid)) lost.push(`checkout ${tid} succeeded and its order is not there`)
  }
  for (const tid of observed.acceptedUpdates)
    if (!facts.marks.has(tid)) lost.push(`update ${tid} was acknowledged and never ended`)
  for (const [key, history] of options.updates) {
    const product = facts.products.get(key)
    if (!product || !reached(history, product)) lost.push(`the last acknowledged update of product ${key} is not there`)
  }
  const delivered = facts.shipments.reduce((sum, shipment) => sum + shipment.delivered, 0) - (observed.deliveredBefore ?? 0)
  if (delivered < observed.delivered) lost.push(`${observed.delivered} deliveries were acknowledged, ${delivered} are there`)

  for (const [tid, count] of orders) if (count > 1) doubled.push(`checkout ${tid} made ${count} orders`)
  for (const [tid, ends] of facts.marks) if (ends.length > 1) doubled.push(`transaction ${tid} ended ${ends.length} times`)
  const shipments = countBy(facts.shipments, ({ order }) => order)
  for (const [order, count] of shipments) if (count > 1) doubled.push(`order ${order} has ${count} shipments`)
  for (const { key } of paid) if (!shipments.has(key)) lost.push(`order ${key} is paid and has no shipment`)
  for (const { key, invoice, incentive } of facts.orders) {
    const payment = facts.payments.get(key)
    if (!payment) continue
    const more = payment.paid > invoice || payment.vouchers > incentive || payment.declined > 1
    if (more || (payment.succeeded > 0 && payment.declined > 0)) doubled.push(`order ${key} has more than one payment`)
  }
  if (observed.unknownDeliveries === 0 && delivered > observed.delivered) {
    doubled.push(`${observed.delivered} deliveries were asked for, ${delivered} are there`)
  }
  checkBooks(options, lost, doubled)
  return { lost, doubled, effects }
}

/** Outside, too, everything must have happened once: the provider charged what was invoiced, order by order. */
function checkBooks({ facts, books }: { facts: Facts; books: ProviderBooks }, lost: string[], doubled: string[]): void {
  const orders = facts.payments.size
  if (books.charges > orders) doubled.push(`the provider made ${books.charges} charges for ${orders} orders`)
  if (books.charges < orders) lost.push(`the provider made ${books.charges} charges for ${orders} orders`)
  const invoiced = facts.orders.reduce((sum, { status, invoice }) => sum + (isPaid(status) ? invoice : 0), 0)
  if (books.amount > invoiced) doubled.push(`the provider charged ${books.amount} cents of ${invoiced} invoiced`)
  if (books.amount < invoiced) lost.push(`the provider charged ${books.amount} cents of ${invoiced} invoiced`)
}

/** Whether a product is where its last acknowledged update left it, or where a later one did that got no answer. */
function reached(history: readonly TrackedUpdate[], product: { readonly price: number; readonly version: string }): boolean {
  const last = history.findLastIndex(({ done }) => Number.isFinite(done))
  return (
    last < 0 ||
    history.some(({ version, price }, i) => i >= last && version === product.version && cents(price) === product.price)
  )
}

function countBy<T>(list: readonly T[], of: (item: T) => string): Map<string, number> {
  const counts = new Map<string, number>()
  for (const item of list) counts.set(of(item), (counts.get(of(item)) ?? 0) + 1)
  return counts
}
