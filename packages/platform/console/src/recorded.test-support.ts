/** A system as operators' contracts tell of it, made up: to look at pages with much on them, and at the largest traces. */

type Answer = (input: Readonly<Record<string, unknown>>) => unknown

export const SERVICES: readonly string[] = ['cart', 'order', 'stock', 'payment', 'shipment', 'product', 'customer', 'seller']

/** The beginning of what is told of. */
const NOW = Date.now()

/** Numbers that are the same each time. */
export function numbers(seed = 42): () => number {
  let state = seed
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return state / 2_147_483_648
  }
}

export type RecordedSpan = {
  readonly traceId: string
  readonly spanId: string
  readonly parentId?: string
  readonly name: string
  readonly kind: string
  readonly service: string
  readonly start: number
  readonly duration: number
  readonly failed: boolean
  readonly message?: string
  readonly attributes: Readonly<Record<string, string | number>>
  readonly resource: Readonly<Record<string, string>>
  readonly events: readonly unknown[]
  readonly links: readonly unknown[]
}

const hex = (value: number, length: number): string => Math.floor(value).toString(16).padStart(length, '0').slice(-length)
const OPERATIONS = [
  'reserve',
  'confirm',
  'charge',
  'prepare',
  'publish stock.reserved',
  'process order.placed',
  'INSERT',
  'transaction',
]

/** A trace of so many spans, as deep and as broad as those of a checkout are. */
export function spansOf(count: number, traceId: string = '4bf92f3577b34da6a3ce929d0e0e4736'): readonly RecordedSpan[] {
  const random = numbers(count)
  const open: { readonly id: string; readonly start: number; readonly end: number }[] = []
  return Array.from({ length: count }, (_, at): RecordedSpan => {
    while (open.length > 0 && (random() < 0.35 || open.length > 14)) open.pop()
    const above = at === 0 ? undefined : (open.at(-1) ?? { id: hex(1, 16), start: 0, end: count / 2 + 400 })
    const spanId = hex(at + 1, 16)
    const start = above === undefined ? 0 : above.start + random() * (above.end - above.start) * 0.5
    const end = above === undefined ? count / 2 + 400 : start + (above.end - start) * (0.3 + random() * 0.7)
    open.push({ id: spanId, start, end })
    const failed = random() < (count > 1_000 ? 0.002 : 0.05)
    const service = SERVICES[Math.floor(random() * SERVICES.length)]!
    return {
      ...{ traceId, spanId, ...(above && { parentId: above.id }), service, failed, start: NOW + start, duration: end - start },
      name: at === 0 ? 'POST /cart/{id}/checkout' : `${service}.${OPERATIONS[Math.floor(random() * OPERATIONS.length)]}`,
      kind: at === 0 ? 'server' : ['internal', 'client', 'producer', 'consumer'][Math.floor(random() * 4)]!,
      ...(failed && { message: 'The payment provider answered 503 <b>Service Unavailable</b>' }),
      attributes: {
        'rpc.system': 'dure',
        'messaging.message.conversation_id': 'c-1042',
        'dure.attempt': Math.ceil(random() * 3),
        'order.note': '<img src=x onerror=alert(1)>',
      },
      resource: { 'service.name': service, 'service.version': '1.4.2' },
      ...{ events: [], links: [] },
    }
  })
}

const edges = [
  ['rest', 'cart', 'call', 5210, 0],
  ['cart', 'product', 'call', 4120, 0],
  ['cart', 'stock', 'message', 880, 0],
  ['stock', 'order', 'message', 860, 0],
  ['order', 'payment', 'message', 850, 0],
  ['payment', 'order', 'message', 791, 0],
  ['payment', 'provider', 'call', 903, 112],
  ['order', 'shipment', 'message', 770, 0],
  ['payment', 'customer', 'message', 800, 0],
  ['shipment', 'seller', 'message', 765, 3],
  ['rest', 'order', 'call', 2041, 0],
].map(([from, to, by, times, failed]) => ({ from, to, by, times, failed }))

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

