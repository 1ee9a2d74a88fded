import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { command, contract, event, query } from '../contract/contract.ts'
import { database, sqlite } from '../data/data.ts'
import type { Broker } from '../messaging/messaging.ts'
import { realRuntime, type Runtime } from '../runtime/runtime.ts'
import { service, start, system, type Running, type Service } from '../service/service.ts'
import { silentLogger, type Logger } from '../telemetry/telemetry.ts'
import { stream, topology, tumbling } from './stream.ts'

/** Makes an adapter to the broker under test. */
export type MakeStreamBroker = (world: {
  readonly directory: string
  readonly runtime: Runtime
  readonly log: Logger
}) => Promise<Broker>

const Sale = z.object({ seller: z.string(), cents: z.int(), at: z.int() })
const Sold = event('quiet.sold', { schema: Sale, key: ({ seller }) => seller })
const Missed = event('quiet.missed', { schema: Sale, key: ({ seller }) => seller })
const Total = event('quiet.total', { schema: Sale, key: ({ seller }) => seller })
const Books = contract('books', {
  version: '1.0.0',
  owner: 'tests',
  operations: { sell: command({ input: Sale }), told: query({ output: z.array(z.string()) }) },
  events: [Sold, Missed, Total],
})

function books(): Service {
  const totals = stream(Sold, { time: ({ at }) => at, idle: '1s' })
    .byKey()
    .window(tumbling('10s'), { late: Missed })
    .aggregate({ name: 'totals', init: () => 0, add: (sum, { cents }) => sum + cents })
    .to(Total, ({ key, start: at, value }) => ({ seller: key, cents: value, at }))
  return service(Books, {
    database: database<{ told: { line: string } }>({ migrations: { '001': 'CREATE TABLE told (line TEXT NOT NULL)' } }),
    extensions: [topology('sales', [totals])],
    handlers: {
      sell: (sale, context) => context.database.transaction((tx) => tx.publish(Sold, sale)),
      told: async (_, context) => {
        const rows = await context.database.read.selectFrom('told').selectAll().execute()
        return rows.map(({ line }) => line).toSorted()
      },
    },
    subscriptions: ({ on }) =>
      (
        [
          [Total, 'total'],
          [Missed, 'missed'],
        ] as const
      ).map(([what, word]) =>
        on(what, async ({ data: { seller, cents, at } }, { tx }) => {
          await tx
            .insertInto('told')
            .values({ line: `${word} ${seller} ${cents} @${at}` })
            .execute()
        }),
      ),
  })
}

/** Registers what streams need of a broker, with `node:test`: that a partition on which nothing comes holds nothing up, and that it reads on where the state stands. */
export function streamConformance(name: string, makeBroker: MakeStreamBroker): void {
  test(
    `${name}: windows of a partition on which nothing comes close by idleness, and what is late is where it is declared`,
    { timeout: 120_000 },
    async () => {
      const directory = await mkdtemp(join(tmpdir(), 'dure-quiet-'))
      const run = (): Promise<Running> =>
        start(system('quiet', { services: [books()], broker: makeBroker, database: sqlite({ durability: 'process' }) }), {
          ...{ directory, log: silentLogger() },
        })
      let running = await run()
      try {
        let client = running.client(Books)
        const begun = Math.floor(realRuntime().clock.now() / 60_000) * 60_000 - 600_000
        const until = async (lines: readonly string[]): Promise<void> => {
          while ((await client.told()).length < lines.length) await sleep(20)
          assert.deepEqual(await client.told(), lines)
        }
        // Of another key, in another partition: it goes on alone, and what it tells has gone by for all.
        await client.sell({ seller: 'a', cents: 3, at: begun })
        await client.sell({ seller: 'a', cents: 4, at: begun + 9_999 })
        for (let second = 0; second < 40; second += 5) await client.sell({ seller: 'b', cents: 1, at: begun + second * 1_000 })
        const first = [0, 10, 20].map((second) => `total b 2 @${begun + second * 1_000}`)
        const own = `total a 7 @${begun}`
        while (!(await client.told()).includes(own)) await sleep(20)
        await client.sell({ seller: 'a', cents: 5, at: begun + 1 })
        // The last window of all closes though nothing comes any more.
        const all = [`missed a 5 @${begun + 1}`, own, ...first, `total b 2 @${begun + 30_000}`]
        await until(all)
        // After a restart it is read on from where the state stands: nothing is told again, and what was late is late.
        await running.stop()
        running = await run()
        client = running.client(Books)
        await client.sell({ seller: 'b', cents: 6, at: begun + 2 })
        await until([`missed a 5 @${begun + 1}`, `missed b 6 @${begun + 2}`, ...all.slice(1)])
      } finally {
        await running.stop()
        await rm(directory, { recursive: true, force: true })
      }
    },
  )
}
