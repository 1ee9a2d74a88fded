import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answering, soundAnswers, type Answers, type Item } from './answers.test-support.ts'
import { NOTHING_OBSERVED, type Observed } from './facts.ts'
import { gatherFacts } from './gather.ts'
import { checkInvariants, describeInvariant, type Invariant } from './invariants.ts'

const observed: Observed = {
  suppliedBefore: 200,
  acceptedCheckouts: new Set(['t1', 't2', 't3', 't4']),
  acceptedUpdates: new Set(['v1']),
  unknown: new Set(['t9']),
  deliveredBefore: 0,
  delivered: 2,
  unknownDeliveries: 0,
  shortCheckouts: [],
  dashboards: [],
}

async function check(change: (answers: Answers) => void = () => {}, seen: Observed = observed): Promise<Invariant[]> {
  const answers = soundAnswers()
  change(answers)
  return checkInvariants(await gatherFacts(answering(answers)), seen)
}

const item = (answers: Answers, path: string, i = 0): Item => (answers[path] as Item[])[i]!
const list = (answers: Answers, path: string): Item[] => answers[path] as Item[]
const one = (answers: Answers, path: string): Item => answers[path] as Item

test('a sound marketplace keeps every invariant, observed or not', async () => {
  for (const seen of [observed, NOTHING_OBSERVED]) {
    for (const invariant of await check(undefined, seen)) assert.ok(invariant.ok, describeInvariant(invariant))
  }
})

test('every invariant is broken by some case below', async () => {
  const names = (await check()).map(({ name }) => name)
  assert.equal(new Set(names).size, names.length)
  assert.deepEqual(
    names.toSorted(),
    [...new Set([...cases.map(([, name]) => name), 'every line acknowledged is in its checkout'])].toSorted(),
  )
})

