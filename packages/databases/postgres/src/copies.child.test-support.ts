import { createInterface } from 'node:readline'
import { command, contract, event } from 'dure/contract'
import { database } from 'dure/data'
import { realRuntime } from 'dure/runtime'
import { service, start, system } from 'dure/service'
import { createLogger } from 'dure/telemetry'
import { z } from 'zod'
import { postgres } from './postgres.ts'
import type { Connect } from './copies.conformance.ts'

/**
 * A process of a shop on PostgreSQL and a broker: `till` sells, and so often as it is told `sell KEY N` it does, or copies of `ledger`
 * write down what was sold. A ledger that is told `hang` stops in its next effect for good, before that is committed.
 */
const [, , part = '', url = '', module = '', address = '', directory = ''] = process.argv
const { connect } = (await import(module)) as { readonly connect: Connect }
const say = (line: string): void => void process.stdout.write(`${line}\n`)

const Sold = event('sold', { schema: z.object({ till: z.string(), n: z.int() }), key: ({ till }) => till, partitions: 4 })
const Till = contract('till', {
  ...{ version: '1.0.0', owner: 'tests', events: [Sold] },
  operations: { sell: command({ input: z.object({ till: z.string(), n: z.int() }) }) },
})
const till = service(Till, {
  store: postgres({ url }),
  database: database({ migrations: {} }),
  handlers: { sell: (sale, { database: own }) => own.transaction((tx) => tx.publish(Sold, sale)) },
})

let hangs = false
const Ledger = contract('ledger', { version: '1.0.0', owner: 'tests', operations: {} })
type Tables = { entries: { till: string; n: number } }
const ledger = service(Ledger, {
  store: postgres({ url }),
  // Nothing of it refuses an effect that comes twice.
  database: database<Tables>({
    migrations: { '001': 'CREATE TABLE entries (place BIGSERIAL PRIMARY KEY, till TEXT NOT NULL, n INTEGER NOT NULL)' },
  }),
  handlers: {},
  subscriptions: ({ on }) => [
    on(Sold, async ({ data }, { tx }) => {
      await tx.insertInto('entries').values(data).execute()
      if (!hangs) return
      hangs = false
      say('hangs')
      await new Promise<never>(() => {})
    }),
  ],
})

const shop = system('shop', {
  services: [till, ledger],
  telemetry: false,
  broker: Object.assign(async (world: Omit<Parameters<Connect>[0], 'address'>) => connect({ ...world, address }), {
    reach: 'network' as const,
  }),
})
const log = createLogger({ clock: realRuntime().clock, write: (line) => say(`log ${line}`) })
const running = await start(shop, { directory, log, part: [part as 'till' | 'ledger'] })
say('ready')
for await (const line of createInterface({ input: process.stdin })) {
  const [word, key = '', n = ''] = line.split(' ')
  if (word === 'sell') await running.client(Till).sell({ till: key, n: Number(n) })
  if (word === 'hang') hangs = true
  if (word === 'lag') say(`lag ${JSON.stringify(await running.lag())}`)
  if (word === 'stop') break
}
await running.stop()
say('stopped')
