import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { event } from 'dure/contract'
import { hostOf } from 'dure/host'
import { saga } from 'dure/saga'
import { Pool, type PoolClient } from 'pg'
import { z } from 'zod'
import { joinedTransaction, postgres } from './postgres.ts'
import { missing15, RELAXED, testServer, VERSIONS } from './server.test-support.ts'

for (const version of VERSIONS) {
  const skip = version === 15 ? missing15 : false
  const server = skip === false ? await testServer({ version, settings: RELAXED }) : undefined!
  test(
    `what extensions join commits with the application's own statements, or not at all (PostgreSQL ${version})`,
    { skip },
    async (t) => {
      const directory = mkdtempSync(join(tmpdir(), 'dure-joined-'))
      const pool = new Pool({ connectionString: server.url() })
      await pool.query('CREATE TABLE orders (id TEXT PRIMARY KEY)')
      const Ordered = event('ordered', { schema: z.string(), key: (id) => id })
      const done: string[] = []
      const billing = saga('billing', { input: z.string(), run: (s, id) => s.step('bill', { do: () => void done.push(id) }) })
      const options = { name: 'shop', store: postgres({ url: () => server.url() }), directory }
      const host = await hostOf({ ...options, extensions: [billing], events: [Ordered] })
      t.after(async () => {
        await host.stop()
        await pool.end()
        rmSync(directory, { recursive: true, force: true })
      })

      const place = (id: string, then: (client: PoolClient) => Promise<unknown> = async () => {}): Promise<void> =>
        joinedTransaction(pool, host, async (client, tx) => {
          await client.query('INSERT INTO orders VALUES ($1)', [id])
          await tx.begin(billing, id, { id })
          await tx.publish(Ordered, id)
          await then(client)
        })
      await assert.rejects(
        place('thrown', () => Promise.reject(new Error('not today'))),
        /^Error: not today$/,
      )
      const swallowed = place('swallowed', (client) => client.query('SELECT nonsense').catch(() => {}))
      await assert.rejects(swallowed, { code: 'ABORTED', message: /a statement in it had failed before/ })
      await place('kept')
      await assert.rejects(place('kept'), /duplicate key/)
      while (done.length === 0) await new Promise((resolve) => setImmediate(resolve))
      assert.deepEqual(done, ['kept'])
      assert.deepEqual((await pool.query('SELECT id FROM orders')).rows, [{ id: 'kept' }])
      assert.deepEqual((await pool.query('SELECT id FROM dure_sagas')).rows, [{ id: 'kept' }])
    },
  )
}
