import { findings, number, sum, type Invariant } from './finding.ts'
import type { Facts, MarkFact, Observed } from './facts.ts'
import { isPaid } from './statuses.ts'

/** Every transaction that was accepted ended, once, and left what its end says. */
export function checkTransactions(facts: Facts, observed: Observed): Invariant[] {
  const { acceptedCheckouts, acceptedUpdates } = observed
  return [
    ordersEnded(facts),
    ...(acceptedCheckouts.size > 0
      ? [linesKept(observed), acceptedEnded(facts, observed), acceptedAccounted(facts, observed)]
      : []),
    ...(acceptedUpdates.size > 0 ? [updatesEnded(facts, observed)] : []),
    ...(observed.deliveredBefore === undefined ? [] : [deliveriesKept(facts, observed)]),
    nothingDead(facts),
  ]
}

/** Whether observed or not: an order belongs to one checkout, and the checkout ended once, as the order says. */
function ordersEnded({ orders, marks }: Facts): Invariant {
  const wrong = findings()
  const seen = new Set<string>()
  for (const { key, tid, status } of orders) {
    if (seen.has(tid)) wrong.add(`transaction ${tid} made order ${key} and another`)
    seen.add(tid)
    const ends = marks.get(tid) ?? []
    const wanted = isPaid(status) ? 'SUCCESS' : 'NOT_ACCEPTED'
    if (ends.length !== 1 || ends[0]!.status !== wanted)
      wrong.add(`order ${key} is ${status}, its transaction ${tid} ${said(ends)}`)
  }
  for (const [tid, ends] of marks) {
    const success = ends.some(({ type, status }) => type === 'CUSTOMER_SESSION' && status === 'SUCCESS')
    if (success && !seen.has(tid)) wrong.add(`transaction ${tid} succeeded without an order`)
  }
  return wrong.invariant(
    'one order and one mark per checkout',
    `${number(orders.length)} orders, ${number(marks.size)} transactions marked`,
  )
}

function linesKept({ shortCheckouts, acceptedCheckouts }: Observed): Invariant {
  const wrong = findings()
  for (const what of shortCheckouts) wrong.add(`checkout ${what}`)
  return wrong.invariant('every line acknowledged is in its checkout', `${number(acceptedCheckouts.size)} checkouts`)
}

function deliveriesKept({ shipments }: Facts, { deliveredBefore = 0, delivered, unknownDeliveries }: Observed): Invariant {
  const wrong = findings()
  const since = sum(shipments, (shipment) => shipment.delivered) - deliveredBefore
  if (since < delivered) wrong.add('acknowledged deliveries are missing')
  else if (since > delivered && unknownDeliveries === 0) wrong.add('more was delivered than was asked for')
  return wrong.invariant(
    'packages delivered = deliveries acknowledged',
    unknownDeliveries === 0
      ? `${number(since)} = ${number(delivered)}`
      : `${number(since)} ≥ ${number(delivered)}, ${number(unknownDeliveries)} deliveries got no answer`,
  )
}

function acceptedEnded({ marks }: Facts, { acceptedCheckouts, unknown }: Observed): Invariant {
  const wrong = findings()
  for (const tid of acceptedCheckouts) {
    const ends = marks.get(tid) ?? []
    if (ends.length !== 1) wrong.add(`checkout ${tid} ${said(ends)}`)
  }
  for (const tid of unknown) {
    const ends = marks.get(tid) ?? []
    if (ends.length > 1) wrong.add(`checkout ${tid}, which got no answer, ${said(ends)}`)
  }
  return wrong.invariant(
    'every accepted checkout ended in one mark',
    `${number(acceptedCheckouts.size)} accepted, ${number(unknown.size)} without an answer`,
  )
}

function acceptedAccounted({ orders, marks }: Facts, { acceptedCheckouts }: Observed): Invariant {
  const wrong = findings()
  const ordered = new Map<string, number>()
  for (const { tid } of orders) if (acceptedCheckouts.has(tid)) ordered.set(tid, (ordered.get(tid) ?? 0) + 1)
  let made = 0
  let refused = 0
  let aborted = 0
  for (const tid of acceptedCheckouts) {
    const count = ordered.get(tid) ?? 0
    const end = marks.get(tid)?.[0]
    made += count
    if (count === 0 && end?.status === 'NOT_ACCEPTED') refused++
    else if (count === 0 && end) aborted++
    if (count > 1) wrong.add(`checkout ${tid} made ${count} orders`)
    else if (count === 0 && end === undefined) wrong.add(`checkout ${tid} left nothing`)
    else if (count === 0 && end?.status === 'SUCCESS') wrong.add(`checkout ${tid} succeeded without an order`)
  }
  if (made + refused + aborted !== acceptedCheckouts.size) wrong.add(`the sum is ${made + refused + aborted}`)
  return wrong.invariant(
    'accepted = orders made + not accepted + aborted',
    `${number(acceptedCheckouts.size)} = ${number(made)} + ${number(refused)} + ${number(aborted)}`,
  )
}

function updatesEnded({ marks }: Facts, { acceptedUpdates }: Observed): Invariant {
  const wrong = findings()
  for (const tid of acceptedUpdates) {
    const ends = marks.get(tid) ?? []
    if (ends.length !== 1 || ends[0]!.status !== 'SUCCESS') wrong.add(`update ${tid} ${said(ends)}`)
  }
  return wrong.invariant('every accepted update ended in one mark', `${number(acceptedUpdates.size)} accepted`)
}

function nothingDead({ deadLetters }: Facts): Invariant {
  return { name: 'no dead letters', ok: deadLetters === 0, detail: number(deadLetters) }
}

function said(ends: readonly MarkFact[]): string {
  if (ends.length === 0) return 'never ended'
  return `ended ${ends.length === 1 ? 'in' : `${ends.length} times in`} ${ends.map(({ status, source }) => `${status} (${source})`).join(', ')}`
}
