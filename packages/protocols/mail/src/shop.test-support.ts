/** A shop that sends a letter because of each event. */
import type { TestContext } from 'node:test'
import { command, contract, event, query } from 'dure/contract'
import { database } from 'dure/data'
import { service, start, system } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { z } from 'zod'
import { sendMail } from './send.ts'

const Asked = event('letter.asked', { schema: z.object({ to: z.string(), subject: z.string() }), key: ({ to }) => to })
const Shop = contract('shop', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    ask: command({ input: Asked.schema, deadline: 60_000 }),
    sent: query({ output: z.int(), deadline: 60_000 }),
  },
  events: [Asked],
})
type Tables = { sent: { id: string } }

type Shop = {
  /** Letters of which the shop knows that they were taken. */
  readonly sent: () => Promise<number>
  readonly dead: () => Promise<string[]>
  readonly ask: (data: z.infer<typeof Asked.schema>) => Promise<unknown>
}

export async function shop({ t, directory, port }: { t?: TestContext; directory: string; port: number }): Promise<Shop> {
  const shop = service(Shop, {
    database: database<Tables>({ migrations: { '001': 'CREATE TABLE sent (id TEXT NOT NULL)' } }),
    handlers: {
      ask: (data, { database }) => database.transaction((tx) => tx.publish(Asked, data)),
      sent: async (_, { database }) => (await database.read.selectFrom('sent').selectAll().execute()).length,
    },
    subscriptions: ({ on }) => [
      on(
        Asked,
        sendMail({
          server: { host: '127.0.0.1', port, tls: 'off' },
          from: 'Shop <shop@shop.example>',
          letter: ({ data: { to, subject } }) => (to === 'nobody' ? undefined : { to, subject, text: 'Hello' }),
          sent: async ({ id }, { tx }, messageId = 'none') =>
            void (await tx
              .insertInto('sent')
              .values({ id: `${id} ${messageId}` })
              .execute()),
          retry: { first: 1 },
        }),
      ),
    ],
  })
  const running = await start(system('shop', { services: [shop], security: 'off' }), { directory, log: silentLogger() })
  t?.after(() => running.stop())
  return {
    sent: () => running.call('shop', 'sent', undefined, {}) as Promise<number>,
    dead: async () => (await running.deadLetters('shop')!.list()).map(({ error }) => error),
    ask: (data) => running.call('shop', 'ask', data, {}),
  }
}
