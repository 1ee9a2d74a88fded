/** Calls and who is left out of them, sagas, operations, settings. */
import { type Answers, NOW, SERVICES } from './basis.test-support.ts'
import { edges } from './traces.test-support.ts'

/** What is asked of them. */
export const parts: Answers = {
  resilience: {
    show: () => ({
      peers: ['cart+product', 'order', 'doors'].map((from, at) => ({
        ...{ from, service: 'stock', waiting: 0, retriesLeft: 100 - 37 * at, retries: 63 * at, refused: 4 * at, ejections: at },
        instances: (['in', at === 1 ? 'out' : 'in', at === 2 ? 'probing' : 'in'] as const).map((health, n) => ({
          ...{ id: `${at}-${n}`, address: `unix:/run/shop/stock-${n}.sock`, health, pending: n, queued: 0 },
        })),
      })),
      calls: edges
        .filter(({ by }) => by === 'call')
        .map(({ from, to, failed }, at) => ({
          ...{
            copy: from,
            caller: from,
            service: to,
            operation: 'find',
            underWay: at,
            p50: 1.2 + at,
            p99: 18 + at * 9,
            policies: ['deadline', 'retry', 'breaker'],
          },
          ever: { callee: 1000, failed },
          lately: { callee: 120 + at * 10, failed: Number(failed) > 0 ? 44 : 0, breaker: Number(failed) > 0 ? 31 : 0 },
          ...(Number(failed) > 0
            ? { breaker: { state: 'OPEN', answered: 10, failed: 44, slow: 2, refused: 31, opened: 3 } }
            : { breaker: { state: 'CLOSED', answered: 120, failed: 0, slow: 0, refused: 0, opened: 0 } }),
        })),
    }),
  },
  settings: {
    show: () => ({
      entries: SERVICES.map((service) => ({
        key: `${service}.timeout`,
        value: 2_000,
        origin: 'file:settings.yaml',
        secret: false,
      })),
    }),
  },
  sagas: {
    list: () => ({
      instances: SERVICES.map((service, at) => saga(at, at === 2 ? 'paused' : at === 3 ? 'compensated' : 'completed', service)),
      silent: [],
    }),
    show: ({ id }) => ({
      ...saga(2, 'paused', 'order'),
      ...{ id, input: { orderId: id }, output: null, deadline: null },
      steps: [
        step(0, 'reserve', 'done', { undo: true, result: { left: 3 } }),
        step(1, 'authorize', 'undone', { undo: true, tries: 2 }),
        step(2, 'pay', 'refused', { error: '{"code":"CARD_DECLINED","message":"The card was declined"}' }),
        step(3, 'ship', 'begun', { ended: null, tries: 5 }),
        step(4, 'signed', 'waiting', { kind: 'signal', ended: null }),
      ],
      decisions: [{ at: NOW - 1_000, action: 'resume', by: 'ida', why: 'The provider is back' }],
    }),
    ...{ resume: () => ({ done: true }), skip: () => ({ done: true }), compensate: () => ({ done: true }) },
  },
  explorer: {
    contracts: () => [
      {
        ...{ name: 'order', version: '1.0.0', owner: 'team-checkout', external: false, events: [] },
        operations: [
          {
            ...{ name: 'find', kind: 'query', description: 'One order', errors: [{ code: 'ORDER_UNKNOWN', http: 404 }] },
            input: {
              type: 'object',
              properties: { orderId: { type: 'string' }, lines: { type: 'boolean' } },
              required: ['orderId'],
            },
            ...{ routes: ['GET /orders/{orderId}'], access: 'authenticated', scope: 'orders:read', authorize: false },
            ...{ idempotent: true, deadline: 5_000, deprecated: false },
          },
        ],
      },
    ],
    call: ({ input }) =>
      (input as { readonly orderId?: string }).orderId === '0'
        ? {
            ok: false,
            error: { code: 'ORDER_UNKNOWN', message: 'There is no order "0"', declared: true, data: { orderId: '0' } },
          }
        : { ok: true, value: { ...(input as object), state: 'paid' } },
  },
}

const saga = (at: number, state: string, todo: string): object => ({
  ...{ service: 'order', saga: 'checkout', id: `order-${at}`, version: 1, state, began: NOW - at * 9e4, todo },
  ...{ ended: state === 'paused' ? null : NOW, waits: null, due: null, failure: null, correlationId: `c-${at}` },
  reason: state === 'paused' ? 'Unknown error: the provider answered 500' : null,
})
const step = (position: number, name: string, state: string, more: object): object => ({
  ...{ position, name, state, kind: 'step', schema: '', undo: false, tries: 1, began: NOW - 1_000 + position * 90 },
  ...{ ended: NOW - 950 + position * 90, result: null, error: null },
  ...more,
})
