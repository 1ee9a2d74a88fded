import assert from 'node:assert/strict'
import type { RequestListener, ServerResponse } from 'node:http'
import { test, type TestContext } from 'node:test'
import { before, rawGet, serving, started } from '../gateway.test-support.ts'
import { talk, until } from '../bytes.test-support.ts'
import { authenticate, cache, filter, headers, type CacheOptions, type Filter } from '../gateway.ts'

/** A server that counts what it is asked, behind a cache. */
async function cached(t: TestContext, answer: RequestListener, options: CacheOptions & { around?: readonly Filter[] } = {}) {
  let asked = 0
  const { around = [], ...cacheOptions } = options
  const server = await serving(t, (request, response) => {
    asked++
    answer(request, response)
  })
  const made = await started(t, { routes: before(server.address, { filters: [...around, cache(cacheOptions)] }) })
  const get = (path: string, sent: Readonly<Record<string, string>> = {}, method = 'GET') => rawGet(made.url + path, sent, method)
  return { ...made, ...server, get, asked: () => asked }
}

test('an answer that may be kept is given again, with its age; a HEAD, and who has it, gets no body', async (t) => {
  const { get, asked } = await cached(t, (request, response) =>
    response.writeHead(200, { 'cache-control': 'max-age=60', etag: '"a"', 'x-own': 'yes', age: '7' }).end(`body ${request.url}`),
  )
  const first = await get('/a?b')
  assert.equal(first.headers['cache-status'], undefined)
  const again = await get('/a?b')
  assert.deepEqual([again.status, again.body.toString(), again.headers['x-own']], [200, 'body /a?b', 'yes'])
  assert.match(again.headers['cache-status']!.toString(), /^gateway; hit/)
  assert.ok(Number(again.headers['age']) >= 7)
  assert.notEqual(again.headers['x-correlation-id'], first.headers['x-correlation-id'])
  const head = await get('/a?b', {}, 'HEAD')
  assert.deepEqual([head.status, head.headers['content-length'], head.body.length], [200, '9', 0])
  const known = await get('/a?b', { 'if-none-match': 'W/"a"' })
  assert.deepEqual([known.status, known.headers['etag'], known.headers['x-own'], known.body.length], [304, '"a"', undefined, 0])
  assert.equal(asked(), 1)
  await get('/a')
  await get('/a?b', { 'cache-control': 'no-cache' })
  await get('/a?b', { host: 'other.example' })
  assert.equal(asked(), 4)
  assert.equal((await get('/nothing', { 'cache-control': 'only-if-cached' })).status, 504)
  assert.equal(asked(), 4)
})

test('what is private is never kept, nor what is for whoever is known, or sets a cookie', async (t) => {
  const said: Record<string, Record<string, string>> = {
    '/private': { 'cache-control': 'Private, max-age=60' },
    '/cookie': { 'cache-control': 'max-age=60', 'set-cookie': 'a=b' },
    '/silent': { etag: '"a"' },
    '/plain': { 'cache-control': 'max-age=60' },
    '/public': { 'cache-control': 'public, max-age=60' },
  }
  const who = authenticate(async ({ header }) => (header('x-user') === undefined ? undefined : { name: header('x-user')! }), {
    optional: true,
  })
  const { get, asked } = await cached(
    t,
    (request, response) => response.writeHead(200, said[request.url!]!).end(`for ${request.headers['x-user'] ?? 'anybody'}`),
    { around: [who] },
  )
  for (const path of ['/private', '/cookie', '/silent']) {
    const was = asked()
    await get(path)
    await get(path)
    assert.equal(asked() - was, 2, path)
  }
  for (const user of ['ida', 'joe']) assert.equal((await get('/plain', { 'x-user': user })).body.toString(), `for ${user}`)
  assert.equal((await get('/plain')).body.toString(), 'for anybody')
  // Kept by now, for those whom nobody knows.
  assert.equal((await get('/plain', { 'x-user': 'ida' })).body.toString(), 'for ida')
  assert.equal((await get('/plain', { authorization: 'Bearer t' })).body.toString(), 'for anybody')
  const was = asked()
  await get('/plain')
  assert.equal(asked(), was)
  await get('/public', { 'x-user': 'ida' })
  assert.equal((await get('/public', { 'x-user': 'joe' })).body.toString(), 'for ida')
  assert.equal(asked(), was + 1)
})

