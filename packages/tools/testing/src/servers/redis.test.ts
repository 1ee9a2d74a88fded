import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serverTests, talk } from './life.test-support.ts'
import { missingServer, startLocalServer } from './servers.ts'

for (const kind of ['redis', 'valkey'] as const) {
  serverTests(kind, {
    write: async ({ port }) => assert.match(await talk(port, 'XADD orders 1-1 order first\r\n', /\n[^]*\n/), /1-1/),
    read: async ({ port }) => (await talk(port, 'XLEN orders\r\n', /\n/)) === ':1\r\n',
  })

  test(`a ${kind} with an account lets nobody else in`, { skip: missingServer(kind) }, async () => {
    const server = await startLocalServer(kind, { account: { name: 'shop', password: 'secret' } })
    assert.equal(server.url, `redis://shop:secret@127.0.0.1:${server.port}`)
    assert.match(await talk(server.port, 'PING\r\n', /\n/), /NOAUTH/)
    assert.match(await talk(server.port, 'AUTH shop secret\r\nPING\r\n', /PONG/), /PONG/)
    await server.close()
  })
}
