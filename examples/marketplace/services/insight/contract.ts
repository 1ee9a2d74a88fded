import { contract, query } from 'dure/contract'
import { z } from 'zod'
import { Id, Moment, Money, Page, pageOf, ProductKey } from '../values.ts'

/** Orders of a customer by what became of them in time. */
export const Outcomes = z.object({ shipped: z.int(), refused: z.int(), unpaid: z.int(), unshipped: z.int() })

const OneSeller = z.object({ sellerId: Id })

export const Insight = contract('insight', {
  version: '1.0.0',
  owner: 'team-insight',
  description: 'What the events of all services say together, over time',
  operations: {
    revenue: query({
      input: OneSeller,
      output: z.array(z.object({ from: Moment, to: Moment, revenue: Money, pieces: z.int() })),
      http: 'GET /insight/revenue/{sellerId}',
      description: 'What a seller was paid in each ten minutes of the last day',
    }),
    topProducts: query({
      input: OneSeller,
      output: z.array(z.object({ productId: Id, pieces: z.int() })),
      http: 'GET /insight/products/{sellerId}',
      description: 'The ten products of a seller of which most was sold',
    }),
    sold: query({
      input: Page,
      output: pageOf(ProductKey.extend({ pieces: z.int() })),
      http: 'GET /insight/products',
      policy: { priority: 'low' },
    }),
    abandonedCarts: query({
      input: Page,
      output: pageOf(z.object({ customerId: Id, times: z.int(), lines: z.int(), last: Moment })),
      http: 'GET /insight/carts',
      description: 'Who filled a cart and left it: how often, how many lines, and when the last one was put into it',
    }),
    suspects: query({
      input: Page,
      output: pageOf(z.object({ customerId: Id, refused: z.int(), last: Moment })),
      http: 'GET /insight/suspects',
      description: 'Whose payments were refused three times or more within a minute, and how often within the worst one',
    }),
    outcomes: query({
      input: Page,
      output: pageOf(Outcomes.extend({ customerId: Id })),
      http: 'GET /insight/orders',
      description: 'Orders of each customer: shipped, refused, or not paid or shipped in time',
    }),
    progress: query({
      output: z.array(z.object({ topology: z.string(), watermark: Moment.optional(), records: z.int(), rows: z.int() })),
      http: 'GET /insight/progress',
      policy: { priority: 'low' },
      description: 'How far each topology has come',
    }),
  },
})
