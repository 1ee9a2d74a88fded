/** A shop that asks another service for prices, reacts to what that announces, and keeps what it sold. */
import { command, contract, error, event, query } from 'dure/contract'
import { database } from 'dure/data'
import { service, type Service } from 'dure/service'
import { z } from 'zod'

export const Unknown = error('UNKNOWN_PRODUCT', {
  data: z.object({ sku: z.string(), near: z.array(z.string()) }),
  status: 'NOT_FOUND',
})
const Price = z.object({
  sku: z.string(),
  cents: z.int().min(0),
  currency: z.enum(['EUR', 'KRW']),
  since: z.date(),
  steps: z.array(z.object({ from: z.int(), cents: z.int(), note: z.string().optional() })),
})
export const PriceChanged = event('price.changed', {
  schema: z.object({ sku: z.string(), cents: z.int(), by: z.string() }),
  key: ({ sku }) => sku,
})
export const Prices = contract('prices', {
  version: '1.0.0',
  owner: 'team-catalogue',
  operations: {
    of: query({
      input: z.object({ sku: z.string(), on: z.date().optional() }),
      output: Price,
      errors: { Unknown },
      http: 'GET /prices/{sku}',
    }),
    set: command({ input: z.object({ sku: z.string(), cents: z.int() }), idempotent: true, http: 'PUT /prices/{sku}' }),
    inside: query({ output: z.int() }),
  },
  events: [PriceChanged],
})

const Row = z.object({ sku: z.string(), cents: z.int() })
export const Shop = contract('shop', {
  version: '2.1.0',
  owner: 'team-shop',
  operations: {
    total: query({ input: z.array(z.string()), output: z.int() }),
    tell: query({ input: z.string(), output: z.string() }),
    known: query({ output: z.array(Row) }),
  },
})

export const shop: Service<typeof Shop> = service(Shop, {
  needs: { prices: Prices },
  database: database<{ labels: { sku: string; cents: number } }>({
    migrations: { '001': 'CREATE TABLE labels (sku TEXT PRIMARY KEY, cents INTEGER NOT NULL)' },
  }),
  handlers: {
    total: async (skus, { prices }) => {
      const each = await Promise.all(skus.map((sku) => prices.of({ sku })))
      return each.reduce((sum, { cents, steps }) => sum + cents + steps.map((one) => one.cents).reduce((a, b) => a + b, 0), 0)
    },
    tell: async (sku, { prices }) => {
      const found = await prices.of.attempt({ sku })
      return found.ok ? found.value.currency : `unknown, perhaps ${found.error.data.near.join()}`
    },
    known: (_, { database }) => database.read.selectFrom('labels').select(['sku', 'cents']).orderBy('sku').execute(),
  },
  subscriptions: ({ on }) => [
    on(PriceChanged, async ({ data: { sku, cents } }, { tx }) => {
      await tx.insertInto('labels').values({ sku, cents }).execute()
    }),
  ],
})

export type PriceRow = { sku: string; cents: number }

/** A provider as its team wrote it, which may write something else. */
export function pricesWith(change: (price: z.infer<typeof Price>) => object = (price) => price): Service<typeof Prices> {
  return service(Prices, {
    database: database<{ prices: PriceRow }>({
      migrations: { '001': 'CREATE TABLE prices (sku TEXT PRIMARY KEY, cents INTEGER NOT NULL)' },
    }),
    handlers: {
      of: async ({ sku }, { database }) => {
        const row = await database.read.selectFrom('prices').selectAll().where('sku', '=', sku).executeTakeFirst()
        if (row === undefined) throw Unknown({ sku, near: ['tea'] })
        return change({
          ...row,
          currency: 'KRW',
          since: new Date(5),
          steps: [
            { from: 2, cents: 1 },
            { from: 3, cents: 2 },
          ],
        }) as never
      },
      set: async ({ sku, cents }, { database }) => {
        await database.transaction(async (tx) => {
          await tx
            .insertInto('prices')
            .values({ sku, cents })
            .onConflict((on) => on.column('sku').doUpdateSet({ cents }))
            .execute()
          await tx.publish(PriceChanged, { sku, cents, by: 'somebody' })
        })
      },
      inside: () => 1,
    },
  })
}
