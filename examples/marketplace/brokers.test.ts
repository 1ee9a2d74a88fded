import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { missingServer } from '@dure/testing/servers'
import { holdsUnderLoad } from './held.test-support.ts'
import { run } from './run.test-support.ts'

holdsUnderLoad({ on: 'redis', placement: 'together', flags: ['--broker', 'redis'], skip: missingServer('redis') })

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
