import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { brotliDecompressSync, createZstdDecompress, gunzipSync, gzipSync, zstdDecompressSync } from 'node:zlib'
import { before, bodyOf, rawGet, serving, started } from '../gateway.test-support.ts'
import { talk, until } from '../bytes.test-support.ts'
import { bodyLimit, cache, compress, filter } from '../gateway.ts'

const TEXT = JSON.stringify(Array.from({ length: 500 }, (_, i) => ({ id: i, name: `item ${i}` })))
const JSON_TYPE = { 'content-type': 'application/json' }

test('an answer is compressed as its client likes it best, and says so to whoever keeps it', async (t) => {
  const server = await serving(t, (_request, response) =>
    response
      .writeHead(200, { ...JSON_TYPE, etag: '"one"', 'accept-ranges': 'bytes', vary: 'origin', 'content-length': TEXT.length })
      .end(TEXT),
  )
  const { url } = await started(t, { routes: before(server.address, { filters: [compress()] }) })
  for (const [accepted, coding, unpack] of [
    ['gzip', 'gzip', gunzipSync],
    ['br;q=0.9, gzip;q=0.8', 'br', brotliDecompressSync],
    ['gzip, br, zstd', 'zstd', zstdDecompressSync],
    ['zstd;q=0, *', 'br', brotliDecompressSync],
  ] as const) {
    const { headers, body } = await rawGet(url, { 'accept-encoding': accepted })
    assert.equal(headers['content-encoding'], coding, accepted)
    assert.equal(unpack(body).toString(), TEXT)
    assert.ok(body.length < TEXT.length / 4)
    assert.deepEqual(
      [headers['etag'], headers['vary'], headers['accept-ranges'], headers['content-length']],
      ['W/"one"', 'origin, accept-encoding', undefined, undefined],
    )
  }
  for (const accepted of ['identity', 'gzip;q=0', 'compress']) {
    const { headers, body } = await rawGet(url, { 'accept-encoding': accepted })
    assert.deepEqual(
      [headers['content-encoding'], headers['vary'], headers['etag']],
      [undefined, 'origin, accept-encoding', '"one"'],
    )
    assert.equal(body.toString(), TEXT)
  }
})

test('what must stay as it is does: short, encoded, a part, of another type, for a HEAD, with no-transform, with cookies, of a route that is excepted', async (t) => {
  const packed = gzipSync(TEXT)
  const server = await serving(t, (request, response) => {
    const path = request.url!
    if (path === '/short') response.writeHead(200, { ...JSON_TYPE, 'content-length': 2 }).end('{}')
    else if (path === '/packed') response.writeHead(200, { ...JSON_TYPE, 'content-encoding': 'gzip' }).end(packed)
    else if (path === '/part') response.writeHead(206, { ...JSON_TYPE, 'content-range': 'bytes 0-9/100' }).end(TEXT)
    else if (path === '/image') response.writeHead(200, { 'content-type': 'image/png' }).end(TEXT)
    else if (path === '/kept') response.writeHead(200, { ...JSON_TYPE, 'cache-control': 'max-age=1, no-transform' }).end(TEXT)
    else if (path === '/trailed') {
      response.writeHead(200, { ...JSON_TYPE, trailer: 'x-sum' })
      response.write(TEXT)
      response.addTrailers({ 'x-sum': '1' })
      response.end()
    } else response.writeHead(200, JSON_TYPE).end(TEXT)
  })
  const route = { to: 'server', filters: [compress({ except: ['secret'] })] }
  const routes = { all: { prefix: '/', ...route }, secret: { path: '/secret', ...route } }
  const { url } = await started(t, { routes: { routes, upstreams: { server: { addresses: [server.address] } } } })
  const gzip = { 'accept-encoding': 'gzip' }
  for (const path of ['/short', '/part', '/image', '/kept', '/trailed', '/secret']) {
    const { headers } = await rawGet(url + path, gzip)
    assert.equal(headers['content-encoding'], undefined, path)
  }
  assert.deepEqual((await rawGet(`${url}/packed`, gzip)).body, packed)
  assert.equal((await rawGet(`${url}/a`, { ...gzip, cookie: 'session=1' })).headers['content-encoding'], undefined)
  assert.equal((await rawGet(`${url}/a`, { ...gzip, authorization: 'Basic YTpi' })).headers['content-encoding'], undefined)
  assert.equal((await rawGet(`${url}/a`, { ...gzip, authorization: 'Bearer t' })).headers['content-encoding'], 'gzip')
  const head = await rawGet(`${url}/a`, gzip, 'HEAD')
  assert.deepEqual([head.headers['content-encoding'], head.headers['vary'], head.body.length], [undefined, 'accept-encoding', 0])
})

test('events are compressed one by one: each is there before the next is sent', async (t) => {
  let send = (_event: string): void => {}
  const server = await serving(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    send = (event) => void response.write(`data: ${event}\n\n`)
    send('0')
  })
  for (const accepted of ['gzip', 'br', 'zstd']) {
    const { url } = await started(t, { routes: before(server.address, { filters: [compress()] }) })
    const answer = await fetch(url, { headers: { 'accept-encoding': accepted } })
    assert.equal(answer.headers.get('content-encoding'), accepted)
    const reader = answer.body!.getReader()
    for (let i = 0; i < 3; i++) {
      const { value } = await reader.read()
      assert.equal(Buffer.from(value!).toString(), `data: ${i}\n\n`, accepted)
      send(String(i + 1))
    }
    await reader.cancel()
  }
})

