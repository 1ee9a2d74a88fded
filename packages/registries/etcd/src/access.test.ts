import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { freePort, missingServer } from '@dure/testing/servers'
import { createLogger } from 'dure/telemetry'
import { realRuntime } from 'dure/runtime'
import fc from 'fast-check'
import { inBase64, keyOf, readAddress } from './address.ts'
import { etcdRegistry } from './etcd.ts'
import { ask, entries, ids, open, orders, put, started, until } from './etcd.test-support.ts'

const openssl = 'openssl'

describe('etcd with doors', { skip: missingServer('etcd'), concurrency: 4 }, () => {
  test('an account: who has none, or a wrong password, is refused at once; a token that etcd has forgotten is asked for anew', async (t) => {
    const server = await started(t)
    const { port } = server
    for (const [path, body] of [
      ['user/add', { name: 'root', password: 'root' }],
      ['role/add', { name: 'root' }],
      ['user/grant', { user: 'root', role: 'root' }],
      ['user/add', { name: 'shop', password: 'p@ss/word' }],
      ['role/add', { name: 'shop' }],
      ['role/grant', { name: 'shop', perm: { permType: 'READWRITE', key: inBase64('shop/'), range_end: inBase64('shop0') } }],
      ['role/grant', { name: 'shop', perm: { permType: 'READ', key: inBase64('shop') } }],
      ['user/grant', { user: 'shop', role: 'shop' }],
      ['enable', {}],
    ] as const)
      await ask(port, `auth/${path}`, body)
    const inside = `etcd://shop:p%40ss%2Fword@127.0.0.1:${port}`
    const [here, there] = [await open(t, `${inside}/shop`), await open(t, `${inside}/shop`)]
    const own = await here.register(orders('a'))
    await until('it is seen', () => ids(there) === 'a')
    const refused = async (url: string, message: RegExp): Promise<void> => {
      const registry = await open(t, url)
      assert.equal(registry.freshness().fresh, false)
      await assert.rejects(registry.register(orders('b')), { code: 'FAILED_PRECONDITION', message })
    }
    await refused(`etcd://127.0.0.1:${port}/shop`, /it answered 400: etcdserver: user name is empty$/)
    await refused(`etcd://shop:wrong@127.0.0.1:${port}/shop`, /authentication failed, invalid user ID or password$/)
    await refused(`${inside}/elsewhere`, /it answered 403: etcdserver: permission denied$/)
    await server.crash()
    await server.start()
    await own.update({ status: 'draining' })
    await until('both go on', () => there.instances('orders')[0]?.status === 'draining' && there.freshness().fresh)
    await own.stop()
    await until('and leave', () => ids(there) === '')
  })

  test(
    'TLS: etcd shows a certificate, and asks for ours',
    { skip: spawnSync(openssl, ['version']).status !== 0 && 'needs server: openssl' },
    async (t) => {
      const directory = mkdtempSync(join(tmpdir(), 'dure-etcd-tls-'))
      t.after(() => rmSync(directory, { recursive: true, force: true }))
      const words = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=etcd']
      const files = ['-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', 'own.key', '-out', 'own.crt', '-days', '2']
      assert.equal(spawnSync(openssl, [...words, ...files], { cwd: directory }).status, 0)
      const [cert, key] = [readFileSync(join(directory, 'own.crt')), readFileSync(join(directory, 'own.key'))]
      const ports = [await freePort(), await freePort()] as const
      const client = `https://127.0.0.1:${ports[0]}`
      // Its folder is seen there from within.
      const own = '{ cert-file: /mnt/own.crt, key-file: /mnt/own.key, trusted-ca-file: /mnt/own.crt, client-cert-auth: true }'
      await started(t, {
        directory,
        ports,
        settings: { 'listen-client-urls': client, 'advertise-client-urls': client, 'client-transport-security': own },
      })
      const url = `etcds://127.0.0.1:${ports[0]}`
      const [here, there] = [
        await open(t, url, { tls: { ca: cert, cert, key } }),
        await open(t, url, { tls: { ca: cert, cert, key } }),
      ]
      await here.register(orders('a'))
      await until('it is seen', () => ids(there) === 'a')
      for (const tls of [undefined, { ca: cert }, { cert, key }]) {
        const outside = await open(t, url, { ...(tls && { tls }), registerTimeout: 0 })
        await assert.rejects(outside.register(orders('b')), { code: 'UNAVAILABLE', message: /certificate|alert/ })
      }
    },
  )

  test("what is no instance is left alone and said once; other systems' keys are not seen", async (t) => {
    const server = await started(t)
    const { port } = server
    const said: unknown[] = []
    const log = createLogger({ clock: realRuntime().clock, write: (line) => void said.push(JSON.parse(line)) })
    const garbage: readonly (readonly [key: string, value: string])[] = [
      ['dure/orders/text', 'hello'],
      ['dure/orders/half', '{"service":"orders"'],
      ['dure/orders/null', 'null'],
      ['dure/orders/other', JSON.stringify(orders('somebody'))],
      ['dure/orders/status', JSON.stringify({ ...orders('status'), status: 'well' })],
      ['dure/orders/endpoint', JSON.stringify({ ...orders('endpoint'), endpoints: { dure: { kind: 'tcp', host: 1 } } })],
      ['dure/orders/a/deeper', JSON.stringify(orders('a/deeper'))],
      ['dure/orders/large', 'x'.repeat(1_000_000)],
    ]
    for (const [key, value] of garbage) await put(port, key, value)
    await put(port, 'dure2/orders/a', JSON.stringify(orders('a')))
    await put(port, 'dure/orders/good', JSON.stringify(orders('good')))
    await put(port, 'dure/dure.broker/b', JSON.stringify({ ...orders('b'), service: 'dure.broker', scope: 'elsewhere' }))
    const there = await open(t, server.url, { log })
    assert.deepEqual([there.services(), ids(there)], [['orders'], 'good'])
    await put(port, 'dure/orders/good', 'garbage')
    await until('what was good is so no more', () => ids(there) === '')
    await put(port, 'dure/orders/text', 'hello again')
    await put(port, 'dure/orders/good', JSON.stringify(orders('good')))
    await until('it is good again', () => ids(there) === 'good')
    const keys = said.map((each) => (each as { readonly key?: string }).key)
    assert.deepEqual(keys.toSorted(), [...garbage.map(([key]) => key), 'dure/orders/good'].toSorted())
    const other = await open(t, `${server.url}/dure2`)
    assert.equal(ids(other), 'a')
  })

  test('names of any kind are keys, and what is too large is refused', async (t) => {
    const server = await started(t)
    const [here, there] = [await open(t, `${server.url}/가게`), await open(t, `${server.url}/가게`)]
    await here.register(orders('a/b c%2f', { service: '주문/접수' }))
    await until('it is seen', () => ids(there, '주문/접수') === 'a/b c%2f')
    assert.deepEqual(Object.keys(await entries(server.port, '가게/')), [keyOf('가게', { service: '주문/접수', id: 'a/b c%2f' })])
    await assert.rejects(here.register(orders('large', { metadata: { text: 'x'.repeat(65_536) } })), {
      code: 'FAILED_PRECONDITION',
      message: /what it says of itself is larger than 65536 bytes/,
    })
  })
})

