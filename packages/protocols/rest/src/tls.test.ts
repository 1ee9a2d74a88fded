import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { get } from 'node:https'
import type { IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { contract, query } from 'dure/contract'
import { keyText, newKeys, openAuthority } from 'dure/identity/internal'
import { service, start, system } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { z } from 'zod'
import { rest } from './rest.ts'

const Clock = contract('clock', {
  version: '1.0.0',
  owner: 'tests',
  operations: { zone: query({ output: z.string(), http: 'GET /zone' }) },
})

test('a REST door with certificates speaks HTTPS; without ones that can be used it does not open', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'dure-rest-tls-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const authority = openAuthority({ directory, system: 'time', clock: { now: Date.now } })
  const { publicKey, privateKey } = newKeys()
  const certificate = authority.issue({ names: ['clock'], publicKey, life: 86_400_000 })
  const key = keyText(privateKey)
  const clock = service(Clock, { handlers: { zone: () => 'UTC' } })
  const startWith = (own: { certificate: string; key: string }) =>
    start(system('time', { services: [clock], doors: [rest({ port: 0, tls: { certificates: [own] } })], security: 'off' }), {
      directory: join(directory, 'data'),
      log: silentLogger(),
    })

  await assert.rejects(startWith({ certificate, key: keyText(newKeys().privateKey) }), /has a key that does not belong to it/)
  const running = await startWith({ certificate, key })
  t.after(() => running.stop())
  const url = running.doors[0]!.url!
  assert.match(url, /^https:/)
  const asked = get(`${url}/zone`, { ca: authority.roots, checkServerIdentity: () => undefined, agent: false })
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  assert.equal(await text(answer), '"UTC"')
})