const lines = Array.from({ length: 300 }, (_, at) => ({
  ...{ id: `1-${300 - at}`, time: NOW - at * 700, service: SERVICES[at % SERVICES.length], severity: 9 },
  level: at % 23 === 0 ? 'error' : at % 11 === 0 ? 'warn' : at % 5 === 0 ? 'debug' : 'info',
  body:
    at % 23 === 0
      ? 'Payment of order 1042 failed: the provider answered 503'
      : at % 11 === 0
        ? 'Slow statement'
        : `Order ${1042 + at} was confirmed <script>alert(1)</script>`,
  ...{ traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: hex(at + 1, 16) },
  attributes: { 'order.id': 1042 + at },
  resource: { 'service.version': '1.4.2', 'host.name': 'shop-1' },
}))

const summaries = Array.from({ length: 60 }, (_, at) => ({
  ...{
    traceId: hex(at * 104_729 + 7, 8).repeat(4),
    start: NOW - at * 17_000,
    duration: 18 + ((at * 37) % 900),
    spans: 12 + (at % 20),
    failed: at % 9 === 0 ? 1 : 0,
  },
  ...{ service: 'rest', name: at % 2 === 0 ? 'POST /cart/{id}/checkout' : 'GET /order/{id}' },
  services: SERVICES.slice(0, 3 + (at % 5)).map((service) => ({ service, spans: 3 })),
}))

const exceptions = [
  {
    fingerprint: 'v1:9f2a61c4d1e07b33',
    type: 'TypeError',
    message: 'Cannot read properties of undefined (reading "zipCode")',
    groupedBy: 'TypeError in labelOf (shipment/label)',
    services: ['shipment'],
    first: NOW - 7_200_000,
    last: NOW - 40_000,
    firstVersion: '1.4.1',
    lastVersion: '1.4.2',
    times: 214,
  },
  {
    fingerprint: 'v1:00c1d2e3f4a5b697',
    type: 'ProviderError',
    message: 'The provider answered 503',
    groupedBy: 'ProviderError in charge (payment/charge)',
    services: ['payment'],
    first: NOW - 180_000,
    last: NOW - 2_000,
    firstVersion: '1.4.2',
    lastVersion: '1.4.2',
    times: 112,
  },
]

