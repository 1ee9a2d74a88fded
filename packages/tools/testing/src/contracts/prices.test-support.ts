/** What the prices are to be for pacts of whoever asks them. */
import type { OperationOutput } from 'dure/contract'
import type { VerifyOptions } from './contracts.ts'
import { PriceChanged, type Prices, type PriceRow } from './shop.test-support.ts'

export const price: OperationOutput<(typeof Prices)['operations']['of']> = {
  ...{ sku: 'tea', cents: 250, currency: 'EUR', since: new Date(0) },
  steps: [{ from: 5, cents: 200, note: 'crate' }],
}

export const states: NonNullable<VerifyOptions<{ prices: PriceRow }>['states']> = {
  'a price': async ({ database }, { sku }) => {
    await database.transaction(async (tx) => {
      await tx.deleteFrom('prices').execute()
      await tx
        .insertInto('prices')
        .values({ sku: String(sku), cents: 7 })
        .execute()
    })
  },
  'no prices': async ({ database }) => {
    await database.transaction(async (tx) => void (await tx.deleteFrom('prices').execute()))
  },
}
export const messages: NonNullable<VerifyOptions<{ prices: PriceRow }>['messages']> = {
  'price.changed': ({ database }) =>
    database.transaction(async (tx) => void (await tx.publish(PriceChanged, { sku: 'cup', cents: 3, by: 'nobody' }))),
}
