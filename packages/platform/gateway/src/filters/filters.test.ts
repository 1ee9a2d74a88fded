import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, type IncomingMessage, request as ask } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { until } from '../bytes.test-support.ts'
import { before, bodyOf, serving, started } from '../gateway.test-support.ts'
import { apiKeys, authenticate, bodyLimit, cors, filter, headers, redirect, requestLimit, rewrite } from '../gateway.ts'

test('filters change requests and answers, answer themselves, and find out who asks', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'dure-gateway-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'keys.json')
  writeFileSync(file, JSON.stringify({ app: [createHash('sha256').update('secret').digest('hex')] }))
  const server = await serving(t, async (request, response) => {
    const { 'x-added': added, 'x-secret': secret, 'x-api-key': key } = request.headers
    response
      .setHeader('server', 'x')
      .end(JSON.stringify({ url: request.url, added, secret, key, body: await bodyOf(request).catch(() => 'cut') }))
  })
  const upstreams = { server: { addresses: [server.address] } }
  const route = (prefix: string, ...filters: readonly ReturnType<typeof filter>[]) => ({ prefix, to: 'server', filters })
  const { get, lines } = await started(t, {
    routes: {
      upstreams,
      routes: {
        headers: route(
          '/headers',
          headers({ request: { 'x-added': 'yes', 'x-secret': false }, answer: { server: false, 'x-own': '1' } }),
        ),
        rewrite: { path: '/rewrite/{id}', to: 'server', filters: [rewrite({ path: '/v2/{id}/x' })] },
        strip: route('/api', rewrite({ without: '/api', before: '/inner' })),
        slash: route('/old', rewrite({ without: '/old', before: '/new/' })),
        redirect: route('/redirect', redirect({ to: '/elsewhere' })),
        cors: route('/cors', cors({ origins: ['https://shop.example'], credentials: true })),
        body: route('/body', bodyLimit(10)),
        rate: route('/rate', requestLimit({ rate: 2, per: 60_000, by: 'address' })),
        keys: route('/keys', apiKeys({ file }), requestLimit({ rate: 3, per: 60_000 })),
        later: route(
          '/later',
          authenticate(async ({ header }) => (header('x-who') === undefined ? undefined : { name: header('x-who')! }), {
            optional: true,
          }),
        ),
        error: {
          prefix: '/error',
          to: 'server',
          filters: [filter('fails', { before: () => Promise.reject(new Error('inside')) })],
        },
      },
    },
  })
  const changed = await get('/headers', { headers: { 'x-secret': 's' } })
  assert.deepEqual(JSON.parse(changed.text), { url: '/headers', added: 'yes', body: '' })
  assert.deepEqual([changed.headers.get('server'), changed.headers.get('x-own')], [null, '1'])
  assert.match((await get('/rewrite/a%2Fb?q=1')).text, /"url":"\/v2\/a%2Fb\/x\?q=1"/)
  assert.match((await get('/rewrite/a:b@c,d=e&f$+%3B')).text, /"url":"\/v2\/a:b@c,d=e&f\$%2B%3B\/x"/)
  assert.match((await get('/api/orders/?q')).text, /"url":"\/inner\/orders\/\?q"/)
  // However its letters are written, and whatever is empty between: what has come to a route is rewritten as it says.
  for (const path of ['/%61pi/a%2Fb', '//api/a%2Fb', '/%61p%69//a%2Fb'])
    assert.match((await get(path)).text, /"url":"\/inner\/{1,2}a%2Fb"/, path)
  for (const [path, url] of Object.entries({
    '/%6Fld': '/new/',
    '/old': '/new/',
    '/old/': '/new/',
    '/old?q': '/new/?q',
    '/old/a/': '/new/a/',
  }))
    assert.equal((JSON.parse((await get(path)).text) as { readonly url: string }).url, url)
  const moved = await get('/redirect')
  assert.deepEqual([moved.status, moved.headers.get('location')], [302, '/elsewhere'])
  const preflight = await get('/cors', {
    method: 'OPTIONS',
    headers: { origin: 'https://shop.example', 'access-control-request-method': 'PUT' },
  })
  assert.deepEqual([preflight.status, preflight.headers.get('access-control-allow-origin')], [204, 'https://shop.example'])
  assert.equal(
    (await get('/cors', { headers: { origin: 'https://evil.example' } })).headers.get('access-control-allow-origin'),
    null,
  )
  assert.equal((await get('/body', { method: 'POST', body: 'x'.repeat(10) })).status, 200)
  assert.equal((await get('/body', { method: 'POST', body: 'x'.repeat(11) })).status, 413)
  const streamed = { method: 'POST', body: new Blob(['x'.repeat(5), 'x'.repeat(6)]).stream(), duplex: 'half' } as RequestInit
  assert.equal((await get('/body', streamed)).status, 413)
  assert.deepEqual([(await get('/rate')).status, (await get('/rate')).status, (await get('/rate')).status], [200, 200, 429])
  assert.equal((await get('/keys')).status, 401)
  assert.equal((await get('/keys', { headers: { 'x-api-key': 'wrong' } })).status, 401)
  assert.deepEqual(JSON.parse((await get('/keys', { headers: { 'x-api-key': 'secret' } })).text), { url: '/keys', body: '' })
  assert.equal((await get('/later', { headers: { 'x-who': 'ida' } })).status, 200)
  assert.equal((await get('/error')).status, 500)
  await until(() => lines.some(({ route }) => route === 'error'))
  assert.equal(lines.find(({ route, status }) => route === 'keys' && status === 200)!.consumer, 'app')
  assert.equal(lines.find(({ route }) => route === 'later')!.consumer, 'ida')
  assert.match(lines.find(({ route }) => route === 'error')!.failure!, /inside/)
})

