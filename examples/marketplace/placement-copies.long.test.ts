import { test } from 'node:test'
import { postgres } from '@dure/postgres'
import { startServer } from '@dure/postgres/server'
import { checkPlacement, inCopies, type FreshDatabase } from '@dure/testing'
import { assertAlike, shop } from './placement.test-support.ts'

test('two copies of each service on one PostgreSQL answer as the marketplace does together', { timeout: 600_000 }, async () => {
  const database: FreshDatabase = async () => {
    const server = await startServer({ settings: { max_connections: 200, fsync: 'off' } })
    return { database: postgres({ url: server.url(), writers: 2, readers: 1 }), stop: server.close }
  }
  assertAlike(await checkPlacement({ system: shop, placements: [inCopies({ database })], runs: 3, seed: 11 }))
})
