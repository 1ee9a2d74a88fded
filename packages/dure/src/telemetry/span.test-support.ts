import type { Span } from './telemetry.ts'

/** A span like any other. */
export function span(fields: Partial<Span> = {}): Span {
  return {
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: 'b7ad6b7169203331',
    parentId: undefined,
    tracestate: undefined,
    name: 'orders.place',
    kind: 'server',
    service: 'orders',
    start: 1_700_000_000_000.25,
    duration: 1.5,
    attributes: { 'rpc.system': 'dure', 'rpc.service': 'orders', 'rpc.method': 'place' },
    status: 'unset',
    message: undefined,
    links: [],
    ...fields,
  }
}