test('keys say which service and which instance, whatever their names', () => {
  const name = fc.string({ unit: 'grapheme', minLength: 1 })
  fc.assert(
    fc.property(name, name, (service, id) => {
      const parts = keyOf('dure', { service, id }).split('/')
      assert.deepEqual([parts.length, ...parts.slice(1).map(decodeURIComponent)], [3, service, id])
    }),
  )
})

test('addresses of etcd', () => {
  assert.deepEqual(readAddress('etcds://a:b%3Ac@one,[::1]:1234/my/shop/'), {
    members: ['https://one:2379', 'https://[::1]:1234'],
    secure: true,
    account: { name: 'a', password: 'b:c' },
    prefix: 'my/shop',
    base: 'etcds://one,[::1]:1234/my/shop',
  })
  assert.equal(readAddress('etcd://one').prefix, 'dure')
  for (const url of ['http://one:2379', 'etcd://', 'etcd://one:port', 'etcd://user:secret@'])
    assert.throws(
      () => etcdRegistry({ url }),
      (error: Error) => error instanceof TypeError && !error.message.includes('secret'),
    )
  assert.throws(() => etcdRegistry({ url: 'etcd://one', lease: Number.NaN }), /Cannot use etcd as registry: "lease"/)
})

test('what is no etcd, or answers nonsense, takes nothing from what is known', async (t) => {
  const value = inBase64(JSON.stringify(orders('a')))
  const page = { header: { revision: '7' }, kvs: [{ key: inBase64('dure/orders/a'), value }] }
  let watched = (): string => ''
  let listed = (): string => JSON.stringify(page)
  const server = createServer((request, response) => {
    request.resume()
    if (request.url === '/v3/watch') response.write(watched())
    else response.end(listed())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const there = await open(t, `etcd://127.0.0.1:${(server.address() as AddressInfo).port}`, { heartbeat: 50 })
  assert.deepEqual([ids(there), there.freshness()], ['a', { fresh: true }])
  for (const nonsense of ['', '<html>', '[]', 'null', '{"header":{}}', '{"kvs":[', 'x'.repeat(40_000_000)]) {
    listed = () => nonsense
    await until(`it is stale: ${nonsense.slice(0, 20)}`, () => !there.freshness().fresh)
    assert.equal(ids(there), 'a')
    listed = () => JSON.stringify(page)
    await until('it is fresh again', () => there.freshness().fresh)
  }
  for (const line of [
    'half a li',
    '<html>\n',
    '{"result":{"events":[{"kv":{}}]}}\n',
    '{"error":{"message":"no leader","http_code":503}}\n',
  ]) {
    let told = 0
    watched = () => {
      told++
      return line
    }
    server.closeAllConnections()
    await until(`it is read: ${line}`, () => told > 1 || (told > 0 && line.startsWith('half')))
    assert.equal(ids(there), 'a')
  }
})
