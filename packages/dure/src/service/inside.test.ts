import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { z } from 'zod'
import { CallError, command, contract, event } from '../contract/contract.ts'
import { database } from '../data/data.ts'
import { silentLogger } from '../telemetry/telemetry.ts'
import { service, start, system } from './service.ts'

const Moved = event('secret-plan.moved', { schema: z.object({ n: z.int() }), key: ({ n }) => 'k'.repeat(n) })
const output = z.void()
const operations = {
  publish: command({ output }),
  badKey: command({ output }),
  column: command({ output }),
  read: command({ output }),
  own: command({ output }),
}
const Mover = contract('mover', { version: '1.0.0', owner: 'tests', operations, events: [Moved] })
const mover = service(Mover, {
  database: database<{ hoard: { gold: string } }>({ migrations: { '001': 'CREATE TABLE hoard (gold TEXT)' } }),
  handlers: {
    publish: (_, { database }) =>
      database.transaction(async (tx) => void (await tx.publish(Moved, { n: 'x' } as never)) as undefined),
    badKey: (_, { database }) => database.transaction(async (tx) => void (await tx.publish(Moved, { n: 5_000 })) as undefined),
    column: (_, { database }) =>
      database.transaction(async (tx) => {
        await tx
          .insertInto('hoard')
          .values({ gold: Number.NaN as never })
          .execute()
      }),
    read: async (_, { database }) => {
      await database.read.selectFrom('hoard').selectAll().where('gold', '=', 'a\0b').execute()
      return undefined
    },
    own: (_, { database }) => database.transaction(() => Promise.reject(new CallError('NOT_FOUND', 'There is no such move'))),
  },
})

test('what a database or an outbox refuses is told inside; what a handler throws on purpose is told to its caller', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'dure-inside-'))
  const running = await start(system('moving', { services: [mover] }), { directory, log: silentLogger() })
  t.after(async () => {
    await running.stop()
    rmSync(directory, { recursive: true })
  })
  const client = running.client(Mover)
  for (const name of ['publish', 'badKey', 'column', 'read'] as const)
    await assert.rejects(
      client[name](),
      (error) =>
        error instanceof CallError && error.code === 'INTERNAL' && !/secret-plan|parameter|column|hoard/.test(error.message),
      name,
    )
  await assert.rejects(client.own(), { code: 'NOT_FOUND', message: 'There is no such move' })
})
