import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSessions, sessionCookie, sqliteSessions } from 'dure/session'
import { z } from 'zod'
import { authenticate } from './gateway.ts'
import { until } from './bytes.test-support.ts'
import { serving, started } from './gateway.test-support.ts'

test('who has a session is let in by its cookie, is named in the access log, and is out everywhere once logged out', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'dure-gateway-'))
  // A store for each gateway, as in processes of their own.
  const stores = [1, 2].map(() => sqliteSessions({ directory }))
  t.after(async () => {
    await Promise.all(stores.map((store) => store.stop()))
    rmSync(directory, { recursive: true })
  })
  const cookie = sessionCookie()
  const sessions = stores.map((store) => createSessions({ store, schema: z.object({}) }))
  let asked = 0
  const server = await serving(t, (_request, response) => (asked++, response.end('the order')))
  const gateways = await Promise.all(
    sessions.map((one) =>
      started(t, {
        routes: {
          upstreams: { server: { addresses: [server.address] } },
          filters: [
            authenticate(async ({ header }) => {
              const session = await one.read(cookie.read(header('cookie')))
              return session?.subject === undefined ? undefined : { name: session.subject }
            }),
          ],
          routes: { all: { prefix: '/', to: 'server' } },
        },
      }),
    ),
  )
  const statuses = (token: string): Promise<readonly number[]> => {
    const headers = { cookie: `theme=dark; ${cookie.write(token).split(';', 1)[0]}` }
    return Promise.all(gateways.map(async ({ get }) => (await get('/order', { headers })).status))
  }
  const visitor = await sessions[0]!.create({ data: {} })
  assert.deepEqual(await statuses(visitor.token), [401, 401])
  const login = await sessions[0]!.rotate(visitor, { subject: 'ida' })
  assert.ok(login.status === 'done')
  assert.deepEqual(await statuses(login.session.token), [200, 200])
  // Whoever had put his own token into the browser has nothing of the login.
  assert.deepEqual(await statuses(visitor.token), [401, 401])
  assert.deepEqual(await statuses('x'.repeat(43)), [401, 401])
  for (const { lines } of gateways) await until(() => lines.some(({ consumer, status }) => consumer === 'ida' && status === 200))
  await sessions[1]!.endAll('ida')
  assert.deepEqual(await statuses(login.session.token), [401, 401])
  assert.equal(asked, 2)
})
