import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { dure, temporary } from './shell.test-support.ts'
import { spawned } from './spawned.test-support.ts'

test('dure gateway: sessions of logins are in Redis or in Memcached, as a file names them', async () => {
  const file = join(temporary(), 'gateway.yaml')
  const write = (sessions: string): void =>
    writeFileSync(
      file,
      `routes:
  one:
    prefix: /
    to: one
    filters:
      - login: { issuer: https://login.example, clientId: shop, clientSecret: { clear: a }, url: https://shop.example, sessions: '${sessions}' }
upstreams: { one: { addresses: ['127.0.0.1:1'] } }
`,
    )
  for (const unknown of ['ftp://cache:21', 'memcached://', 'memcached://a/b']) {
    write(unknown)
    const { code, err } = await dure(['gateway', '--config', file], { cwd: import.meta.dirname })
    assert.equal(code, 2)
    assert.match(err, /its "sessions" are nowhere that is known; give a folder, redis:\/\/HOST:PORT, or memcached:\/\/HOST:PORT/)
  }
  // Nothing listens there, and whoever brings no session is no question to it.
  for (const sessions of ['redis://127.0.0.1:1', 'memcached://127.0.0.1:1,127.0.0.1:2']) {
    write(sessions)
    const running = spawned(['gateway', '--config', file, '--port', '0'], { cwd: import.meta.dirname })
    await running.until(/Gateway at /)
    const [, url] = /Gateway at ([^\s,]+)/.exec(running.all())!
    assert.equal((await fetch(url!)).status, 401)
    const cookie = { cookie: `__Host-session=${'a'.repeat(43)}` }
    assert.equal((await fetch(url!, { headers: cookie })).status, 503)
    running.child.kill('SIGTERM')
    assert.equal(await running.exit, 0)
  }
})
