import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { command, contract, ContractError, query } from 'dure/contract'
import { service, start, system } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { z } from 'zod'
import { rest } from './rest.ts'
import { cacheControlOf } from './cacheable.ts'

const at = (cache: object, scope?: string) =>
  query({
    output: z.string(),
    ...(scope !== undefined && { scope }),
    http: { routes: 'GET /a', cache: cache as { fresh: number } },
  })

test('what a contract says of how long an answer may be kept is said in its answers; who has it gets no body', async (t) => {
  const Clock = contract('clock', {
    version: '1.0.0',
    owner: 'team-time',
    operations: {
      zone: query({
        output: z.string(),
        http: { routes: ['GET /zone', 'POST /zone'], cache: { fresh: 60_000, stale: 300_000 } },
      }),
      plain: query({ output: z.string(), http: 'GET /plain' }),
    },
  })
  let zone = 'kr'
  const clock = service(Clock, { handlers: { zone: () => zone, plain: () => zone } })
  const directory = mkdtempSync(join(tmpdir(), 'dure-rest-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const running = await start(
    system('time', { services: [clock], doors: [rest({ port: 0 })], security: 'off', telemetry: false }),
    {
      ...{ directory, log: silentLogger() },
    },
  )
  t.after(() => running.stop())
  const url = running.doors[0]!.url!
  const get = async (path: string, init: RequestInit = {}) => {
    const { status, headers, ...rest } = await fetch(url + path, init).then(async (answer) => ({
      status: answer.status,
      headers: answer.headers,
      text: await answer.text(),
    }))
    return { status, caching: headers.get('cache-control'), tag: headers.get('etag'), ...rest }
  }
  const first = await get('/zone')
  assert.deepEqual([first.status, first.caching, first.text], [200, 'max-age=60, stale-if-error=300', '"kr"'])
  const known = { headers: { 'if-none-match': `"x", W/${first.tag}` } }
  assert.deepEqual(await get('/zone', known), { status: 304, caching: first.caching, tag: first.tag, text: '' })
  zone = 'us'
  assert.equal((await get('/zone', known)).status, 200)
  assert.equal((await get('/zone', { method: 'POST' })).caching, null)
  assert.deepEqual([(await get('/plain')).caching, (await get('/plain')).tag], [null, null])
})

test('what needs a scope is for one alone, unless its contract says that it is the same for all', () => {
  assert.equal(cacheControlOf(at({ fresh: 1_000 })), 'max-age=1')
  assert.equal(cacheControlOf(at({ fresh: 1_000 }, 'read')), 'private, max-age=1')
  assert.equal(cacheControlOf(at({ fresh: 1_000, shared: true }, 'read')), 'public, max-age=1')
  assert.equal(cacheControlOf(at({ fresh: 0, shared: false })), 'private, max-age=0')
  assert.equal(cacheControlOf(query({ output: z.string(), http: 'GET /a' })), undefined)
})

test('a cache that HTTP could not say, or for what is no query by GET, is refused with the contract', () => {
  const refused = (operation: ReturnType<typeof at>, why: RegExp): void =>
    assert.throws(
      () => contract('a', { version: '1.0.0', owner: 'a', operations: { look: operation } }),
      (error) => {
        assert.ok(error instanceof ContractError)
        assert.match(error.message, why)
        return true
      },
    )
  refused(at({ fresh: 1_500 }), /the cache fresh of 1500/)
  refused(at({ fresh: -1_000 }), /the cache fresh of -1000/)
  refused(at({ fresh: 1_000, stale: 0.5 }), /the cache stale of 0.5/)
  const posted = query({ output: z.string(), http: { routes: 'POST /a', cache: { fresh: 1_000 } } })
  refused(posted, /a cache for what is no query by GET/)
  const changed = command({ output: z.string(), http: { routes: 'POST /a', cache: { fresh: 1_000 } } })
  refused(changed as unknown as ReturnType<typeof at>, /a cache for what is no query by GET/)
})
