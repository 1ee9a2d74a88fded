/** What is seen of a system beside its traces: health, logs, metrics, exceptions. */
import { type Answers, hex, NOW, SERVICES } from './basis.test-support.ts'

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

/** What is asked of them. */
export const observed: Answers = {
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
}
