import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SqlRow } from 'dure/data'
import type { SystemStatus } from 'dure/service'
import type { Facts } from '../workload/facts.ts'
import { checkData } from './data.ts'
import { DATA } from './invariants.ts'
import type { Booked } from './provider.ts'
import type { Effect, Event } from '../witness/witness.ts'

type Case = {
  /** Rows by service and table. */
  readonly tables: Record<string, SqlRow[]>
  readonly events: Map<string, Map<string, Event[]>>
  readonly effects: Map<string, Effect[]>
  readonly charges: Map<string, Booked>
  readonly status: {
    services: { service: string; outbox: number; inHand: number }[]
    lag: { group: string; topic: string; lag: number }[]
  }
}

/** One order that was invoiced and paid; nothing else happened. */
function sound(): Case {
  const order = { customerId: 1, orderId: 1 }
  return {
    tables: {
      'order orders': [{ customer_id: 1, order_id: 1 }],
      'payment order_payments succeeded': [{ customer_id: 1, order_id: 1 }],
      'payment dure_inbox': [{ consumer: 'payment/invoice.issued', marks: 1 }],
      'payment sqlite_schema': [{ there: 1 }],
      'payment dure_parked': [{ left: 0 }],
      'audit marks': [{ tid: 't1', type: 'CUSTOMER_SESSION', status: 'SUCCESS' }],
    },
    events: new Map([
      ['invoice.issued', new Map([['order', [{ id: 'a', key: '1', data: order }]]])],
      ['payment.confirmed', new Map([['payment', [{ id: 'p', key: '1', data: order }]]])],
      [
        'transaction.mark',
        new Map([['shipment', [{ id: 'm', key: 't1', data: { tid: 't1', type: 'CUSTOMER_SESSION', status: 'SUCCESS' } }]]]),
      ],
      // Of no table's interest: two of one key, for their order.
      [
        'news',
        new Map([
          [
            'product',
            [
              { id: 'x', key: 'k', data: {} },
              { id: 'y', key: 'k', data: {} },
            ],
          ],
        ]),
      ],
    ]),
    effects: new Map([
      ['payment/invoice.issued', [{ id: 'a', position: 1 }]],
      [
        'cart/news',
        [
          { id: 'x', position: 1 },
          { id: 'y', position: 2 },
        ],
      ],
    ]),
    charges: new Map([['i1', { customerId: 1, amount: 500, outcome: { status: 'succeeded' }, asked: 1 }]]),
    status: { services: [{ service: 'payment', outbox: 0, inHand: 0 }], lag: [] },
  }
}

function check({ tables, events, effects, charges, status }: Case): Map<string, string | undefined> {
  const rows = (service: string, sql: string): readonly SqlRow[] => {
    const [, table = ''] = /FROM (\w+)/.exec(sql) ?? []
    const kind = /'(succeeded|declined)'/.exec(sql)?.[1]
    return tables[[service, table, kind].filter(Boolean).join(' ')] ?? []
  }
  const facts = {
    orders: [{ key: '1/1', invoiceNumber: 'i1' }],
    payments: new Map([['1/1', { succeeded: 1, declined: 0, paid: 500, vouchers: 0, declinedValue: 0 }]]),
  } as unknown as Facts
  const found = checkData({
    rows,
    status: status as unknown as SystemStatus,
    testimony: { events, effects, handled: effects },
    charges,
    facts,
  })
  assert.deepEqual(
    found.map(({ name }) => name),
    DATA,
  )
  return new Map(found.map(({ name, ok, detail }) => [name, ok ? undefined : detail]))
}

test('work of a queue is promised no order', () => {
  const seen = sound()
  const replies = ['x', 'y'].map((id) => ({ id, key: 'k', data: {} }))
  seen.events.set('payment.pay.reply.order', new Map([['payment', replies]]))
  seen.effects.set('order/payment.pay.reply', [
    { id: 'y', position: 1 },
    { id: 'x', position: 2 },
  ])
  assert.equal(check(seen).get(ORDER), undefined)
})

const ONCE = 'every event had each of its effects once'
const ORDER = 'consumers saw the events of a key in the order of their commits'
const ROWS = 'every row has its events, and every event its row'
const CARTS = 'carts are what their events come to'
const MONEY = 'what the provider took is what was paid'
const REST = 'outboxes are empty, nothing is parked or in hand'
const INBOX = 'the inbox remembers what had its effect, and nothing more'

