/** A shop that asks for its payments with a key, from settings that somebody changes while it works. */
import { createHash } from 'node:crypto'
import { folder, secret } from 'dure/config'
import { CallError, command, contract, event, query } from 'dure/contract'
import { database } from 'dure/data'
import { service, system, type System } from 'dure/service'
import { z } from 'zod'

/** Where its settings are. */
export const SETTINGS = 'SHOP_SETTINGS'
/** Copies of the service that is to have a change first. */
export const COPIES = 3

const fingerprint = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 12)

export const Payment = contract('payment', {
  ...{ version: '1.0.0', owner: 'chaos' },
  operations: {
    quote: query({ output: z.object({ provider: z.string(), key: z.string() }) }),
    charge: command({ input: z.object({ id: z.string() }), output: z.object({ key: z.string() }), idempotent: true }),
  },
})
const Ordered = event('ordered', { schema: z.object({ id: z.string(), note: z.string() }), key: ({ id }) => id })
export const Shop = contract('shop', {
  ...{ version: '1.0.0', owner: 'chaos' },
  operations: {
    quote: query({ output: z.object({ provider: z.string(), key: z.string() }) }),
    order: command({ input: z.object({ id: z.string() }), output: z.object({ key: z.string() }) }),
  },
  events: [Ordered],
})

/** `nobody` is found by who asks whether it is ready, `broken` by calls alone. */
const payment = service(Payment, {
  config: z.object({ provider: z.string(), apiKey: z.string().transform(secret) }),
  ready: ({ config }) => (config.provider === 'nobody' ? `The provider does not know ${config.apiKey}` : undefined),
  handlers: {
    quote: (_, { config, log }) => {
      log.info('Asking for a quote', { config, key: config.apiKey })
      return provided(config.provider, config.apiKey.reveal())
    },
    charge: (_, { config }) => provided(config.provider, config.apiKey.reveal()),
  },
})

function provided(provider: string, key: string) {
  if (provider === 'broken') throw new CallError('UNAVAILABLE', 'The provider does not answer')
  return { provider, key: fingerprint(key) }
}

const shop = service(Shop, {
  needs: { payment: Payment },
  config: z.object({ apiKey: z.string().transform(secret) }),
  database: database<{ orders: { id: string; note: string } }>({
    migrations: { '001': 'CREATE TABLE orders (id TEXT PRIMARY KEY, note TEXT NOT NULL)' },
  }),
  handlers: {
    quote: (_, { payment }) => payment.quote(),
    order: async ({ id }, { payment, database, config }) => {
      const { key } = await payment.charge({ id })
      const note = JSON.stringify([config, `${config.apiKey}`])
      await database.transaction(async (tx) => {
        await tx.insertInto('orders').values({ id, note }).execute()
        await tx.publish(Ordered, { id, note })
      })
      return { key }
    },
  },
  subscriptions: ({ on }) => [
    on(Ordered, {
      retry: { attempts: 1 },
      handle: ({ data }, { config }) => {
        // Some become dead letters, with what they say.
        if (data.id.endsWith('7')) throw new Error(`Cannot write with ${config.apiKey}: ${JSON.stringify(config)}`)
      },
    }),
  ],
})

/** @param path where its settings are */
export const shopAt = (path: string): System =>
  system('settings-chaos', {
    services: [payment, shop],
    placement: { payment: { replicas: COPIES } },
    config: { sources: [folder({ path })], waves: { look: 5_000 } },
    telemetry: { sampling: 1 },
  })

export default shopAt(process.env[SETTINGS] ?? 'settings')