test('answers that depend on a field are kept apart, as the request is passed on', async (t) => {
  const tenant = headers({ request: { 'x-tenant': 'one' } })
  const { get, asked } = await cached(
    t,
    ({ headers: sent }, response) =>
      response
        .writeHead(200, { 'cache-control': 'max-age=60', vary: 'Accept-Language, X-Tenant' })
        .end(`${sent['accept-language'] ?? '-'} ${String(sent['x-tenant'])}`),
    { around: [tenant] },
  )
  for (const language of ['ko', 'en', 'ko', 'en'])
    assert.equal((await get('/', { 'accept-language': language })).body.toString(), `${language} one`)
  assert.equal(asked(), 2)
  // What a client says of itself here is not what is passed on.
  await get('/', { 'accept-language': 'ko', 'x-tenant': 'two' })
  assert.equal(asked(), 2)
})

test('what is not fresh any more is asked for again, and what has not changed is not sent again; the connection is kept', async (t) => {
  const ports = new Set<number | undefined>()
  const { get, asked } = await cached(t, (request, response) => {
    ports.add(request.socket.remotePort)
    if (request.headers['if-none-match'] === '"a"') response.writeHead(304, { etag: '"a"', 'x-count': String(asked()) }).end()
    else response.writeHead(200, { 'cache-control': 'max-age=0', etag: '"a"', 'x-count': '1' }).end('body')
  })
  await get('/')
  const again = await get('/')
  assert.deepEqual([again.status, again.body.toString(), again.headers['x-count']], [200, 'body', '2'])
  assert.match(again.headers['cache-status']!.toString(), /fwd-status=304/)
  assert.equal((await get('/', { 'if-none-match': '"a"' })).status, 304)
  assert.equal((await get('/', { 'if-none-match': '"b"' })).status, 200)
  assert.equal(asked(), 4)
  assert.equal(ports.size, 1)
})

test('when nobody answers, or with 503, what was kept is given, if it may be', async (t) => {
  let down = false
  const { get, server } = await cached(t, (request, response) => {
    if (down) response.writeHead(503).end('down')
    else
      response
        .writeHead(200, {
          'cache-control': request.url === '/strict' ? 'max-age=0, must-revalidate' : 'max-age=0, stale-if-error=60',
          etag: '"a"',
        })
        .end('up')
  })
  await get('/')
  await get('/strict')
  down = true
  const stale = await get('/')
  assert.deepEqual([stale.status, stale.body.toString()], [200, 'up'])
  assert.match(stale.headers['cache-status']!.toString(), /fwd=stale/)
  assert.equal((await get('/strict')).status, 503)
  server.closeAllConnections()
  server.close()
  assert.equal((await get('/')).body.toString(), 'up')
  assert.ok((await get('/strict')).status >= 502)
})

test('of requests for the same at once one is passed on; when its client goes, another one asks', async (t) => {
  const held: (() => void)[] = []
  const { get, asked, url } = await cached(
    t,
    (_request, response) => void held.push(() => response.writeHead(200, { 'cache-control': 'max-age=60' }).end('body')),
  )
  const first = talk(t, Number(new URL(url).port), 'GET /a HTTP/1.1\r\nHost: a\r\n\r\n')
  await until(() => held.length === 1)
  const others = Array.from({ length: 20 }, () => get('/a', { host: 'a' }))
  first.socket.destroy()
  await until(() => held.length === 2)
  held[1]!()
  for (const { body } of await Promise.all(others)) assert.equal(body.toString(), 'body')
  assert.equal(asked(), 2)
})

test('who waits and goes keeps nobody waiting', async (t) => {
  const held: (() => void)[] = []
  const { get, url, lines } = await cached(
    t,
    (_request, response) => void held.push(() => response.writeHead(200, { 'cache-control': 'max-age=60' }).end('body')),
  )
  const ask = (): ReturnType<typeof talk> => talk(t, Number(new URL(url).port), 'GET /a HTTP/1.1\r\nHost: a\r\n\r\n')
  const first = ask()
  await until(() => held.length === 1)
  ask().socket.once('connect', function gone(this: { destroySoon: () => void }) {
    this.destroySoon()
  })
  await until(() => lines.length === 1)
  first.socket.destroy()
  await until(() => lines.length === 2)
  const next = get('/a', { host: 'a' })
  await until(() => held.length === 2)
  held[1]!()
  assert.equal((await next).body.toString(), 'body')
})

