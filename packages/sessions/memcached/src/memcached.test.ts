import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import type { SessionStore } from 'dure/session'
import { sessionStoreConformance } from 'dure/session/conformance'
import { missingServer, startLocalServer, type LocalServer } from '@dure/testing/servers'
import { memcachedSessions, type MemcachedSessionsOptions } from './memcached.ts'

const LIFE = { subject: 'ida', data: '{}', idle: 60_000, absolute: 3_600_000 }
const skip = missingServer('memcached')

const until = async (holds: () => Promise<boolean>): Promise<void> => {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20))
}
const addressOf = ({ port }: LocalServer): string => `127.0.0.1:${port}`

async function rig(
  t: TestContext,
  { settings, ...more }: Partial<MemcachedSessionsOptions> & { readonly settings?: { m: number } } = {},
) {
  const server = await startLocalServer('memcached', settings === undefined ? {} : { settings })
  const store = memcachedSessions({ servers: [addressOf(server)], timeout: 30_000, ...more })
  t.after(async () => {
    await store.stop()
    await server.close()
  })
  return { server, store }
}

for (const count of [1, 3])
  sessionStoreConformance(
    `Memcached, ${count} of them`,
    async () => {
      const servers = await Promise.all(Array.from({ length: count }, () => startLocalServer('memcached')))
      const opened: SessionStore[] = []
      return {
        open: async () => {
          const store = memcachedSessions({ servers: servers.map(addressOf), timeout: 30_000 })
          opened.push(store)
          return store
        },
        close: async () => {
          await Promise.all([...opened.map((store) => store.stop()), ...servers.map((server) => server.close())])
        },
      }
    },
    { skip },
  )

test('while it is frozen or killed, callers are told so in time, and nobody gets the answer of another', { skip }, async (t) => {
  const { server, store } = await rig(t, { timeout: 300, pause: 20 })
  const ids = Array.from({ length: 20 }, (_, i) => `id${i}`)
  await until(() =>
    Promise.all(ids.map((id) => store.create(id, { ...LIFE, data: id }))).then(
      () => true,
      () => false,
    ),
  )
  server.freeze()
  const frozen = await Promise.allSettled(ids.map((id) => store.read(id)))
  assert.ok(frozen.every((one) => one.status === 'rejected' && (one.reason as { code: string }).code === 'UNAVAILABLE'))
  server.thaw()
  await until(async () => (await store.read('id0').catch(() => undefined)) !== undefined)
  // A slow machine may keep an answer for longer than it is waited for.
  const found = (id: string) => store.read(id).catch(() => undefined)
  for (const id of ids) {
    let session = await found(id)
    await until(async () => (session ??= await found(id)) !== undefined)
    assert.equal(session?.data, id)
  }
  await server.crash()
  await assert.rejects(store.read('id0'), { code: 'UNAVAILABLE', message: /Memcached at 127\.0\.0\.1/ })
  await server.start()
  // What it kept is gone: all are logged out.
  await until(async () => (await store.read('id0').catch(() => 'away')) === undefined)
  await until(async () => {
    await store.create('id0', LIFE).catch(() => {})
    return (await found('id0'))?.subject === 'ida'
  })
})

test('what it forgets is logged out, and nobody is somebody else', { skip }, async (t) => {
  const { store } = await rig(t, { settings: { m: 2 } })
  const count = 60
  for (let i = 0; i < count; i++) await store.create(`id${i}`, { ...LIFE, subject: `s${i}`, data: `${i} ${'x'.repeat(100_000)}` })
  let gone = 0
  for (let i = 0; i < count; i++) {
    const found = await store.read(`id${i}`)
    if (found === undefined) gone++
    else assert.deepEqual([found.subject, found.data.split(' ')[0]], [`s${i}`, String(i)])
  }
  assert.ok(gone > 0 && gone < count, `${gone} of ${count}`)
})

test('what is too large, and what lasts too long, is refused in words', { skip }, async (t) => {
  const { store } = await rig(t)
  const large = { ...LIFE, data: 'x'.repeat(2_000_000) }
  await assert.rejects(store.create('large', large), { code: 'INVALID_ARGUMENT', message: /no item of that size/ })
  assert.equal(await store.read('large'), undefined)
  await assert.rejects(store.create('long', { ...LIFE, idle: 31 * 86_400_000 }), { code: 'INVALID_ARGUMENT', message: /30 days/ })
})

test('a server that speaks otherwise is left, and the next call comes to a new connection', async (t) => {
  const answers = ['HTTP/1.1 400\r\n', 'EN\r\nEN\r\n', 'ERROR\r\n', 'VA 3 c1\r\n{]}\r\n', 'EN\r\n']
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    socket.on('data', () => void socket.write(answers.shift() ?? ''))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const store = memcachedSessions({ servers: [`127.0.0.1:${(server.address() as AddressInfo).port}`], pause: 0 })
  t.after(async () => {
    await store.stop()
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  await assert.rejects(store.read('a'), { code: 'UNAVAILABLE', message: /none of its answers/ })
  assert.equal(await store.read('a'), undefined)
  await until(async () => sockets.every((socket) => socket.destroyed))
  await assert.rejects(store.read('a'), { code: 'FAILED_PRECONDITION', message: /1\.6 or later/ })
  await assert.rejects(store.read('a'), { code: 'DATA_LOSS' })
  assert.equal(await store.read('a'), undefined)
})

test('servers, numbers and prefixes that cannot be are refused', () => {
  for (const servers of [[], ['localhost'], ['a:70000'], ['http://a:1'], ['a b:1']])
    assert.throws(() => memcachedSessions({ servers }), TypeError)
  assert.throws(() => memcachedSessions({ servers: ['a:1'], prefix: 'a b' }), TypeError)
  assert.throws(() => memcachedSessions({ servers: ['a:1'], timeout: 0 }), TypeError)
})
