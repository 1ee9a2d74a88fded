import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

type Mark = { position: number; tid: string; type: string; actorId: number; status: string; source: string; time: string }

/** A shop over HTTP that answers like the marketplace and remembers what it was asked, for tests of those who drive one. */
export type Shop = {
  readonly url: string
  readonly requests: { readonly method: string; readonly path: string; readonly body: Record<string, unknown> }[]
  /** Lets the marks streams break, as a restart does. */
  readonly breakStreams: () => void
  readonly close: () => Promise<void>
}

export type ShopOptions = {
  readonly products?: number
  readonly customers?: number
  /** Changes an answer: a status, `hang up` for none at all, or nothing for the usual one. */
  readonly answer?: (method: string, path: string) => number | 'hang up' | undefined
  /** Lines that a checkout's answer names. Default 10, as many as a session has at most. */
  readonly answeredLines?: number
  /** How a transaction ends. Default SUCCESS. */
  readonly ending?: (tid: string) => string
}

export async function openShop(options: ShopOptions = {}): Promise<Shop> {
  const { products = 20, customers = 5, answer = () => undefined, ending = () => 'SUCCESS', answeredLines = 10 } = options
  const requests: Shop['requests'] = []
  const marks: Mark[] = []
  const streams = new Set<ServerResponse>()
  const page = (items: unknown[]): unknown => ({ items })
  const product = (i: number): object => ({
    sellerId: 1 + Math.floor(i / 5),
    productId: i,
    name: `p${i}`,
    price: 10,
    version: '0',
  })
  const customer = (i: number): object => ({
    ...{ customerId: i, firstName: 'A', lastName: 'B', cardNumber: '1234' },
    ...{ successPaymentCount: 0, failedPaymentCount: 0, deliveryCount: 0, failedReservationCount: 0 },
  })
  const mark = (tid: string, type: string): void => {
    const entry = {
      position: marks.length + 1,
      tid,
      type,
      actorId: 1,
      status: ending(tid),
      source: 'test',
      time: new Date().toISOString(),
    }
    marks.push(entry)
    for (const stream of streams) stream.write(`${JSON.stringify(entry)}\n`)
  }
  const lists: Record<string, () => unknown> = {
    '/products': () => page(Array.from({ length: products }, (_, i) => product(i))),
    '/customers': () => page(Array.from({ length: customers }, (_, i) => customer(i + 1))),
    '/stock/totals': () => ({
      ...{ items: products, initial: 100, available: 100, reserved: 0, sold: 0, unbalanced: 0 },
      reservations: { reserved: 0, confirmed: 0, cancelled: 0 },
    }),
    '/shipments/totals': () => ({ shipments: 0, byStatus: {}, packages: 0, delivered: 0 }),
    '/marks/totals': () => ({ marks: marks.length, last: marks.length, byOutcome: [] }),
  }
  const serve = (request: IncomingMessage, response: ServerResponse, text: string): void => {
    const url = new URL(request.url!, 'http://shop')
    const method = request.method!
    const body = (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>
    requests.push({ method, path: url.pathname, body })
    const forced = answer(method, url.pathname)
    if (forced === 'hang up') return void request.socket.destroy()
    if (url.pathname === '/marks') {
      response.writeHead(200, { 'content-type': 'application/x-ndjson' })
      for (const entry of marks.slice(Number(url.searchParams.get('after')))) response.write(`${JSON.stringify(entry)}\n`)
      response.write('\n')
      streams.add(response)
      return void response.on('close', () => streams.delete(response))
    }
    const status = forced ?? (method === 'GET' ? 200 : 202)
    response.writeHead(status, { 'content-type': 'application/json' })
    const list = lists[url.pathname]
    const shown = url.pathname.startsWith('/product/')
      ? product(Number(url.pathname.split('/')[3]))
      : { items: answeredLines, dropped: [], packages: 3, shipments: 1 }
    response.end(JSON.stringify(list ? list() : shown))
    if (status > 299 || typeof body['instanceId'] !== 'string') {
      if (method === 'PUT' && status < 300) mark(String(body['version']), 'UPDATE_PRODUCT')
      return
    }
    mark(body['instanceId'], method === 'POST' ? 'CUSTOMER_SESSION' : 'PRICE_UPDATE')
  }
  const server = createServer((request, response) => {
    let text = ''
    request.on('data', (chunk: Buffer) => (text += chunk.toString()))
    request.on('end', () => serve(request, response, text))
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    breakStreams: () => {
      for (const stream of streams) stream.destroy()
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
