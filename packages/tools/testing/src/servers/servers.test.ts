import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { missingServer, serverPlaces, startLocalServer, type ServerKind } from './servers.ts'

test('a folder that is kept has its ports and its data at the next start', { skip: missingServer('nats') }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'dure-kept-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const first = await startLocalServer('nats', { directory })
  await first.close()
  const second = await startLocalServer('nats', { directory })
  assert.equal(second.url, first.url)
  await second.close()
  assert.ok(existsSync(directory))
})

test('a server that cannot start says its last words, and leaves nothing', { skip: missingServer('nats') }, async () => {
  await assert.rejects(startLocalServer('nats', { settings: { 'jetstream.sync_interval': 'soon' } }), {
    code: 'INTERNAL',
    message: /Starting a "nats" failed: it ended with 1\. The last it said: .*soon/s,
  })
})

test('a server that is not installed is said to be, with what to do', async (t) => {
  const { DURE_SERVERS, PATH } = process.env
  t.after(() => {
    process.env['PATH'] = PATH
    if (DURE_SERVERS === undefined) delete process.env['DURE_SERVERS']
    else process.env['DURE_SERVERS'] = DURE_SERVERS
  })
  process.env['DURE_SERVERS'] = '/nowhere'
  process.env['PATH'] = ''
  for (const kind of Object.keys(serverPlaces()) as readonly ServerKind[]) {
    assert.equal(missingServer(kind), `needs server: ${kind}`)
    await assert.rejects(startLocalServer(kind), {
      code: 'FAILED_PRECONDITION',
      message: new RegExp(`Starting a "${kind}" failed: version .* is not in "/nowhere/[^"]+".*To do: .*npm run servers`),
    })
  }
})
