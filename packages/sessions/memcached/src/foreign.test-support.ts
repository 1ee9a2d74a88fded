/** `node foreign.test-support.ts PYTHON`: what programs with redis-py and pymemcache see of sessions, and end of them; a line for each check. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { z } from 'zod'
import { createSessions, type SessionStore } from 'dure/session'
import { redisSessions } from '@dure/redis'
import { check } from '@dure/testing/foreign'
import { startLocalServer } from '@dure/testing/servers'
import { memcachedSessions } from './memcached.ts'

const [, , python = 'python3'] = process.argv
const program = fileURLToPath(new URL('foreign.py', import.meta.url))
const schema = z.object({ cart: z.array(z.string()) })
const idOf = (token: string): string => createHash('sha256').update(token).digest('base64url')

async function proof(kind: 'redis' | 'memcached', open: (port: number) => () => SessionStore): Promise<void> {
  const server = await startLocalServer(kind)
  const [one, other] = [open(server.port)(), open(server.port)()]
  const [here, there] = [createSessions({ store: one, schema, idle: 60_000 }), createSessions({ store: other, schema })]
  const ask = async <T>(step: string, ...keys: readonly string[]): Promise<T> =>
    JSON.parse((await promisify(execFile)(python, [program, kind, String(server.port), step, ...keys])).stdout) as T
  const name = kind === 'redis' ? 'redis-py' : 'pymemcache'
  try {
    const { token } = await here.create({ subject: 'ida@example.com', data: { cart: ['apple'] } })
    const key = `dure:session:${idOf(token)}`
    await check(`${name} reads a session, and how long it has; its token is nowhere`, async () => {
      const found = await ask<unknown[]>('look', key)
      const text = JSON.stringify(found)
      assert.ok(!text.includes(token), text)
      if (kind === 'redis') {
        const { left, kind: type } = (found as { key: string; left: number; kind: string }[]).find((item) => item.key === key)!
        assert.ok(left > 0 && left <= 60_000, `${left} ms`)
        assert.equal(type, 'hash')
        assert.ok(!text.includes('ida'), text)
        return
      }
      const [kept] = found as { d: string; i: number }[]
      assert.deepEqual([JSON.parse(kept!.d), kept!.i], [{ cart: ['apple'] }, 60_000])
    })
    await check(`${name} ends it, and both processes say that it has ended`, async () => {
      const found = await there.read(token)
      assert.ok(found !== undefined)
      assert.equal(await ask('end', key), 1)
      assert.equal(await here.read(token), undefined)
      assert.deepEqual(await there.update(found, { cart: [] }), { status: 'gone' })
    })
  } finally {
    await Promise.all([one.stop(), other.stop()])
    await server.close()
  }
}

await proof('redis', (port) => () => redisSessions({ url: `redis://127.0.0.1:${port}` }))
await proof('memcached', (port) => () => memcachedSessions({ servers: [`127.0.0.1:${port}`] }))
