import { command, contract, error, event, query, stream } from 'dure/contract'
import { service, system, type Door, type System } from 'dure/service'
import { z } from 'zod'

const OutOfStock = error('OUT_OF_STOCK', {
  data: z.object({ productId: z.int(), since: z.date() }),
  description: 'Not enough of it left',
})
const Placed = event('order.placed', { schema: z.object({ id: z.int(), at: z.date() }), key: (data) => data.id })

export const Orders = contract('orders', {
  version: '1.2.0',
  owner: 'team-checkout',
  description: 'Takes orders and knows where they are',
  operations: {
    find: query({
      input: z.object({ id: z.int().describe('Of the order') }),
      output: z.object({ id: z.int(), at: z.date() }),
      http: ['GET /orders/{id}', 'GET /v1/orders/{id}'],
      description: 'Looks an order up',
    }),
    place: command({
      input: z.object({ id: z.int(), note: z.string().default('-') }),
      output: z.object({ id: z.int(), key: z.string().optional() }),
      errors: { OutOfStock },
      http: 'POST /orders',
      idempotent: true,
      scope: 'orders:write',
    }),
    watch: stream({ input: z.object({ n: z.int().default(3) }), output: z.object({ n: z.int() }), http: 'GET /orders' }),
    hang: command({ deadline: 60_000 }),
  },
  events: [Placed],
})

export const Stock = contract('stock', {
  version: '0.3.1',
  owner: 'team-warehouse',
  operations: { reset: command({ http: 'PATCH /stock/reset' }) },
})

/** What the shop's handlers and doors went through. */
export const seen = { hung: 0, ended: 0, opened: [] as number[] }

/** A door that says where it would listen. */
function door(port: number): Door & { readonly at: (address: { readonly port: number }) => Door } {
  return {
    name: 'web',
    at: (address) => door(address.port),
    open: () => {
      seen.opened.push(port)
      return Promise.resolve({ url: `http://127.0.0.1:${port}`, close: () => Promise.resolve() })
    },
  }
}

export const shop: System = system('shop', {
  services: [
    service(Orders, {
      handlers: {
        find: ({ id }) => ({ id, at: new Date(0) }),
        place: ({ id }, { idempotencyKey }) => {
          if (id === 0) throw OutOfStock({ productId: 7, since: new Date(0) })
          return { id, key: idempotencyKey }
        },
        watch: async function* ({ n }) {
          for (let i = 0; i < n; i++) yield { n: i }
        },
        hang: (_input, { signal }) => {
          seen.hung++
          return new Promise<undefined>((resolve) => {
            signal.addEventListener('abort', () => {
              seen.ended++
              resolve(undefined)
            })
          })
        },
      },
    }),
    service(Stock, { handlers: { reset: () => {} } }),
  ],
  // Whoever comes in at the control door may do everything; nobody else is known.
  security: { authenticate: () => undefined },
  doors: [door(8080)],
})