test('who takes slowly slows the one who sends: what is endless stands, and what was sent comes out whole', async (t) => {
  // More than the window: nothing of it is told by what was there before.
  const random = randomBytes(1_048_576)
  const partOf = (i: number): Buffer => random.subarray((i % 16) * 65_536, ((i % 16) + 1) * 65_536)
  let [parts, written] = [Infinity, 0]
  const server = await serving(t, async (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/plain' })
    for (; written < parts; written++) if (!response.write(partOf(written))) await once(response, 'drain')
    response.end()
  })
  const { url } = await started(t, { routes: before(server.address, { filters: [compress({ codings: ['zstd'] })] }) })
  const request = get(url, { headers: { 'accept-encoding': 'zstd' }, agent: false })
  const [answer] = (await once(request, 'response')) as [IncomingMessage]
  // Nobody reads: after a while nothing more is sent.
  let [last, same] = [-1, 0]
  await until(() => {
    same = last === written ? same + 1 : 0
    last = written
    return same > 50
  })
  // What sockets and buffers hold.
  assert.ok(written < 512, `${written} parts were taken`)
  parts = written + 64
  const hash = createHash('sha256')
  for await (const bytes of answer.pipe(createZstdDecompress())) hash.update(bytes as Buffer)
  const whole = createHash('sha256')
  for (let i = 0; i < parts; i++) whole.update(partOf(i))
  assert.equal(hash.digest('hex'), whole.digest('hex'))
})

test('who goes in the middle ends it, and an upstream that breaks off ends the client’s connection', async (t) => {
  let broken: (() => void) | undefined
  const server = await serving(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/plain' })
    response.write(randomBytes(65_536))
    broken = () => response.destroy()
  })
  const { url, lines } = await started(t, { routes: before(server.address, { filters: [compress({ atOnce: 1 })] }) })
  const port = Number(new URL(url).port)
  const ask = 'GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n'
  const gone = talk(t, port, ask)
  await gone.hears(/content-encoding: gzip/)
  gone.socket.destroy()
  await until(() => lines.length === 1)
  const cut = talk(t, port, ask)
  // The place of the first one is free again.
  await cut.hears(/content-encoding: gzip/)
  broken!()
  assert.ok(!(await cut.end()).endsWith('0\r\n\r\n'))
})

test('own answers are compressed as well, also for a client that knows no chunks; the next request of the connection is answered', async (t) => {
  const own = filter('own', {
    before: ({ path }) => (path === '/own' ? { status: 200, headers: JSON_TYPE, body: TEXT } : undefined),
  })
  const server = await serving(t, (_request, response) => response.writeHead(200, JSON_TYPE).end(TEXT))
  const { url } = await started(t, { routes: before(server.address, { filters: [compress({ codings: ['gzip'] }), own] }) })
  assert.equal(gunzipSync((await rawGet(`${url}/own`, { 'accept-encoding': 'gzip' })).body).toString(), TEXT)
  const port = Number(new URL(url).port)
  const two = talk(
    t,
    port,
    'GET /own HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\nGET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
  )
  const said = await two.end()
  assert.match(said, /^HTTP\/1\.1 200 OK\r\n[^]*content-encoding: gzip[^]*\r\n0\r\n\r\nHTTP\/1\.1 200 OK/)
  for (const path of ['/own', '/a']) {
    const old = await talk(t, port, `GET ${path} HTTP/1.0\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n`).end()
    const end = old.indexOf('\r\n\r\n') + 4
    assert.doesNotMatch(old.slice(0, end), /content-length|transfer-encoding/i)
    assert.equal(gunzipSync(Buffer.from(old.slice(end), 'latin1')).toString(), TEXT)
  }
})

test('what a client has packed is nobody’s to unpack: it passes as it is, and is bounded as it is', async (t) => {
  const bomb = gzipSync(Buffer.alloc(10_000_000))
  const seen: number[] = []
  const server = await serving(t, async (request, response) => {
    seen.push((await bodyOf(request)).length > 0 ? Number(request.headers['content-length']) : 0)
    response.end()
  })
  const { get: ask } = await started(t, { routes: before(server.address, { filters: [compress(), bodyLimit(100_000)] }) })
  const sent = await ask('/', { method: 'POST', body: bomb, headers: { 'content-encoding': 'gzip' } })
  assert.equal(sent.status, 200)
  assert.deepEqual(seen, [bomb.length])
})

test('compressed once for all who take it so: a cache around it keeps its work', async (t) => {
  let asked = 0
  const server = await serving(t, (_request, response) => {
    asked++
    response.writeHead(200, { ...JSON_TYPE, 'cache-control': 'max-age=60', etag: '"one"' }).end(TEXT)
  })
  const { url } = await started(t, {
    routes: before(server.address, { filters: [cache(), compress({ codings: ['gzip', 'br'] })] }),
  })
  for (const accepted of ['gzip', 'gzip;q=1.0', 'GZIP']) {
    const { headers, body } = await rawGet(url, { 'accept-encoding': accepted })
    assert.equal(headers['content-encoding'], 'gzip')
    assert.equal(gunzipSync(body).toString(), TEXT)
  }
  assert.equal(asked, 1)
  assert.equal((await rawGet(url)).body.toString(), TEXT)
  assert.equal(brotliDecompressSync((await rawGet(url, { 'accept-encoding': 'br' })).body).toString(), TEXT)
  assert.equal(asked, 3)
  assert.equal((await rawGet(url, { 'accept-encoding': 'gzip', 'if-none-match': '"one"' })).status, 304)
  assert.equal(asked, 3)
})

test('codings that Node has not, and numbers that are none, are refused', () => {
  assert.throws(() => compress({ codings: ['deflate' as 'gzip'] }), /Cannot compress answers by "deflate": give gzip, br or zstd/)
  assert.throws(() => compress({ least: -1 }), /Cannot compress answers/)
})
