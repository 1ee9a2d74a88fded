import { database } from 'dure/data'
import { service, type Service } from 'dure/service'
import { partOf } from '../cursor.ts'
import { momentOf } from '../moment.ts'
import { toMoney } from '../money.ts'
import { cartsOf } from './carts.ts'
import { Insight } from './contract.ts'
import { ordersOf } from './orders.ts'
import { refusalsOf } from './refusals.ts'
import { salesOf } from './sales.ts'
import { TIMES, type InsightTimes } from './times.ts'

/** What the events of all services say together. It has no tables of its own: what is asked is the state of its streams. */
export function insightOf(times: InsightTimes = TIMES): Service<typeof Insight> {
  const [sales, carts, refusals, orders] = [salesOf(times), cartsOf(times), refusalsOf(times), ordersOf(times)]
  const topologies = [sales, carts, refusals, orders].map(({ topology }) => topology)
  return service(Insight, {
    database: database({ migrations: {} }),
    extensions: topologies,
    handlers: {
      revenue: async ({ sellerId }, context) => {
        const windows = await sales.topology.view(context, sales.revenue).find(String(sellerId))
        return windows.map(({ start, end, value: { cents, pieces } }) => {
          return { from: momentOf(start), to: momentOf(end), revenue: toMoney(cents), pieces }
        })
      },
      topProducts: async ({ sellerId }, context) => {
        const [best = []] = await sales.topology.view(context, sales.top).find(String(sellerId))
        return best.map(({ productId, pieces }) => ({ productId, pieces }))
      },
      sold: async (page, context) => {
        const items = (await sales.topology.view(context, sales.sold).list(page)).map(({ value: { cents: _, ...item } }) => item)
        return partOf(items, page.limit, ({ sellerId, productId }) => [sellerId, productId])
      },
      abandonedCarts: async (page, context) => {
        const items = await carts.topology.view(context, carts.abandoned).list(page)
        return partOf(
          items.map(({ value }) => withMoment(value)),
          page.limit,
          ofCustomer,
        )
      },
      suspects: async (page, context) => {
        const items = await refusals.topology.view(context, refusals.suspects).list(page)
        return partOf(
          items.map(({ value }) => withMoment(value)),
          page.limit,
          ofCustomer,
        )
      },
      outcomes: async (page, context) => {
        const items = await orders.topology.view(context, orders.outcomes).list(page)
        return partOf(
          items.map(({ value }) => value),
          page.limit,
          ofCustomer,
        )
      },
      progress: async (_input, context) => {
        const all = [
          sales.topology.view(context, sales.sold),
          carts.topology.view(context, carts.abandoned),
          refusals.topology.view(context, refusals.suspects),
          orders.topology.view(context, orders.outcomes),
        ]
        return Promise.all(
          all.map(async (view, at) => {
            const { watermark, records, rows } = await view.progress()
            return {
              ...{ topology: topologies[at]!.name, records, rows },
              ...(watermark !== undefined && { watermark: momentOf(watermark) }),
            }
          }),
        )
      },
    },
  })
}

type OfCustomer = { readonly customerId: number }

const ofCustomer = ({ customerId }: OfCustomer): readonly number[] => [customerId]
const withMoment = <T extends OfCustomer & { readonly last: number }>(one: T) => ({ ...one, last: momentOf(one.last) })
