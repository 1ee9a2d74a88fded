import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { holdsUnderLoad } from './held.test-support.ts'
import { ready, run } from './run.test-support.ts'

holdsUnderLoad({ on: 'PostgreSQL', placement: 'split', flags: ['--database', 'postgres'] })

test('a database that nobody knows is said so', async () => {
  const { ended, said } = run('main.ts', '--database', 'mysql')
  assert.equal(await ended, 1)
  assert.match(said(), /Cannot read --database "mysql": give sqlite, postgres or postgres:\/\//)
})

test('orders on PostgreSQL beside carts on SQLite: every invariant holds under load', { timeout: 300_000 }, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'marketplace-stores-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  // As root, PostgreSQL runs as somebody else, who must get there.
  await chmod(folder, 0o755)
  const data = ['--port', '0', '--data', folder, '--products', '40', '--customers', '40', '--durability', 'process']
  const shop = run('main.ts', ...data, '--postgres', 'order')
  const load = run('workload/main.ts', '--url', await ready(shop), '--seconds', '3', '--concurrency', '8', '--quiet', '200')
  assert.equal(await load.ended, 0, load.said())
  // Those of three seconds on a busy machine may not have come to their end within them.
  assert.match(load.said(), /[1-9]\d* accepted,/)
  shop.child.kill('SIGTERM')
  assert.equal(await shop.ended, 0, shop.said())
  assert.ok(existsSync(join(folder, 'cart.db')) && !existsSync(join(folder, 'order.db')), 'each where it was told to be')
})

test('a store for a service that there is not is said so', async () => {
  const { ended, said } = run('main.ts', '--data', join(tmpdir(), `marketplace-${process.pid}`), '--postgres', 'orderz')
  assert.equal(await ended, 1)
  assert.match(said(), /names "orderz"/)
})