/** Each case doctors one answer; the invariant named must be among those that notice, with the words given. */
const cases: readonly [what: string, name: string, detail: RegExp, change: (answers: Answers) => void][] = [
  [
    'a piece is lost from stock',
    'available + sold = initial',
    /96 \+ 3 is not 100/,
    (a) => (item(a, '/stock')['qtyAvailable'] = 96),
  ],
  [
    'supply appears from nowhere',
    'available + sold = initial',
    /200 were supplied/,
    (a) => Object.assign(item(a, '/stock'), { qtyAvailable: 98, qtyInitial: 101 }),
  ],
  [
    'stock sold what nobody ordered',
    'stock sold = pieces in paid orders',
    /stock sold 4, paid orders hold 3/,
    (a) => Object.assign(item(a, '/stock'), { qtyAvailable: 96, ytd: 4 }),
  ],
  ['something stays reserved', 'nothing stays reserved', /1\/2: 5 reserved/, (a) => (item(a, '/stock', 1)['qtyReserved'] = 5)],
  [
    'stock missed a replacement',
    'stock versions = product versions',
    /version 0 in stock, v1 offered/,
    (a) => (item(a, '/stock', 1)['version'] = '0'),
  ],
  ['a product has no stock', 'stock versions = product versions', /1\/2 has no stock/, (a) => void list(a, '/stock').pop()],
  ['carts missed a price', "carts' replicas = products", /carts see 0 at 900/, (a) => (item(a, '/cart/replicas')['price'] = 9)],
  ['carts miss a product', "carts' replicas = products", /1\/2 is unknown to carts/, (a) => void list(a, '/cart/replicas').pop()],
  [
    'an order number is skipped',
    'order numbers without holes',
    /2 orders, the last is number 3/,
    (a) => (item(a, '/orders', 1)['orderId'] = 3),
  ],
  [
    'an order is there twice',
    'order numbers without holes',
    /is there twice/,
    (a) => void list(a, '/orders').push(item(a, '/orders')),
  ],
  [
    'an invoice does not add up',
    'invoice = items - vouchers + freight',
    /is not 31.30/,
    (a) => (item(a, '/orders')['totalInvoice'] = 31.3),
  ],
  [
    'a voucher was not booked',
    'payments = invoice + vouchers',
    /paid 30.30 and 0.00/,
    (a) => void list(a, '/payments').splice(1, 1),
  ],
  [
    'a payment was doubled',
    'payments = invoice + vouchers',
    /paid 60.60/,
    (a) => void list(a, '/payments').push(item(a, '/payments')),
  ],
  [
    'an order was never paid or refused',
    'payments = invoice + vouchers',
    /still INVOICED/,
    (a) => (item(a, '/orders', 1)['status'] = 'INVOICED'),
  ],
  [
    'a payment has no order',
    'payments = invoice + vouchers',
    /which does not exist/,
    (a) => void list(a, '/payments').push({ ...item(a, '/payments'), orderId: 9 }),
  ],
  [
    'a paid order was not shipped',
    'one shipment per paid order',
    /1\/1 \(IN_TRANSIT\) has 0/,
    (a) => void list(a, '/shipments').shift(),
  ],
  [
    'a paid order was shipped twice',
    'one shipment per paid order',
    /has 2 shipments/,
    (a) => void list(a, '/shipments').push(item(a, '/shipments')),
  ],
  [
    'an unpaid order was shipped',
    'one shipment per paid order',
    /\(PAYMENT_FAILED\) has 1/,
    (a) => void list(a, '/shipments').push({ ...item(a, '/shipments'), orderId: 2 }),
  ],
  [
    'a package is missing',
    'one shipment per paid order',
    /2 lines, 1 packages/,
    (a) => (item(a, '/shipments')['packageCount'] = 1),
  ],
  [
    'the order does not know of its delivery',
    'order status = shipment status',
    /order 2\/1 is IN_TRANSIT/,
    (a) => (item(a, '/orders', 2)['status'] = 'IN_TRANSIT'),
  ],
  [
    'a shipment is not concluded',
    'order status = shipment status',
    /approved with 1 of 1/,
    (a) => (item(a, '/shipments', 1)['status'] = 'approved'),
  ],
  [
    'a customer counted a payment twice',
    'success + failed counts = orders with payment',
    /counted 2 \+ 0, orders say 1 \+ 0/,
    (a) => (item(a, '/customers', 1)['successPaymentCount'] = 2),
  ],
  [
    'a customer nobody knows was not counted',
    'success + failed counts = orders with payment',
    /3 orders have a payment/,
    (a) => (one(a, '/customers/totals')['successPayments'] = 1),
  ],
  [
    'a delivery was not counted',
    "packages delivered = customers' delivery counts",
    /customer 2 counted 0, 1 were delivered/,
    (a) => (item(a, '/customers', 1)['deliveryCount'] = 0),
  ],
  [
    'an order was shipped before it was paid',
    'payment before shipment',
    /shipped .* paid/,
    (a) => (item(a, '/shipments')['requestDate'] = '2026-01-01T11:00:00.000Z'),
  ],
  [
    'a paid order has no date of payment',
    'payment before shipment',
    /without a date/,
    (a) => void delete item(a, '/orders')['paymentDate'],
  ],
  [
    'a history is out of order',
    'payment before shipment',
    /went INVOICED, READY/,
    (a) => void item(a, '/order/2')['history'].splice(1, 1),
  ],
  [
    'a seller misses a line',
    "sellers' entries = orders' lines",
    /2 lines, sellers see 1/,
    (a) => void list(a, '/sellers/entries').shift(),
  ],
  [
    'a seller missed a payment',
    "sellers' entries = orders' lines",
    /sellers see INVOICED/,
    (a) => (item(a, '/sellers/entries', 3)['orderStatus'] = 'INVOICED'),
  ],
  [
    'a seller waits for an order',
    "sellers' entries = orders' lines",
    /1 notices/,
    (a) => (one(a, '/sellers/totals')['early'] = 1),
  ],
  [
    'a dashboard contradicts itself',
    'dashboard parts agree',
    /items 3030 in the view, 1030/,
    (a) => void one(a, '/seller/dashboard/1')['orderEntries'].shift(),
  ],
  [
    'a checkout ended twice',
    'every accepted checkout ended in one mark',
    /t3 ended 2 times/,
    (a) => void list(a, '/marks/list').push(item(a, '/marks/list', 2)),
  ],
  [
    'a checkout never ended',
    'every accepted checkout ended in one mark',
    /t4 never ended/,
    (a) => void list(a, '/marks/list').splice(3, 1),
  ],
  [
    'a checkout left nothing',
    'accepted = orders made + not accepted + aborted',
    /t4 left nothing/,
    (a) => void list(a, '/marks/list').splice(3, 1),
  ],
  [
    'a checkout made two orders',
    'one order and one mark per checkout',
    /made order .* and another/,
    (a) => (item(a, '/orders', 1)['instanceId'] = 't1'),
  ],
  [
    'success without an order',
    'one order and one mark per checkout',
    /t4 succeeded without/,
    (a) => (item(a, '/marks/list', 3)['status'] = 'SUCCESS'),
  ],
  [
    'an update never ended',
    'every accepted update ended in one mark',
    /v1 never ended/,
    (a) => void list(a, '/marks/list').pop(),
  ],
  [
    'an acknowledged delivery is lost',
    'packages delivered = deliveries acknowledged',
    /1 = 2; 1 wrong: acknowledged deliveries are missing/,
    (a) => (item(a, '/shipments')['deliveredCount'] = 0),
  ],
  [
    'more was delivered than was asked for',
    'packages delivered = deliveries acknowledged',
    /3 = 2/,
    (a) => (item(a, '/shipments')['deliveredCount'] = 2),
  ],
  ['a letter is dead', 'no dead letters', /^1$/, (a) => (one(a, '/status')['services'][0].dead = 1)],
]