test('of those who wait for one that is not answered each is given what was kept, at once', async (t) => {
  const held: ServerResponse[] = []
  const server = await serving(t, (_request, response) => {
    if (held.push(response) === 1) response.writeHead(200, { 'cache-control': 'max-age=0, stale-if-error=60' }).end('kept')
  })
  let arrived = 0
  const counting = filter('counting', { before: () => void arrived++ })
  const { url } = await started(t, { routes: before(server.address, { filters: [counting, cache()], attempts: 1 }) })
  await rawGet(url)
  const all = Array.from({ length: 5 }, () => rawGet(url))
  await until(() => held.length === 2 && arrived === 6)
  held[1]!.writeHead(503).end()
  for (const { status, body } of await Promise.all(all)) assert.deepEqual([status, body.toString()], [200, 'kept'])
  assert.equal(held.length, 2)
})

test('what cannot be kept is waited for once, and not again', async (t) => {
  let inside = 0
  let most = 0
  const held: (() => void)[] = []
  const { get, asked } = await cached(t, (_request, response) => {
    most = Math.max(most, ++inside)
    held.push(() => {
      inside--
      response.writeHead(200, { 'cache-control': 'no-store' }).end('mine')
    })
  })
  const all = Array.from({ length: 10 }, () => get('/a'))
  await until(() => held.length === 1)
  held.shift()!()
  await until(() => held.length === 9)
  for (const answer of held) answer()
  await Promise.all(all)
  assert.deepEqual([asked(), most], [10, 9])
})

test('what is changed is forgotten, and not what could not be', async (t) => {
  const { get, asked } = await cached(t, ({ method, url }, response) =>
    response
      .writeHead(
        method === 'GET' ? 200 : url === '/refused' ? 409 : 204,
        method === 'GET' ? { 'cache-control': 'max-age=60' } : {},
      )
      .end(),
  )
  for (const [path, count] of [
    ['/a', 3],
    ['/refused', 2],
  ] as const) {
    const was = asked()
    await get(path)
    await get(path, {}, 'PUT')
    await get(path)
    assert.equal(asked() - was, count, path)
  }
})

test('it is bounded: what was used longest ago goes, a long answer and a part of one are not kept', async (t) => {
  const { get, asked, server } = await cached(
    t,
    ({ url, headers: sent }, response) => {
      if (sent.range !== undefined)
        return void response.writeHead(206, { 'cache-control': 'max-age=60', 'content-range': 'bytes 0-0/9' }).end('b')
      response.writeHead(200, { 'cache-control': 'max-age=60' })
      response.end('b'.repeat(url === '/long' ? 20_001 : 10_000))
    },
    { bytes: 35_000, largest: 20_000 },
  )
  for (const path of ['/1', '/2', '/1', '/3', '/4', '/1', '/long', '/long']) await get(path)
  assert.equal(asked(), 6)
  await get('/2')
  assert.equal(asked(), 7)
  for (let i = 0; i < 2; i++) assert.equal((await get('/1', { range: 'bytes=0-0' })).body.length, 1)
  assert.equal(asked(), 9)
  assert.equal((await get('/1')).body.length, 10_000)
  assert.ok(server)
})

test('an answer that broke off is not kept', async (t) => {
  let breaks = true
  const { get, asked } = await cached(t, (_request, response) => {
    response.writeHead(200, { 'cache-control': 'max-age=60', 'content-length': 10 })
    response.write('half ', () => (breaks ? response.destroy() : response.end('whole')))
  })
  await assert.rejects(get('/'))
  breaks = false
  assert.equal((await get('/')).body.toString(), 'half whole')
  assert.equal((await get('/')).body.toString(), 'half whole')
  assert.equal(asked(), 2)
})

test('numbers that are none are refused', () => {
  assert.throws(() => cache({ bytes: 0 }), /Cannot cache answers/)
  assert.throws(() => cache({ stale: -1 }), /Cannot cache answers/)
})