/** Each doctors what was seen; the invariant named must notice, in these words. */
const CASES: readonly (readonly [what: string, name: string, detail: RegExp, change: (seen: Case) => unknown])[] = [
  ['an effect is lost', ONCE, /cart\/news: y never had/, ({ effects }) => effects.get('cart/news')!.pop()],
  [
    'an effect is doubled',
    ONCE,
    /x had its effect twice/,
    ({ effects }) => effects.get('cart/news')!.push({ id: 'x', position: 3 }),
  ],
  [
    'an effect has no event',
    ONCE,
    /z had an effect and/,
    ({ effects }) => effects.get('cart/news')!.push({ id: 'z', position: 3 }),
  ],
  [
    'two are handled the wrong way round',
    ORDER,
    /y of product, key k, came before/,
    ({ effects }) => effects.get('cart/news')!.splice(0, 2, { id: 'y', position: 1 }, { id: 'x', position: 2 }),
  ],
  ['an order is not announced', ROWS, /order 1\/1 has no event/, ({ events }) => events.delete('invoice.issued')],
  [
    'an order is announced twice',
    ROWS,
    /order 1\/1 was announced/,
    ({ events }) =>
      events
        .get('invoice.issued')!
        .get('order')!
        .push({ id: 'b', key: '1', data: { customerId: 1, orderId: 1 } }),
  ],
  [
    'a payment is announced and was not kept',
    ROWS,
    /payment 1\/1 was announced/,
    ({ tables }) => tables['payment order_payments succeeded']!.pop(),
  ],
  [
    'a mark is written and was never announced',
    ROWS,
    /mark t2\/.* has no event/,
    ({ tables }) => tables['audit marks']!.push({ tid: 't2', type: 'PRICE_UPDATE', status: 'SUCCESS' }),
  ],
  [
    'a line is kept of a cart to which nothing has happened',
    CARTS,
    /cart 1 has rows and no event/,
    ({ tables }) => (tables['cart cart_lines'] = [{ customer_id: 1, what: '1/1' }]),
  ],
  [
    'an event of a cart is not there',
    CARTS,
    /cart 1: event 2 is number 1/,
    ({ tables }) => (tables['cart dure_events'] = [{ stream_id: '1', version: 2, type: 'cart.emptied', data: '{}' }]),
  ],
  [
    'a snapshot is not what its events come to',
    CARTS,
    /cart 1: snapshots kept are .*999.*, by its events/,
    ({ tables }) => {
      tables['cart dure_events'] = [{ stream_id: '1', version: 1, type: 'cart.emptied', data: '{}' }]
      tables['cart dure_snapshots'] = [{ version: 1, state: '{"lines":[999]}' }]
    },
  ],
  [
    'the provider took another amount',
    MONEY,
    /took 4.00, the order is paid with 5.00/,
    ({ charges }) => charges.set('i1', { ...charges.get('i1')!, amount: 400 }),
  ],
  ['the provider was never asked', MONEY, /1\/1 was never charged/, ({ charges }) => charges.clear()],
  ['the provider charged what nobody ordered', MONEY, /i2 was charged/, ({ charges }) => charges.set('i2', charges.get('i1')!)],
  [
    'the provider declined what is paid',
    MONEY,
    /declined 5.00, the order says 0.00/,
    ({ charges }) => charges.set('i1', { ...charges.get('i1')!, outcome: { status: 'declined', reason: '' } }),
  ],
  [
    'a message stays parked',
    REST,
    /payment: 1 messages are parked/,
    ({ tables }) => (tables['payment dure_parked'] = [{ left: 1 }]),
  ],
  ['an event was not delivered', REST, /payment: 1 events/, ({ status }) => (status.services[0]!.outbox = 1)],
  ['something is in hand', REST, /payment: 2 in hand/, ({ status }) => (status.services[0]!.inHand = 2)],
  [
    'a consumer is behind',
    REST,
    /cart\/news is 3 behind/,
    ({ status }) => status.lag.push({ group: 'cart/news', topic: 'news', lag: 3 }),
  ],
  [
    'the inbox forgot',
    INBOX,
    /remembers 0 of 1/,
    ({ tables }) => (tables['payment dure_inbox'] = [{ consumer: 'payment/invoice.issued', marks: 0 }]),
  ],
]

test('an order that was invoiced and paid once is sound', () => {
  const seen = sound()
  for (const [name, wrong] of check(seen)) assert.equal(wrong, undefined, name)
})

for (const [what, name, detail, change] of CASES) {
  test(`noticed: ${what}`, () => {
    const seen = sound()
    change(seen)
    assert.match(check(seen).get(name) ?? 'nothing', detail)
  })
}

test('everything that is checked is broken by some case', () => {
  assert.deepEqual([...new Set(CASES.map(([, name]) => name))], DATA)
})
