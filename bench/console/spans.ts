/** Spans of one large trace, as deep and as broad as those of checkouts are. */

const SERVICES = ['cart', 'order', 'stock', 'payment', 'shipment', 'product', 'customer', 'seller']
const NAMES = [
  'reserve',
  'confirm',
  'charge',
  'prepare',
  'publish stock.reserved',
  'process order.placed',
  'INSERT',
  'transaction',
]
const KINDS = ['internal', 'server', 'client', 'producer', 'consumer']

const idOf = (at: number): string => (at + 1).toString(16).padStart(16, '0')
/** Ten below each, so that 100,000 are six deep. */
const BELOW = 10
/** Milliseconds since the epoch, when it began. */
const BEGAN = 1_796_000_000_000

/** As a collector tells them in brief: without attributes. */
export function spansOf(count: number, traceId: string): readonly object[] {
  return Array.from({ length: count }, (_, at) => {
    const service = SERVICES[at % SERVICES.length]!
    return {
      ...{ traceId, spanId: idOf(at), ...(at > 0 && { parentId: idOf(Math.floor((at - 1) / BELOW)) }) },
      name: at === 0 ? 'POST /cart/{id}/checkout' : `${service}.${NAMES[at % NAMES.length]}`,
      ...{ kind: KINDS[at % KINDS.length], service, start: BEGAN + at * 0.04, duration: Math.max(0.01, (count - at) / 4_000) },
      ...{ failed: at % 501 === 7, attributes: {}, resource: {}, events: [], links: [] },
    }
  })
}
