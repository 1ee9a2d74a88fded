/** Traces as the collector tells of them, as deep and as broad as those of checkouts. */
import { type Answers, hex, NOW, numbers, SERVICES } from './basis.test-support.ts'

type RecordedSpan = {
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
function spansOf(count: number, traceId: string = '4bf92f3577b34da6a3ce929d0e0e4736'): readonly RecordedSpan[] {
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

export const edges = [
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

/** What traces are asked. */
export const traces: Answers = {
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
}