for (const [what, name, detail, change] of cases) {
  test(`noticed: ${what}`, async () => {
    const broken = (await check((answers) => void change(answers))).filter(({ ok }) => !ok)
    const found = broken.find((invariant) => invariant.name === name)
    assert.ok(found, `"${name}" held; broken: ${broken.map(describeInvariant).join('\n')}`)
    assert.match(found.detail, detail)
  })
}

test('noticed: a checkout without an answer happened twice, a dashboard was torn under load', async () => {
  const doubled = await check((a) => {
    for (const position of [6, 7]) list(a, '/marks/list').push({ ...item(a, '/marks/list', 3), position, tid: 't9' })
  })
  assert.match(doubled.find(({ name }) => name.startsWith('every accepted checkout'))!.detail, /t9, which got no answer, ended 2/)
  const short = await check(undefined, { ...observed, shortCheckouts: ['t1 holds 1 of 2 lines'] })
  assert.match(short.find(({ ok }) => !ok)!.detail, /t1 holds 1 of 2/)
  const unanswered = { ...observed, delivered: 1, unknownDeliveries: 1 }
  assert.ok(
    (await check(undefined, unanswered)).every(({ ok }) => ok),
    'a delivery without an answer explains a package more',
  )
  const sums = { orders: 1, lines: 1, amount: 1, freight: 1, incentive: 1, invoice: 1, items: 1 }
  const torn = { seller: 7, view: sums, entries: { ...sums, lines: 2 } }
  const broken = (await check(undefined, { ...observed, dashboards: [torn] })).filter(({ ok }) => !ok)
  assert.deepEqual(
    broken.map(({ name }) => name),
    ['dashboard parts agree under load'],
  )
})

test('an answer that does not keep its contract, and a list without end, are errors, not findings', async () => {
  await assert.rejects(
    check((a) => void delete item(a, '/stock')['qtyReserved']),
    /\/stock.*does not keep the contract/s,
  )
  const get = answering(soundAnswers())
  await assert.rejects(
    gatherFacts((path) => (path.startsWith('/products') ? Promise.resolve({ items: [], next: 'x' }) : get(path))),
    /does not end/,
  )
})
