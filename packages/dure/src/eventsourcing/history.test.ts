import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { z } from 'zod'
import { command, contract } from '../contract/contract.ts'
import { testAdapter } from '../data/adapter.conformance.ts'
import { database } from '../data/data.ts'
import { service, start, system } from '../service/service.ts'
import { silentLogger } from '../telemetry/telemetry.ts'
import { eventsOf, historyOf } from './eventsourcing.ts'
import { all, cart, Closed } from './eventsourcing.test-support.ts'

const { operation, handler, events } = historyOf(cart)
const Carts = contract('carts', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    add: command({ input: z.object({ id: z.string(), sku: z.string() }), output: z.int() }),
    close: command({ input: z.string(), output: z.int() }),
    history: operation,
    count: command({ output: z.int() }),
  },
  events: [Closed],
})

test('a service tells the history of what it has published, from any position on', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'dure-history-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const carts = service(Carts, {
    database: database<{}>({ migrations: {} }),
    extensions: [cart],
    handlers: {
      add: ({ id, sku }, { database: own }) =>
        own.transaction(async (tx) => (await tx.decide(cart.stream(id), { add: sku, count: 1 })).version),
      close: (id, { database: own }) =>
        own.transaction((tx) =>
          tx.append(cart.stream(id), [{ type: 'cart.closed', data: { cartId: id, at: new Date(5) } }], { expected: 'any' }),
        ),
      history: handler,
      count: async (_, { database: own }) => (await all(eventsOf(own).readAll())).length,
    },
  })
  const running = await start(system('shop', { services: [carts], database: (world) => testAdapter(world) }), {
    directory,
    log: silentLogger(),
  })
  t.after(() => running.stop())
  const client = running.client(Carts)
  for (let at = 0; at < 4; at++) {
    await client.add({ id: `c-${at}`, sku: 'tea' })
    assert.equal(await client.close(`c-${at}`), 2)
  }
  assert.equal(await client.count(), 8)
  const told = await all(client.history({}))
  assert.deepEqual(
    told.map(({ type, key, sequence, data, schemaVersion }) => [type, key, sequence, data, schemaVersion]),
    [0, 1, 2, 3].map((at) => ['cart.closed', `c-${at}`, 2, `{"cartId":"c-${at}","at":"1970-01-01T00:00:00.005Z"}`, 1]),
  )
  assert.deepEqual(
    (await all(client.history({ after: told[1]!.position }))).map(({ key }) => key),
    ['c-2', 'c-3'],
  )
  await assert.rejects(all(client.history({ after: 'then' })), { code: 'INVALID_ARGUMENT' })
  assert.deepEqual(events, [Closed])
})