test('a filter reads a body that comes in parts and answers it, or has it passed on whole; what is too long or says no length it does not get', async (t) => {
  let reading = 0
  const reader = filter('reader', {
    before: async (request) => {
      reading++
      const body = await request.body(100)
      if (request.path === '/own') return { status: 200, body: `read ${body?.toString() ?? 'nothing'}` }
      request.setHeader('x-read', String(body?.length))
      return undefined
    },
  })
  const server = await serving(t, (request, response) => {
    void bodyOf(request).then((text) => response.end(`got ${text} ${String(request.headers['x-read'])}`))
  })
  const { url } = await started(t, { routes: before(server.address, { filters: [reader] }) })
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.after(() => agent.destroy())
  const send = async (path: string, parts: readonly string[], length?: number): Promise<string> => {
    const headers = length === undefined ? {} : { 'content-length': length }
    const outgoing = ask(url + path, { method: 'POST', agent, headers })
    const seen = reading
    const answer = once(outgoing, 'response') as Promise<[IncomingMessage]>
    const [first = '', ...others] = parts
    outgoing.write(first)
    // It is being waited for when the rest comes.
    await until(() => reading > seen)
    for (const each of others) outgoing.write(each)
    outgoing.end()
    const [response] = await answer
    return bodyOf(response)
  }
  // All on one connection: nothing of a body is taken for the next request.
  for (let i = 0; i < 3; i++) {
    assert.equal(await send('/own', ['abc', 'd', 'ef'], 6), 'read abcdef')
    assert.equal(await send('/on', ['abc', 'def'], 6), 'got abcdef 6')
    assert.equal(await send('/on', ['abc', 'def']), 'got abcdef undefined')
    assert.equal(await send('/on', ['x'.repeat(101)], 101), `got ${'x'.repeat(101)} undefined`)
  }
  assert.equal(await send('/own', ['abc']), 'read nothing')
  assert.equal(await send('/own', ['abc', 'def'], 6), 'read abcdef')
})
