import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { startRegistry } from '@dure/registry'
import { freePort, missingServer, startLocalServer } from '@dure/testing/servers'
import { silentLogger } from 'dure/telemetry'
import { dure, SOURCES, temporary } from './shell.test-support.ts'
import { spawned } from './spawned.test-support.ts'

const SHOP = join(SOURCES, 'shop.test-support.ts')
const here = { cwd: import.meta.dirname }

test('dure registry: starts one, lists who is in it for people and programs, and says what to do where there is none', async () => {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}/eureka`
  const away = await dure(['registry', 'list', '--registry', url], here)
  assert.equal(away.code, 1)
  assert.match(away.err, /^Cannot ask the registry: the connection was refused; give its address with --registry, or start one/)
  const data = temporary()
  const env = { DURE_REGISTRY_CREDENTIALS: 'dure:secret' }
  const running = spawned(['registry', 'start', '--port', String(port), '--data', data], { ...here, env })
  await running.until(/Registry at /)
  assert.match(running.out(), new RegExp(`Registry at ${url}\n`))
  assert.match((await dure(['registry', 'list', '--registry', url], here)).err, /it answered 401: Cannot let you in/)
  const inside = url.replace('//', '//dure:secret@')
  const list = (...words: readonly string[]) => dure(['registry', 'list', '--registry', inside, ...words], here)
  assert.deepEqual(await list(), { code: 0, out: 'It knows no instances\n', err: '' })
  const instance = {
    ...{ instanceId: 'j', app: 'JAVA', hostName: '127.0.0.1', status: 'UP', port: { $: 8080, '@enabled': 'true' } },
    metadata: { zone: 'seoul-a', team: 'billing' },
  }
  const headers = { 'content-type': 'application/json', authorization: `Basic ${Buffer.from('dure:secret').toString('base64')}` }
  assert.equal((await fetch(`${url}/apps/JAVA`, { method: 'POST', headers, body: JSON.stringify({ instance }) })).status, 204)
  assert.equal(
    (await list()).out,
    [
      'INSTANCE  STATUS  VERSION  ZONE     SINCE',
      'java      up      0.0.0    seoul-a  -',
      '  http 127.0.0.1:8080',
      '  team billing',
      '',
    ].join('\n'),
  )
  const { instances, freshness } = JSON.parse((await list('--json')).out) as { instances: { id: string }[]; freshness: object }
  assert.deepEqual([instances.map(({ id }) => id), freshness], [['j'], { fresh: true }])
  running.child.kill('SIGTERM')
  assert.equal(await running.exit, 0)
  assert.equal((await dure(['registry', 'list', '--registry', 'nonsense'], here)).code, 2)
})

for (const [kind, where] of [
  ['a Eureka server', startEureka],
  ['an etcd', startEtcd],
] as const)
  test(
    `dure start --registry with ${kind}: copies in processes of their own find each other through it, and leave it`,
    { timeout: 120_000, skip: kind === 'an etcd' && missingServer('etcd') },
    async (t) => {
      const url = await where(t)
      const data = temporary()
      const running = spawned(['start', SHOP, '--split', '--replicas', 'stock=2', '--registry', url, '--data', data])
      await running.until(/"message":"Ready"/)
      const listed = await dure(['registry', 'list', '--registry', url, '--json'], here)
      const { instances } = JSON.parse(listed.out) as {
        instances: { service: string; status: string; metadata: { copy: string } }[]
      }
      assert.ok(instances.length > 0)
      assert.ok(instances.every(({ service, status }) => status === 'up' && !service.startsWith('dure.')))
      const call = await dure(['call', 'orders.find', '{"id":1}', '--data', data], here)
      assert.equal(call.code, 0, call.err)
      running.child.kill('SIGTERM')
      assert.equal(await running.exit, 0)
      assert.equal((await dure(['registry', 'list', '--registry', url], here)).out, 'It knows no instances\n')
    },
  )

test('dure start --registry: one process registers nobody, and says what to do', async () => {
  const alone = await dure(['start', SHOP, '--registry', 'etcd://127.0.0.1:1', '--data', temporary()], here)
  assert.equal(alone.code, 2)
  assert.match(alone.err, /a system in one process registers none of its services; add --split/)
})

async function startEureka(t: TestContext): Promise<string> {
  const { url, stop } = await startRegistry({ directory: temporary(), port: 0, log: silentLogger() })
  t.after(stop)
  return url
}

async function startEtcd(t: TestContext): Promise<string> {
  const server = await startLocalServer('etcd')
  t.after(() => server.close())
  return `${server.url}/shop`
}

test('dure registrar: a program is registered while it runs, drained at the end, and its exit code is kept', async (t) => {
  const { url, stop } = await startRegistry({ directory: temporary(), port: 0, log: silentLogger() })
  t.after(stop)
  const port = await freePort()
  const program = `require('node:http').createServer((_, response) => response.end()).listen(${port}, '127.0.0.1'); process.on('SIGTERM', () => process.exit(3))`
  const at = `http://127.0.0.1:${port}/`
  const words = [
    'registrar',
    '--name',
    'billing',
    '--port',
    String(port),
    '--health',
    at,
    '--registry',
    url,
    '--',
    process.execPath,
  ]
  const running = spawned([...words, '-e', program], here)
  await running.until(/The program is up/)
  assert.match(
    (await dure(['registry', 'list', '--registry', url], here)).out,
    new RegExp(`billing +up +0.0.0.*\n  http 127.0.0.1:${port}\n`),
  )
  running.child.kill('SIGTERM')
  assert.equal(await running.exit, 3)
  assert.equal((await dure(['registry', 'list', '--registry', url], here)).out, 'It knows no instances\n')
  const nowhere = await dure(['registrar', '--name', 'a', '--port', '1', '--registry', url, '--', '/nowhere/at-all'], here)
  assert.equal(nowhere.code, 1)
  assert.match(nowhere.err, /^Cannot start "\/nowhere\/at-all"/)
})
