/** What is sent to a collector, and how fast it is taken. */
import { request } from 'node:http'

/** Lines, and spans, of a request. */
export const AT_ONCE = 2_000

export type Post = (path: string, type: string, body: string) => Promise<string>

export function poster(url: string): Post {
  const { port } = new URL(url)
  return (path, type, body) =>
    new Promise((resolve, reject) => {
      const headers = { 'content-type': type, 'content-length': Buffer.byteLength(body) }
      const sent = request({ host: '127.0.0.1', port, method: 'POST', path, headers }, (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (part: string) => (text += part))
        response.once('end', () =>
          response.statusCode === 200 ? resolve(text) : reject(new Error(`${path}: ${response.statusCode} ${text}`)),
        )
      })
      sent.once('error', reject)
      sent.end(body)
    })
}

/**
 * Two requests are under way at any time.
 * @param given `processor`: seconds of a processor that who takes it has used
 */
export async function rate(
  {
    count,
    look = () => {},
    processor = () => NaN,
  }: { readonly count: number; readonly look?: () => void; readonly processor?: () => number },
  send: (from: number) => Promise<unknown>,
): Promise<{ readonly each: number; readonly ofProcessor: number }> {
  const [began, used] = [performance.now(), processor()]
  let next = 0
  const sender = async (): Promise<void> => {
    while (next < count) {
      const from = next
      next += AT_ONCE
      await send(from)
      if (from % (AT_ONCE * 50) === 0) look()
    }
  }
  await Promise.all([sender(), sender()])
  return { each: (count / (performance.now() - began)) * 1_000, ofProcessor: count / (processor() - used) }
}

/** Whoever is sent the same lines is sent the same bytes. */
const BEGAN = Date.now() - 2 * 3_600_000
export const WORDS = ['placed', 'paid', 'shipped', 'refused', 'returned', 'cancelled', 'packed']
export const PLACES = ['seoul', 'busan', 'daegu', 'incheon', 'gwangju']
const LEVELS = ['info', 'info', 'info', 'debug', 'warn', 'error']

export function linesOf(from: number): string {
  let text = ''
  const now = new Date(BEGAN + from).toISOString()
  for (let i = from; i < from + AT_ONCE; i++) {
    const message = `Order ${i} was ${WORDS[i % 7]} in ${PLACES[i % 5]} after ${(i * 7) % 1_000} ms`
    const line = {
      '@timestamp': now,
      level: LEVELS[i % 6],
      message,
      service: `service-${i % 20}`,
      status: 200 + (i % 3),
      path: `/orders/${i % 1_000}`,
    }
    text += `{"index":{}}\n${JSON.stringify(line)}\n`
  }
  return text
}

export function spansOf(from: number): string {
  const nanos = (ms: number): string => `${ms}000000`
  const now = Date.now()
  const spans = Array.from({ length: AT_ONCE }, (_, n) => {
    const [trace, i] = [Math.floor((from + n) / 10), from + n]
    return {
      ...{
        traceId: (trace + 1).toString(16).padStart(32, '0'),
        spanId: (i + 1).toString(16).padStart(16, '0'),
        name: `orders.operation-${i % 30}`,
        kind: 2,
      },
      ...(i % 10 === 0 ? {} : { parentSpanId: (trace * 10 + 1).toString(16).padStart(16, '0') }),
      ...{ startTimeUnixNano: nanos(now), endTimeUnixNano: nanos(now + (i % 50)) },
      attributes: [
        { key: 'rpc.method', value: { stringValue: 'place' } },
        { key: 'db.rows', value: { intValue: String(i % 10) } },
      ],
      status: {},
    }
  })
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: `service-${(from / AT_ONCE) % 20}` } }] }
  return JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ spans }] }] })
}
