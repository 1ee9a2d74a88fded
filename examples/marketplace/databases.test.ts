import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ready, run } from './run.test-support.ts'

for (const placement of ['together', 'split'] as const) {
  test(
    `on PostgreSQL, ${placement}, every invariant holds under load, and a second start goes on where the first was`,
    { timeout: 300_000 },
    async (t) => {
      const folder = await mkdtemp(join(tmpdir(), 'marketplace-postgres-'))
      t.after(() => rm(folder, { recursive: true, force: true }))
      // As root, PostgreSQL runs as somebody else, who must get there.
      await chmod(folder, 0o755)
      const flags = [
        '--port',
        '0',
        '--data',
        folder,
        '--products',
        '40',
        '--customers',
        '40',
        '--durability',
        'process',
        '--database',
        'postgres',
      ]
      if (placement === 'split') flags.push('--split')
      const first = run('main.ts', ...flags)
      const load = run('workload/main.ts', '--url', await ready(first), '--seconds', '3', '--concurrency', '8', '--quiet', '200')
      assert.equal(await load.ended, 0, load.said())
      // Those of three seconds on a busy machine may not have come to their end within them.
      assert.match(load.said(), /[1-9]\d* accepted,/)
      first.child.kill('SIGTERM')
      assert.equal(await first.ended, 0, first.said())

      const second = run('main.ts', ...flags)
      const check = run('workload/main.ts', '--url', await ready(second), '--seconds', '0', '--quiet', '200')
      assert.ok(!second.said().includes('Generated'), second.said())
      assert.equal(await check.ended, 0, check.said())
      second.child.kill('SIGTERM')
      assert.equal(await second.ended, 0, second.said())
    },
  )
}

test('a database that nobody knows is said so', async () => {
  const { ended, said } = run('main.ts', '--database', 'mysql')
  assert.equal(await ended, 1)
  assert.match(said(), /Cannot read --database "mysql": give sqlite, postgres or postgres:\/\//)
})

for (const placement of ['together', 'split'] as const) {
  test(
    `orders on PostgreSQL beside carts on SQLite, ${placement}: every invariant holds under load`,
    { timeout: 300_000 },
    async (t) => {
      const folder = await mkdtemp(join(tmpdir(), 'marketplace-stores-'))
      t.after(() => rm(folder, { recursive: true, force: true }))
      // As root, PostgreSQL runs as somebody else, who must get there.
      await chmod(folder, 0o755)
      const data = ['--port', '0', '--data', folder, '--products', '40', '--customers', '40', '--durability', 'process']
      const shop = run('main.ts', ...data, '--postgres', 'order', ...(placement === 'split' ? ['--split'] : []))
      const load = run('workload/main.ts', '--url', await ready(shop), '--seconds', '3', '--concurrency', '8', '--quiet', '200')
      assert.equal(await load.ended, 0, load.said())
      // Those of three seconds on a busy machine may not have come to their end within them.
      assert.match(load.said(), /[1-9]\d* accepted,/)
      shop.child.kill('SIGTERM')
      assert.equal(await shop.ended, 0, shop.said())
      assert.ok(existsSync(join(folder, 'cart.db')) && !existsSync(join(folder, 'order.db')), 'each where it was told to be')
    },
  )
}

test('a store for a service that there is not is said so', async () => {
  const { ended, said } = run('main.ts', '--data', join(tmpdir(), `marketplace-${process.pid}`), '--postgres', 'orderz')
  assert.equal(await ended, 1)
  assert.match(said(), /names "orderz"/)
})
