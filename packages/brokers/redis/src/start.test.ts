import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect, createServer, type AddressInfo } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { CallError } from 'dure/contract'
import { partitionOf } from 'dure/messaging/adapter'
import { brokerFor, caughtUp, clientFor, messageOf, runtime, serverFor, until } from './redis.test-support.ts'
import { redisBroker } from './redis.ts'
import { missingServer } from '@dure/testing/servers'

const how = { timeout: 60_000, skip: missingServer('redis') }
const SECRET = 'k3-s3cret'

/** Refused with this code, and with words that hold these and not the secret. */
const refused = async (work: () => Promise<unknown>, code: string, words: RegExp): Promise<void> => {
  await assert.rejects(work, (error) => {
    assert.ok(error instanceof CallError, String(error))
    assert.deepEqual([error.code, words.test(error.message)], [code, true], error.message)
    assert.equal(error.message.includes(SECRET), false)
    return true
  })
}

/** A certificate of an authority of its own, with openssl; valid until so many days from now. */
function certificate(t: TestContext, days: number): { readonly folder: string; readonly ca: string } {
  const folder = mkdtempSync(join(tmpdir(), 'dure-redis-tls-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const run = (...words: readonly string[]): void => void execFileSync('openssl', words, { cwd: folder, stdio: 'ignore' })
  run(
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    'ca.key',
    '-out',
    'ca.crt',
    '-subj',
    '/CN=authority',
    '-days',
    '30',
  )
  run(
    'req',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    'own.key',
    '-out',
    'own.csr',
    '-subj',
    '/CN=localhost',
    '-addext',
    'subjectAltName=DNS:localhost,IP:127.0.0.1',
  )
  run(
    'x509',
    '-req',
    '-in',
    'own.csr',
    '-CA',
    'ca.crt',
    '-CAkey',
    'ca.key',
    '-copy_extensions',
    'copy',
    '-out',
    'own.crt',
    ...['-days', String(days)],
  )
  return { folder, ca: readFileSync(join(folder, 'ca.crt'), 'utf8') }
}

test('options that cannot be are refused where they are given', () => {
  for (const options of [
    { partitions: 0 },
    { lease: 5 },
    { timeout: Number.NaN },
    { sweep: -1 },
    { prefix: 'a:b' },
    { prefix: '' },
  ])
    assert.throws(() => redisBroker({ url: 'redis://127.0.0.1', ...options }), TypeError, JSON.stringify(options))
})

test('an address that cannot be read is refused, and not repeated', async (t) => {
  for (const url of [`http://user:${SECRET}@127.0.0.1`, `${SECRET}`, `redis://user:${SECRET}@127.0.0.1/zero`])
    await refused(() => brokerFor(t, { url }), 'INVALID_ARGUMENT', /its url .* give "redis:\/\/host:port\/database"/)
})

test('nobody who listens, and somebody who does not answer', async (t) => {
  const silent = createServer(() => {})
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  t.after(() => silent.close())
  const { port } = silent.address() as { port: number }
  await refused(
    () => brokerFor(t, { url: `redis://x:${SECRET}@127.0.0.1:1` }),
    'UNAVAILABLE',
    /127\.0\.0\.1:1: nothing listens there; start the server or correct `url`/,
  )
  await refused(
    () => brokerFor(t, { url: `redis://127.0.0.1:${port}`, timeout: 200 }),
    'UNAVAILABLE',
    new RegExp(`127\\.0\\.0\\.1:${port}`),
  )
})

test('a wrong password is said to be one, at the start and when it changes, and never written anywhere', how, async (t) => {
  const server = await serverFor(t, 'redis', { settings: { requirepass: SECRET } })
  const { port } = server
  const right = { url: `redis://127.0.0.1:${port}`, credentials: { password: SECRET } }
  await refused(
    () => brokerFor(t, { url: `redis://:${SECRET}x@127.0.0.1:${port}` }),
    'UNAUTHENTICATED',
    /does not know this user and password; correct `credentials`/,
  )
  await refused(
    () => brokerFor(t, { url: `redis://127.0.0.1:${port}` }),
    'UNAUTHENTICATED',
    /asks for a password; give `credentials`/,
  )
  const broker = await brokerFor(t, right)
  const client = await clientFor(t, { ...server, url: `redis://:${SECRET}@127.0.0.1:${port}` })
  await client.configSet('requirepass', `${SECRET}-2`)
  await client.sendCommand(['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'no']).catch(() => {})
  await until(() => broker.lines.some((line) => line.includes('does not know this user and password')))
  await refused(() => broker.publish([messageOf('orders', 'a', 1)]), 'UNAUTHENTICATED', /does not know this user/)
  assert.equal(
    broker.lines.some((line) => line.includes(SECRET)),
    false,
  )
})

test('TLS: a good certificate, an expired one, and one of nobody known', how, async (t) => {
  for (const days of [5, -1]) {
    const { folder, ca } = certificate(t, days)
    const [cert, key] = ['own.crt', 'own.key'].map((name) => readFileSync(join(folder, name)))
    const { port: plain } = await serverFor(t, 'redis')
    const front = createTlsServer({ cert, key }, (socket) => {
      const there = connect(plain, '127.0.0.1')
      for (const [from, to] of [
        [socket, there],
        [there, socket],
      ] as const)
        from.on('error', () => to.destroy()).pipe(to)
    })
    await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve))
    t.after(() => front.close())
    const url = `rediss://127.0.0.1:${(front.address() as AddressInfo).port}`
    if (days < 0) {
      await refused(
        () => brokerFor(t, { url, tls: { ca } }),
        'FAILED_PRECONDITION',
        /the server's certificate has expired; renew it/,
      )
      continue
    }
    await refused(
      () => brokerFor(t, { url }),
      'FAILED_PRECONDITION',
      /nobody known signed the server's certificate; give the authority as `tls.ca`/,
    )
    const broker = await brokerFor(t, { url, tls: { ca } })
    await broker.publish([messageOf('orders', 'a', 1)])
    assert.equal((await broker.browse({ topic: 'orders', partition: partitionOf('a', 8), limit: 1 })).length, 1)
    await broker.stop()
  }
})

test('a server that throws topics away, one in a cluster, and a replica are refused', how, async (t) => {
  const lru = await serverFor(t, 'redis', { settings: { 'maxmemory-policy': 'allkeys-lru' } })
  await refused(
    () => brokerFor(t, { url: lru.url }),
    'FAILED_PRECONDITION',
    /"maxmemory-policy allkeys-lru"\); set "maxmemory-policy noeviction"/,
  )
  const cluster = await serverFor(t, 'redis', { settings: { 'cluster-enabled': 'yes' } })
  await refused(() => brokerFor(t, { url: cluster.url }), 'FAILED_PRECONDITION', /cluster mode/)
  const replica = await serverFor(t, 'redis', { settings: { replicaof: '127.0.0.1 1' } })
  await refused(
    () => brokerFor(t, { url: replica.url }),
    'FAILED_PRECONDITION',
    /it is a replica, which only reads; connect to the primary/,
  )
})

test('what may lose messages is warned of; where it cannot be seen, that is said', how, async (t) => {
  const lasting = async (settings: Readonly<Record<string, string>>): Promise<readonly [boolean, string]> => {
    const { url } = await serverFor(t, 'redis', { settings })
    const { capabilities, lines } = await brokerFor(t, { url })
    return [capabilities.durable, lines.join('\n')]
  }
  assert.deepEqual(await lasting({}), [true, ''])
  const [durable, said] = await lasting({ appendonly: 'no' })
  assert.equal(durable, false)
  assert.match(said, /loses what it has taken when it ends \(\\?"appendonly no\\?"\): set/)
  assert.match((await lasting({ appendfsync: 'everysec' }))[1], /when the power goes \(\\?"appendfsync everysec\\?"\)/)
  assert.match((await lasting({ 'rename-command': 'CONFIG ""' }))[1], /could not be seen, as CONFIG is not allowed/)
})

test('clocks of the processes decide nothing: set back and forward, leases and order hold', how, async (t) => {
  const { url } = await serverFor(t, 'redis')
  let ahead = 0
  const jumping = { ...runtime, clock: { ...runtime.clock, now: () => runtime.clock.now() + ahead } }
  const broker = await brokerFor(t, { url, lease: 300 }, jumping)
  const seen: string[] = []
  let assigned = 0
  await broker.subscribe({
    group: 'g',
    topics: ['orders'],
    deliver: async (batch) => void seen.push(...batch.map(({ message }) => message.data)),
    assigned: async () => void assigned++,
  })
  const sent: string[] = []
  for (let n = 0; n < 20; n++) {
    ahead = n % 2 === 0 ? -86_400_000 : 86_400_000
    const message = messageOf('orders', 'a', n)
    sent.push(message.data)
    await broker.publish([message])
    await runtime.timers.sleep(20)
  }
  await until(() => seen.length === 20)
  assert.deepEqual(seen, sent)
  assert.equal(assigned, 8)
  assert.ok((await broker.lag()).every(({ since = Date.now() }) => Math.abs(since - Date.now()) < 60_000))
})

test('the rights of the guide are enough, and other keys are out of reach', how, async (t) => {
  const guide = readFileSync(new URL('../../../../docs/guides/redis.md', import.meta.url), 'utf8')
  const [, rules] = /^user shop on >… (.+)$/m.exec(guide)!
  const server = await serverFor(t, 'redis')
  const client = await clientFor(t, server)
  await client.sendCommand(['ACL', 'SETUSER', 'shop', 'on', `>${SECRET}`, ...rules!.split(' ')])
  const address = { url: server.url, credentials: { username: 'shop', password: SECRET } }
  const broker = await brokerFor(t, { ...address, prefix: 'shop', sweep: 50, lease: 300 })
  const done: string[] = []
  const deliver = async (): Promise<void> => void done.push('topic')
  await broker.receive({ queue: 'print', handle: async () => void done.push('queue') })
  const member = await broker.subscribe({ group: 'g', topics: ['orders'], deliver })
  await broker.publish([messageOf('orders', 'a', 1)])
  await broker.send([messageOf('print', '', 1)])
  await until(() => done.length === 2)
  await caughtUp(broker)
  await member.stop()
  await broker.seek({ group: 'g', topic: 'orders', to: 'beginning' })
  await broker.forget({ group: 'g', reason: 'over' })
  assert.deepEqual(
    broker.lines.filter((line) => line.includes('WARN') || line.includes('Cannot')),
    [],
  )
  const other = await brokerFor(t, { ...address, prefix: 'other' })
  await refused(
    () => other.publish([messageOf('orders', 'a', 1)]),
    'PERMISSION_DENIED',
    /the user may not do that; give it the commands of the guide/,
  )
})

test('stopped without waiting for what is in hand, it works on nothing more', how, async (t) => {
  const { url } = await serverFor(t, 'redis')
  const broker = await brokerFor(t, { url, lease: 200 })
  const errors: unknown[] = []
  const onError = (error: unknown): void => void errors.push(error)
  let inHand = 0
  const hang = (): Promise<never> => {
    inHand++
    return new Promise<never>(() => {})
  }
  await broker.subscribe({ group: 'g', topics: ['orders'], deliver: hang, onError })
  await broker.receive({ queue: 'print', handle: hang, onError })
  await broker.publish([messageOf('orders', 'a', 1)])
  await broker.send([messageOf('print', '', 1)])
  await until(() => inHand === 2)
  await broker.stop({ timeout: 20 })
  await runtime.timers.sleep(500)
  const before = errors.length
  await runtime.timers.sleep(500)
  assert.equal(errors.length, before)
})
