import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { z } from 'zod'
import { command, contract, event, query, type Principal } from '../contract/contract.ts'
import { noSql, testAdapter } from '../data/adapter.conformance.ts'
import { database } from '../data/data.ts'
import { realRuntime } from '../runtime/runtime.ts'
import { service, start, system } from '../service/service.ts'
import { silentLogger } from '../telemetry/telemetry.ts'
import { aggregate, eventsOf, subscription } from './eventsourcing.ts'
import { migrations } from './tables.ts'

const Added = event('basket.added', { schema: z.object({ id: z.string() }), key: ({ id }) => id })
const Seen = event('basket.seen', { schema: z.object({ id: z.string() }), key: ({ id }) => id })
const basket = aggregate('basket', { events: [Added], initial: () => 0, decide: () => [], evolve: (n: number) => n + 1 })
const Baskets = contract('baskets', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    add: command({ input: z.string() }),
    began: query({ input: z.string(), output: z.array(z.string().optional()) }),
    heard: query({ output: z.array(z.string().optional()) }),
  },
  events: [Seen],
})
const ana: Principal = { subject: 'ana', kind: 'user', scopes: [], roles: [] }

test(
  'a stored event says who began it, and so does what a subscription announces; one that was stored before that does not',
  { skip: noSql },
  async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'dure-initiator-'))
    t.after(() => rmSync(directory, { recursive: true, force: true }))
    const world = { directory, runtime: realRuntime(), log: silentLogger() }
    const adapter = await testAdapter(world)
    const { 'dure/events-0001': before } = migrations(adapter.name)
    const old = await adapter.open('baskets', { migrations: { 'dure/events-0001': before } as {} })
    await old.transaction(async (tx) => {
      await tx.run(
        `INSERT INTO dure_events (stream, stream_id, version, id, type, schema_version, time, correlation_id, data)
         VALUES ('basket', 'b', 1, 'e1', 'basket.added', 1, 7, 'c', '{"id":"b"}')`,
      )
    })
    await old.stop({ timeout: 1_000 })

    const heard: (string | undefined)[] = []
    const baskets = service(Baskets, {
      database: database({ migrations: {} }),
      extensions: [
        basket,
        subscription('tell', {
          to: [basket],
          database: database({ migrations: {} }),
          handle: ({ data }, { tx }) => tx.publish(Seen, data),
        }),
      ],
      handlers: {
        add: async (id, { database }) =>
          void (await database.transaction((tx) =>
            tx.append(basket.stream(id), [{ type: 'basket.added', data: { id } }], { expected: 'any' }),
          )),
        began: async (id, { database }) => {
          const found: (string | undefined)[] = []
          for await (const { initiator } of eventsOf(database).read(basket.stream(id))) found.push(initiator)
          return found
        },
        heard: () => heard,
      },
      subscriptions: ({ on }) => [on(Seen, async ({ initiator }) => void heard.push(initiator))],
    })
    const running = await start(system('shop', { services: [baskets], database: testAdapter as never, telemetry: false }), {
      ...{ directory, log: silentLogger() },
    })
    t.after(() => running.stop())
    await running.client(Baskets, { principal: ana }).add('b')
    await running.client(Baskets).add('b')
    assert.deepEqual(await running.client(Baskets).began('b'), [undefined, 'ana', undefined])
    while (heard.length < 3) await new Promise((resolve) => setTimeout(resolve, 5))
    assert.deepEqual(heard, [undefined, 'ana', undefined])
  },
)
