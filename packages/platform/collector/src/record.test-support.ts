/** Records for tests: what is said, and plain values for the rest. */
import type { Batch, ExceptionRecord, LogRecord, MetricRecord, SpanRecord } from './record.ts'

/** A moment that tests share. */
export const NOW = 1_790_000_000_000

export const batch = (some: Partial<Batch>): Batch => ({ logs: [], spans: [], metrics: [], exceptions: [], ...some })

export const log = (some: Partial<LogRecord>): LogRecord => ({
  ...{
    time: NOW,
    severity: 9,
    service: 'orders',
    body: 'Said something',
    attributes: {},
    resource: { 'service.name': 'orders' },
  },
  ...some,
})

export const span = (some: Partial<SpanRecord>): SpanRecord => ({
  ...{ traceId: 'a1'.repeat(16), spanId: 'b1'.repeat(8), name: 'orders.place', kind: 'server', service: 'orders', start: NOW },
  ...{ duration: 12.5, failed: false, attributes: {}, resource: { 'service.name': 'orders' }, events: [], links: [] },
  ...some,
})

export const metric = (some: Partial<MetricRecord>): MetricRecord => ({
  ...{ name: 'calls', service: 'orders', unit: '{call}', help: 'Calls', kind: 'counter', attributes: {}, time: NOW, value: 1 },
  ...some,
})

export const exception = (some: Partial<ExceptionRecord>): ExceptionRecord => ({
  ...{ time: NOW, service: 'orders', version: '1.0.0', type: 'TypeError', message: 'x is not a function', stack: '' },
  ...{ fingerprint: 'v1:00000000000000aa', groupedBy: 'type and message', attributes: {} },
  ...some,
})
