/**
 * A shop in which three things go wrong: its warehouse cannot take a change that comes before its order, one message is poison for
 * its mail, and its payments are refused by their provider for a card that is over. `mended`: the same with all of it mended.
 */
import { command, contract, error, event, PERSONAL, SECRET } from 'dure/contract'
import { database } from 'dure/data'
import { service, system, type System } from 'dure/service'
import type { Simulation } from '@dure/simulation'
import { z } from 'zod'

const Order = z.object({
  orderId: z.string(),
  email: z.email().meta(PERSONAL),
  card: z
    .string()
    .regex(/^\d{4}$/)
    .meta(SECRET),
  note: z.string(),
})
const key = ({ orderId }: { readonly orderId: string }): string => orderId
export const OrderPlaced = event('order.placed', { schema: Order, key })
export const OrderChanged = event('order.changed', { schema: z.object({ orderId: z.string(), note: z.string() }), key })
const OrderPaid = event('order.paid', { schema: z.object({ orderId: z.string(), receipt: z.string() }), key })
const OrderRefused = event('order.refused', { schema: z.object({ orderId: z.string(), why: z.string() }), key })

export const Orders = contract('orders', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    place: command({ input: Order }),
    change: command({ input: z.object({ orderId: z.string(), note: z.string() }) }),
  },
  events: [OrderPlaced, OrderChanged],
})
const CardOver = error('CARD_OVER', { data: z.object({ card: z.string().meta(SECRET), since: z.string() }) })
export const Provider = contract('provider', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    charge: command({ input: z.object({ card: z.string() }), output: z.object({ receipt: z.string() }), errors: { CardOver } }),
    end: command({ input: z.object({ card: z.string() }) }),
  },
})
const Billing = contract('billing', { version: '1.0.0', owner: 'tests', operations: {}, events: [OrderPaid, OrderRefused] })
const Warehouse = contract('warehouse', { version: '1.0.0', owner: 'tests', operations: {} })
const Mail = contract('mail', { version: '1.0.0', owner: 'tests', operations: {} })

const nothing = database({ migrations: {} })
const ONCE = { attempts: 1 }

export function shop({ mended }: { readonly mended: boolean }): System {
  const orders = service(Orders, {
    database: nothing,
    handlers: {
      place: (order, { database }) => database.transaction((tx) => tx.publish(OrderPlaced, order)),
      change: (change, { database }) => database.transaction((tx) => tx.publish(OrderChanged, change)),
    },
  })
  const provider = service(Provider, {
    database: database<{ over: { card: string } }>({ migrations: { '1': 'CREATE TABLE over (card TEXT PRIMARY KEY)' } }),
    handlers: {
      end: ({ card }, { database }) =>
        database.transaction(async (tx) => void (await tx.insertInto('over').values({ card }).execute())),
      charge: async ({ card }, { database }) => {
        const found = await database.read.selectFrom('over').selectAll().where('card', '=', card).executeTakeFirst()
        if (found !== undefined) throw CardOver({ card, since: '2026-01' })
        return { receipt: 'r-1' }
      },
    },
  })
  const billing = service(Billing, {
    ...{ needs: { provider: Provider }, database: nothing, handlers: {} },
    subscriptions: ({ on }) => [
      on(OrderPlaced, {
        retry: ONCE,
        prepare: async ({ data: { card } }, { provider: asked }) => {
          const paid = await asked.charge.attempt({ card })
          if (!paid.ok && !mended) throw paid.error
          return paid
        },
        handle: async ({ data: { orderId } }, { tx }, paid) => {
          if (paid.ok) await tx.publish(OrderPaid, { orderId, receipt: paid.value.receipt })
          else await tx.publish(OrderRefused, { orderId, why: paid.error.code })
        },
      }),
    ],
  })
  const warehouse = service(Warehouse, {
    database: database<{ picks: { id: string; note: string } }>({
      migrations: { '1': 'CREATE TABLE picks (id TEXT PRIMARY KEY, note TEXT NOT NULL)' },
    }),
    handlers: {},
    subscriptions: ({ on }) => [
      on(OrderPlaced, async ({ data: { orderId: id, note } }, { tx }) => {
        const row = tx.insertInto('picks').values({ id, note })
        await row.onConflict((same) => same.doNothing()).execute()
      }),
      on(OrderChanged, {
        retry: ONCE,
        handle: async ({ data: { orderId: id, note } }, { tx }) => {
          const row = tx.insertInto('picks').values({ id, note })
          if (mended) return void (await row.onConflict((same) => same.column('id').doUpdateSet({ note })).execute())
          const found = await tx.selectFrom('picks').selectAll().where('id', '=', id).execute()
          await tx.updateTable('picks').set({ note }).where('id', '=', found[0]!.id).execute()
        },
      }),
    ],
  })
  const mail = service(Mail, {
    ...{ database: nothing, handlers: {} },
    subscriptions: ({ on }) => [
      on(OrderPlaced, {
        retry: ONCE,
        handle: ({ data: { note } }) => {
          if (note === 'poison' && !mended) throw new Error(`Cannot write a mail about "${note}"`)
        },
      }),
    ],
  })
  return system('shop', { services: [orders, provider, billing, warehouse, mail], telemetry: { sampling: 0 } })
}

/** Users who do nothing: it is there for its stories. */
export const simulation: Simulation = { load: { step: async () => {} }, invariants: {} }
