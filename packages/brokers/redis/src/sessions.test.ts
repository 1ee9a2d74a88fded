import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SessionStore } from 'dure/session'
import { sessionStoreConformance } from 'dure/session/conformance'
import { missingServer, startLocalServer } from '@dure/testing/servers'
import { redisSessions } from './redis.ts'
import { clientFor, serverFor, until } from './redis.test-support.ts'

const LIFE = { subject: 'ida', data: '{}', idle: 60_000, absolute: 3_600_000 }

for (const kind of ['redis', 'valkey'] as const) {
  const skip = missingServer(kind)

  sessionStoreConformance(
    kind,
    async () => {
      const server = await startLocalServer(kind)
      const opened: SessionStore[] = []
      return {
        open: async () => {
          const store = redisSessions({ url: server.url, timeout: 30_000 })
          opened.push(store)
          return store
        },
        close: async () => {
          await Promise.all(opened.map((store) => store.stop()))
          await server.close()
        },
      }
    },
    { skip },
  )

  test(
    `${kind}: while it is killed or frozen, callers are told so in time; sessions are there afterwards`,
    { skip },
    async (t) => {
      const server = await serverFor(t, kind)
      const store = redisSessions({ url: server.url, timeout: 300, pause: 50 })
      t.after(() => store.stop())
      const there = async (): Promise<boolean> => (await store.read('id').catch(() => undefined)) !== undefined
      await until(() =>
        store.create('id', LIFE).then(
          () => true,
          () => false,
        ),
      )
      await until(there)
      server.freeze()
      await assert.rejects(store.read('id'), { code: 'UNAVAILABLE' })
      // Whether that is done is not known: it is when the server goes on, and it is not taken for another's answer.
      await assert.rejects(store.update('id', { version: 1, data: 'frozen' }), { code: 'UNAVAILABLE' })
      server.thaw()
      await until(there)
      await server.crash()
      await assert.rejects(store.create('other', LIFE), { code: 'UNAVAILABLE' })
      await server.start()
      await until(async () => (await store.read('id').catch(() => undefined))?.subject === 'ida')
    },
  )

  test(`${kind}: with its memory full it takes no new ones; old ones are read and ended`, { skip }, async (t) => {
    const server = await serverFor(t, kind, { settings: { maxmemory: '6mb', 'maxmemory-policy': 'noeviction' } })
    const store = redisSessions({ url: server.url, timeout: 30_000, pause: 60_000 })
    t.after(() => store.stop())
    const data = 'x'.repeat(100_000)
    const filling = async (): Promise<void> => {
      for (let i = 0; i < 500; i++) await store.create(`id${i}`, { ...LIFE, data })
    }
    await assert.rejects(filling, { code: 'RESOURCE_EXHAUSTED', message: /its memory is full/ })
    assert.equal((await store.read('id0'))?.data, data)
    await store.endAll('ida')
    assert.equal(await store.read('id0'), undefined)
  })

  test(`${kind}: all keys go by themselves, and hold nobody's name`, { skip }, async (t) => {
    const server = await serverFor(t, kind)
    const store = redisSessions({ url: server.url, timeout: 30_000, prefix: 'shop' })
    t.after(() => store.stop())
    const client = await clientFor(t, server)
    await store.create('a', { ...LIFE, subject: 'ida@example.com', absolute: 1_500 })
    await store.create('b', { ...LIFE, subject: undefined, idle: 1_500 })
    const keys = await client.keys('*')
    assert.equal(keys.length, 3)
    assert.ok(
      keys.every((key) => key.startsWith('shop:session') && !key.includes('ida')),
      keys.join(),
    )
    await until(async () => (await client.keys('*')).length === 0)
  })
}

test('a prefix that is none is refused', () => {
  assert.throws(() => redisSessions({ url: 'redis://127.0.0.1:1', prefix: '' }), TypeError)
  assert.throws(() => redisSessions({ url: 'redis://127.0.0.1:1', timeout: 0 }), TypeError)
})