/** Answers by contract and operation. */
export const recorded: Readonly<Record<string, Readonly<Record<string, Answer>>>> = {
  health: {
    show: () => ({
      live: { ok: true, reasons: [] },
      ready: { ok: false, reasons: [] },
      startup: { ok: true, reasons: [] },
      services: SERVICES.map((service) => ({
        ...{ service, copy: service, state: 'running', live: true, ready: service !== 'payment' },
        reasons: service === 'payment' ? ['Its provider does not answer'] : [],
        warnings: service === 'stock' ? ['Settings may be old: the source has not answered for 3 min'] : [],
        dependencies: [
          { name: 'store', kind: 'sqlite', state: 'up', latency: 0.31 },
          ...(service === 'payment'
            ? [{ name: 'provider', kind: 'http', state: 'down', since: NOW - 130_000, reason: 'ECONNREFUSED' }]
            : []),
        ],
      })),
    }),
  },
  processes: {
    list: () => ({
      supervised: true,
      processes: [
        { name: 'front', pid: 4711, restarts: 0, members: ['cart', 'product', 'customer', 'doors'] },
        { name: 'back', pid: 4712, restarts: 2, members: ['order', 'stock', 'payment', 'shipment', 'seller', 'broker'] },
      ],
    }),
  },
  traces: {
    list: ({ failed }) => ({ traces: failed === true ? summaries.filter((one) => one.failed > 0) : summaries }),
    show: ({ traceId: trace }) => ({
      spans: spansOf(
        /^e{4}/.test(String(trace)) ? 0 : /^b{4}/.test(String(trace)) ? 100_000 : String(trace).startsWith('a') ? 60 : 80,
        String(trace),
      ),
    }),
    span: ({ traceId, spanId }) => spansOf(80, String(traceId)).find((one) => one.spanId === spanId),
    services: () => ({
      services: SERVICES.map((service) => ({ service, operations: OPERATIONS.map((name) => `${service}.${name}`) })),
    }),
    edges: () => ({ edges }),
  },
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
  logs: {
    search: ({ level, words }) => ({
      lines: lines.filter((one) => (level === undefined || one.level === level) && one.body.includes(String(words ?? ''))),
      next: '1-0',
    }),
    count: () => ({
      step: 60_000,
      slots: Array.from({ length: 60 }, (_, at) => ({
        time: NOW - (60 - at) * 60_000,
        lines: { debug: 10, info: 40 + ((at * 13) % 50), warn: at % 7, error: at > 40 && at < 48 ? 22 : at % 3 },
      })),
      complete: true,
    }),
    services: () => ({ services: SERVICES }),
    surrounding: () => ({ lines: lines.slice(0, 40) }),
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
  metrics: {
    names: () => ({
      metrics: [
        {
          name: 'rpc.server.call.duration',
          kind: 'histogram',
          unit: 's',
          help: 'How long calls take',
          series: 8,
          services: SERVICES,
        },
        {
          name: 'process.memory.usage',
          kind: 'gauge',
          unit: 'By',
          help: 'Memory of the process',
          series: 2,
          services: ['cart', 'order'],
        },
        {
          name: 'orders.placed',
          kind: 'counter',
          unit: '{order}',
          help: 'Orders that were placed',
          series: 3,
          services: ['order'],
        },
      ],
    }),
    series: ({ name }) => ({
      step: 10_000,
      complete: true,
      series: SERVICES.slice(0, 5).map((service, own) => ({
        ...{
          name,
          service,
          kind: name === 'process.memory.usage' ? 'gauge' : 'counter',
          unit: name === 'process.memory.usage' ? 'By' : '{order}',
          help: '',
          attributes: {},
        },
        points: Array.from({ length: 180 }, (_, at) => ({
          time: NOW - (180 - at) * 10_000,
          value:
            name === 'process.memory.usage'
              ? 9e7 + own * 1e7 + Math.sin(at / 9 + own) * 8e6
              : at * (40 + own * 9) + Math.sin(at / 12) * 100,
        })),
      })),
    }),
  },
  exceptions: {
    groups: () => ({ groups: exceptions }),
    show: ({ fingerprint }) => ({
      group: exceptions.find((one) => one.fingerprint === fingerprint),
      samples: [
        {
          time: NOW - 40_000,
          service: 'shipment',
          version: '1.4.2',
          type: 'TypeError',
          message: 'Cannot read properties of undefined',
          stack: 'TypeError: Cannot read\n    at labelOf (shipment/label.ts:31:14)',
          traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
          attributes: { 'order.id': 1042 },
        },
      ],
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
  builds: {
    list: () => ({
      builds: ['1.5.0', '1.4.0'].map((version, at) => ({
        ...{ version, services: SERVICES, first: NOW - (at + 2) * 36e5, last: NOW - at * 36e5, spans: 12_000 },
      })),
    }),
    compare: (asked) => ({
      ...asked,
      operations: SERVICES.map((service, at) => ({
        ...{ service, name: `${service}.work` },
        before: at === 1 ? { spans: 0, failed: 0 } : { spans: 900, failed: at, p50: 12, p99: 80 + at },
        after: at === 2 ? { spans: 0, failed: 0 } : { spans: 1_100, failed: 3 * at, p50: 12, p99: at === 3 ? 410 : 78 },
      })),
      errors: [
        {
          ...{ fingerprint: 'v1:9f2a61c4d1e07b33', type: 'TypeError', message: 'Cannot read properties of undefined' },
          ...{ groupedBy: 'own frames', services: ['shipment'], first: NOW, last: NOW, times: 17 },
          ...{ firstVersion: '1.5.0', lastVersion: '1.5.0' },
        },
      ],
      gone: [],
      edges: [{ from: 'order', to: 'mail', by: 'call', before: 0, after: 40 }],
    }),
  },
  story: {
    tell: ({ about }) =>
      String(about).startsWith('no') ? { ...STORY, messages: [], state: 'done', reasons: [] } : { ...STORY, about },
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
