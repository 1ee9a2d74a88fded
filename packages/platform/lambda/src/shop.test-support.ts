/** One service that is a function: orders are placed over HTTP, payments come from a queue, and both are announced. */
import { command, contract, event, query } from 'dure/contract'
import { database } from 'dure/data'
import { queue } from 'dure/messaging'
import { service, system, type System, type SystemOptions } from 'dure/service'
import { z } from 'zod'

export const OrderPlaced = event('order.placed', { schema: z.object({ orderId: z.string() }), key: ({ orderId }) => orderId })
export const OrderPaid = event('order.paid', { schema: z.object({ orderId: z.string() }), key: ({ orderId }) => orderId })
export const Payment = queue('payment', {
  schema: z.object({ orderId: z.string(), amount: z.int() }),
  key: ({ orderId }) => orderId,
})

const Order = z.object({ orderId: z.string(), paid: z.int() })
export const Orders = contract('orders', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    place: command({ input: z.object({ orderId: z.string() }), output: Order, http: 'POST /orders' }),
    find: query({ input: z.object({ orderId: z.string() }), output: Order, http: 'GET /orders/{orderId}' }),
    hang: query({ input: z.object({}), output: z.int(), http: 'GET /hang' }),
    large: query({ input: z.object({ bytes: z.coerce.number() }), output: z.string(), http: 'GET /large/{bytes}' }),
  },
  events: [OrderPlaced, OrderPaid],
})

/** Whether a payment of 13 is refused. */
export const luck = { bad: true }

export const orders = service(Orders, {
  database: database<{ orders: { id: string; paid: number } }>({
    migrations: { '001': 'CREATE TABLE orders (id TEXT PRIMARY KEY, paid INTEGER NOT NULL)' },
  }),
  handlers: {
    place: ({ orderId }, { database }) =>
      database.transaction(async (tx) => {
        await tx.insertInto('orders').values({ id: orderId, paid: 0 }).execute()
        await tx.publish(OrderPlaced, { orderId })
        return { orderId, paid: 0 }
      }),
    find: async ({ orderId }, { database }) => {
      const { paid } = await database.read.selectFrom('orders').select('paid').where('id', '=', orderId).executeTakeFirstOrThrow()
      return { orderId, paid }
    },
    hang: (_, { signal }) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    large: ({ bytes }) => 'x'.repeat(bytes),
  },
  subscriptions: ({ work }) => [
    work(Payment, {
      retry: { attempts: 5, first: 1, max: 1 },
      handle: async ({ data: { orderId, amount } }, { tx }) => {
        if (amount === 13 && luck.bad) throw new Error('It brings bad luck')
        await tx
          .updateTable('orders')
          .set((eb) => ({ paid: eb('paid', '+', amount) }))
          .where('id', '=', orderId)
          .execute()
        await tx.publish(OrderPaid, { orderId })
      },
    }),
  ],
})

export const shop = (options: Partial<SystemOptions> = {}): System =>
  system('shop', { services: [orders], security: 'off', ...options })

export type Invoked = {
  readonly statusCode: number
  readonly headers: Record<string, string>
  readonly body: string
  readonly cookies: readonly string[]
}

/** As API Gateway writes it. */
export function httpEvent(route: string, body?: unknown, more: object = {}): object {
  const [method, path = ''] = route.split(' ')
  const [rawPath, rawQueryString = ''] = path.split('?')
  return {
    ...{ version: '2.0', routeKey: '$default', rawPath, rawQueryString, isBase64Encoded: false },
    headers: { host: 'shop.example', 'content-type': 'application/json', 'content-length': '99999' },
    requestContext: { stage: '$default', http: { method, path: rawPath, protocol: 'HTTP/1.1' } },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    ...more,
  }
}

/** As SQS brings it. */
export function batchEvent(bodies: Readonly<Record<string, string>>, attributes: object = {}): object {
  return {
    Records: Object.entries(bodies).map(([messageId, body]) => ({
      ...{ messageId, receiptHandle: 'r', body, eventSource: 'aws:sqs', awsRegion: 'ap-northeast-2' },
      eventSourceARN: 'arn:aws:sqs:ap-northeast-2:123456789012:payment',
      attributes: { ApproximateReceiveCount: '1', SentTimestamp: '1700000000000', ...attributes },
    })),
  }
}

export const SCHEDULE = { version: '0', id: 's', 'detail-type': 'Scheduled Event', source: 'aws.events', detail: {} }
