/** Messages: topics, dead letters, and the story of an order. */
import { type Answers, hex, NOW, SERVICES } from './basis.test-support.ts'

const message = (id: number): Readonly<Record<string, unknown>> => ({
  ...{ id: `m-${id}`, source: 'order', type: 'payment.requested', key: `order-${id}`, time: NOW - id * 91_000, schemaVersion: 1 },
  ...{
    correlationId: `c-${id}`,
    traceparent: `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`,
    topic: 'payment.requested',
  },
})
const letters = Array.from({ length: 37 }, (_, at) => ({
  ...{
    id: `letter-${hex(at * 7_919 + 11, 8)}`,
    kind: 'topic',
    consumer: at % 3 === 0 ? 'payment/payment.requested' : 'shipment/invoice.issued',
  },
  ...{
    group: at % 3 === 0 ? 'g1' : 'g2',
    attempts: 10,
    held: at % 4,
    edits: 0,
    firstFailure: NOW - 3_600_000,
    lastFailure: NOW - at * 60_000,
  },
  error:
    at % 3 === 0
      ? 'CallError: UNAVAILABLE: The payment provider does not answer'
      : 'TypeError: Cannot read properties of undefined (reading "zipCode")',
  message: message(at),
}))
const groups = ['g1', 'g2'].map((group) => {
  const own = letters.filter((one) => one.group === group)
  const { kind, consumer, error, firstFailure, lastFailure } = own[0]!
  return {
    id: group,
    kind,
    consumer,
    error,
    firstFailure,
    lastFailure,
    topic: 'payment.requested',
    count: own.length,
    held: 12,
    example: own[0]!.id,
  }
})

/** What is asked of them. */
export const messages: Answers = {
  letters: {
    groups: () => ({ groups, silent: [] }),
    list: ({ group, ids }) => ({
      letters: letters.filter(
        (one) => (group === undefined || one.group === group) && (ids === undefined || (ids as string[]).includes(one.id)),
      ),
      silent: [{ service: 'seller' }],
    }),
    show: ({ id }) => {
      const found = letters.find((one) => one.id === id)!
      const data = JSON.stringify({
        orderId: 1042,
        customer: { name: 'Ada <b>Kim</b>' },
        total: 40_000,
        items: [{ productId: 7, quantity: 2 }],
      })
      const changes = [{ at: NOW - 60_000, action: 'retry', by: 'ida', reason: 'the provider is back' }]
      return {
        ...found,
        message: { ...found.message, data },
        detail: `${found.error}\n    at charge (payment/charge.ts:12:9)`,
        behind: [],
        changes,
      }
    },
    edit: ({ id }) => ({ id }),
    retry: ({ ids }) => ({ count: (ids as string[]).length, silent: [] }),
    discard: ({ ids }) => ({ count: (ids as string[]).length, silent: [] }),
  },
  topics: {
    list: () =>
      ['order.placed', 'payment.requested', 'stock.reserved', 'shipment.sent'].map((topic, at) => ({
        ...{ topic, partitions: 8, events: [{ service: SERVICES[at + 1], event: topic, version: 1 }] },
        groups: ['payment', 'customer'].map((group) => ({
          ...{ group, lag: at === 1 ? 1_204 : 0, lost: 0, members: 1, since: at === 1 ? NOW - 184_000 : undefined },
          partitions: [{ partition: 0, lag: at === 1 ? 1_204 : 0 }],
        })),
      })),
    lag: () => ({
      consumers: [{ consumer: 'payment/payment.requested', topic: 'payment.requested', waiting: 12, deadLetters: 13, held: 4 }],
      outboxes: [],
      retained: [],
      silent: [],
    }),
    browse: () => ({
      messages: Array.from({ length: 40 }, (_, at) => ({
        partition: at % 8,
        position: String(at),
        message: { ...message(at), data: JSON.stringify({ orderId: at, total: at * 100 }) },
      })),
      more: false,
    }),
    publish: () => ({ id: 'm-1', topic: 'order.placed', key: '1' }),
  },
  story: {
    tell: ({ about }) =>
      String(about).startsWith('no') ? { ...STORY, messages: [], state: 'done', reasons: [] } : { ...STORY, about },
  },
}

const reaction = (consumer: string, state: string, at: number, more: object = {}): object => ({
  ...{ consumer, service: consumer.split('/')[0], state, time: NOW + at, attempts: 1, decisions: [], calls: [] },
  ...more,
})
const told = (id: number, source: string, type: string, at: number, reactions: readonly object[]): object => ({
  ...{
    id: `m-${id}`,
    type,
    source,
    key: 'order-1042',
    time: NOW + at,
    schemaVersion: 1,
    correlationId: 'c-1042',
    state: 'sent',
    kind: 'topic',
  },
  ...{
    data: { orderId: 1042, customer: { name: '(hidden)' }, total: 40_000 },
    traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
    reactions,
  },
})
const STORY = {
  ...{ system: 'marketplace', about: '1042', state: 'failed', correlationIds: ['c-1042'], began: NOW, ended: NOW + 4_210 },
  reasons: [
    'shipment/invoice.issued: dead after 10 attempts: TypeError: Cannot read properties of undefined (reading "zipCode")',
  ],
  messages: [
    told(1, 'cart', 'reserve.stock', 0, [reaction('stock/reserve.stock', 'done', 12)]),
    told(2, 'stock', 'stock.confirmed', 13, [reaction('order/stock.confirmed', 'done', 31)]),
    told(3, 'order', 'invoice.issued', 32, [
      reaction('payment/invoice.issued', 'retrying', 1_900, {
        attempts: 3,
        next: 4_000,
        error: 'The payment provider answered 503',
      }),
      reaction('shipment/invoice.issued', 'dead', 4_210, {
        attempts: 10,
        letter: 'letter-0000000b',
        error: 'TypeError: Cannot read properties of undefined (reading "zipCode")',
      }),
      reaction('customer/invoice.issued', 'held', 40),
    ]),
  ],
  sagas: [],
  choreographies: [
    {
      service: 'order',
      choreography: 'checkout',
      key: 'order-1042',
      ended: false,
      path: [],
      missing: [{ event: 'payment.confirmed', since: NOW - 60_000, late: true }],
    },
  ],
  ...{ spans: [], cutOff: [], unseen: ['seller did not answer: its process is gone'] },
}
