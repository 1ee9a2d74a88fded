import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { missingServer } from '@dure/testing/servers'
import { ready, run } from './run.test-support.ts'

for (const [broker, placement] of [
  ['nats', 'split'],
  ['redis', 'together'],
  ['activemq', 'together'],
  ['rabbitmq', 'split'],
  ['kafka', 'split'],
] as const) {
  test(
    `on ${broker}, ${placement}, every invariant holds under load, and a second start goes on where the first was`,
    { timeout: 300_000, skip: missingServer(broker) },
    async (t) => {
      const folder = await mkdtemp(join(tmpdir(), 'marketplace-broker-'))
      t.after(() => rm(folder, { recursive: true, force: true }))
      const data = ['--port', '0', '--data', folder, '--products', '40', '--customers', '40', '--durability', 'process']
      const flags = [...data, '--broker', broker, ...(placement === 'split' ? ['--split'] : [])]
      const first = run('main.ts', ...flags)
      const load = run('workload/main.ts', '--url', await ready(first), '--seconds', '3', '--concurrency', '8', '--quiet', '200')
      assert.equal(await load.ended, 0, load.said())
      assert.match(load.said(), /[1-9]\d* accepted,/)
      first.child.kill('SIGTERM')
      assert.equal(await first.ended, 0, first.said())

      const second = run('main.ts', ...flags)
      const check = run('workload/main.ts', '--url', await ready(second), '--seconds', '0', '--quiet', '200')
      assert.equal(await check.ended, 0, check.said())
      second.child.kill('SIGTERM')
      assert.equal(await second.ended, 0, second.said())
    },
  )
}

test('a broker that nobody knows, or that is not installed, is said so', async (t) => {
  const unknown = run('main.ts', '--broker', 'pigeons')
  assert.equal(await unknown.ended, 1)
  assert.match(
    unknown.said(),
    /Cannot read --broker "pigeons": give embedded, activemq, artemis, kafka, nats, rabbitmq, redis, or a URL/,
  )

  const folder = await mkdtemp(join(tmpdir(), 'marketplace-broker-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  process.env['DURE_SERVERS'] = folder
  const lacking = run('main.ts', '--broker', 'nats', '--data', join(folder, 'data'))
  assert.equal(await lacking.ended, 1)
  assert.match(lacking.said(), /Starting a "nats" failed: .*To do: install it/)
})
