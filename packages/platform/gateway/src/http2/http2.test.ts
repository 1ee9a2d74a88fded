import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type ClientHttp2Session, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2'
import type { RequestListener } from 'node:http'
import type { Writable } from 'node:stream'
import { test, type TestContext } from 'node:test'
import { filter, headers as changeHeaders, type RouteOptions } from '../gateway.ts'
import { before, bodyOf, named, serving, started } from '../gateway.test-support.ts'
import { answering, speaking, until } from '../bytes.test-support.ts'
import { ask, ownCertificate, skip } from '../tls.test-support.ts'
import { DATA, get, GOAWAY, rawClient } from './frames.test-support.ts'

type Answered = {
  readonly headers: IncomingHttpHeaders & { readonly ':status'?: number }
  readonly informed: readonly IncomingHttpHeaders[]
  readonly trailers: IncomingHttpHeaders | undefined
  readonly text: string
}

/** A gateway before one server, and a client of Node's. */
async function speaks(
  t: TestContext,
  to: RequestListener | string,
  options: Partial<Parameters<typeof started>[1]> & { readonly route?: Partial<RouteOptions> } = {},
) {
  const { route, ...others } = options
  const own = ownCertificate()
  const address = typeof to === 'string' ? to : (await serving(t, to)).address
  const gateway = await started(t, { routes: before(address, route), tls: { certificates: [own] }, ...others })
  const session = connect(gateway.url, { ca: own.certificate })
  t.after(() => void session.destroy())
  session.on('error', () => {})
  return { ...gateway, session, ca: own.certificate }
}

function send(session: ClientHttp2Session, headers: OutgoingHttpHeaders, body?: string | Buffer, trailers?: OutgoingHttpHeaders) {
  const stream = session.request(headers, { endStream: body === undefined, waitForTrailers: trailers !== undefined })
  if (trailers !== undefined) stream.on('wantTrailers', () => stream.sendTrailers(trailers))
  if (body !== undefined) stream.end(body)
  return stream
}

function asked(...words: Parameters<typeof send>): Promise<Answered> {
  const stream = send(...words)
  const informed: IncomingHttpHeaders[] = []
  let [headers, trailers, text]: [IncomingHttpHeaders, IncomingHttpHeaders | undefined, string] = [{}, undefined, '']
  stream.on('headers', (more) => informed.push(more))
  stream.on('response', (given) => (headers = given))
  stream.on('trailers', (given) => (trailers = given))
  stream.setEncoding('latin1')
  stream.on('data', (part: string) => (text += part))
  return new Promise((resolve, reject) => {
    stream.on('error', reject)
    stream.on('aborted', () => reject(new Error('It was cut off')))
    stream.on('close', () => resolve({ headers, informed, trailers, text }))
  })
}

test('requests of HTTP/2 take the same routes, filters and log, and services see HTTP/1.1', { skip }, async (t) => {
  const note = filter('note', {
    before: (request) =>
      request.path === '/teapot' ? { status: 418, body: 'short and stout' } : request.setHeader('x-note', request.host),
  })
  const filters = [note, changeHeaders({ answer: { 'strict-transport-security': 'max-age=31536000', server: false } })]
  const { session, lines, ca, url } = await speaks(
    t,
    async (request, response) => {
      const body = await bodyOf(request)
      response
        .setHeader('server', 'node')
        .setHeader('set-cookie', ['a=1', 'b=2'])
        .setHeader('age', ['1', '2'] as never)
      const text = JSON.stringify({ method: request.method, headers: request.headers, body })
      response.setHeader('content-length', text.length).end(text)
    },
    { route: { filters, methods: ['GET', 'HEAD', 'POST'] } },
  )
  const cookies = { cookie: ['a=b', 'c=d'] }
  const first = await asked(session, { ':path': '/a?b', ':authority': 'shop.example', te: 'trailers', ...cookies })
  assert.equal(first.headers[':status'], 200)
  assert.deepEqual(first.headers['set-cookie'], ['a=1', 'b=2'])
  assert.equal(first.headers['strict-transport-security'], 'max-age=31536000')
  assert.equal(first.headers['server'], undefined)
  assert.equal(first.headers['connection'], undefined)
  assert.ok(first.headers['x-correlation-id'])
  const seen = JSON.parse(first.text) as { readonly headers: Record<string, string> }
  assert.deepEqual(
    [seen.headers['host'], seen.headers['x-note'], seen.headers['x-forwarded-proto'], seen.headers['cookie'], seen.headers['te']],
    ['shop.example', 'shop.example', 'https', 'a=b; c=d', 'trailers'],
  )
  assert.match(seen.headers['via']!, /^2\.0 /)

  const posted = await asked(session, { ':path': '/b', ':method': 'POST' }, 'hello')
  const echo = JSON.parse(posted.text) as {
    readonly method: string
    readonly body: string
    readonly headers: Record<string, string>
  }
  assert.deepEqual([echo.method, echo.body, echo.headers['transfer-encoding']], ['POST', 'hello', 'chunked'])
  const counted = await asked(session, { ':path': '/b', ':method': 'POST', 'content-length': 5 }, 'hello')
  assert.equal((JSON.parse(counted.text) as typeof echo).headers['content-length'], '5')
  const head = await asked(session, { ':path': '/c', ':method': 'HEAD' })
  assert.deepEqual([head.headers[':status'], head.text, Number(head.headers['content-length']) > 0], [200, '', true])
  assert.equal((await asked(session, { ':path': '/teapot' })).text, 'short and stout')
  assert.equal((await asked(session, { ':path': '/c', ':method': 'DELETE' })).headers[':status'], 405)
  assert.equal((await asked(session, { ':path': '/c/../d' })).headers[':status'], 400)
  // Those who do not know HTTP/2 are served on the same port.
  assert.equal((await ask(`${url}/d`, { ca })).status, 200)

  await until(() => lines.length === 8)
  assert.deepEqual(
    lines.map(({ method, path, status, route }) => `${method} ${path} ${status} ${route}`),
    [
      ...['GET /a 200 one', 'POST /b 200 one', 'POST /b 200 one', 'HEAD /c 200 one', 'GET /teapot 418 one'],
      ...['DELETE /c 405 -', 'GET /c/../d 400 -', 'GET /d 200 one'],
    ],
  )
  assert.equal(lines[0]!.host, 'shop.example')
})

test('many streams at once, each with its own answer', { skip }, async (t) => {
  const { session, lines } = await speaks(
    t,
    (request, response) => void bodyOf(request).then((body) => response.end(`${request.url} ${body}`)),
  )
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, i) => asked(session, { ':path': `/${i}`, ':method': 'POST' }, 'x'.repeat(i * 10))),
  )
  for (const [i, { text }] of answers.entries()) assert.equal(text, `/${i} ${'x'.repeat(i * 10)}`)
  await until(() => lines.length === 100)
})

test('words before an answer, Expect, and trailers both ways', { skip }, async (t) => {
  const { session } = await speaks(t, async (request, response) => {
    response.writeEarlyHints({ link: '</a.css>; rel=preload' })
    const body = await bodyOf(request)
    response.writeHead(200, { trailer: 'x-sum' })
    response.write(body)
    response.addTrailers({ 'x-sum': String(request.trailers['x-check']) })
    response.end()
  })
  const headers = { ':path': '/', ':method': 'POST', expect: '100-continue' }
  const { informed, text, trailers } = await asked(session, headers, 'hello', { 'x-check': '42' })
  assert.deepEqual(
    informed.map((each) => (each as { ':status'?: number })[':status']),
    [100, 103],
  )
  assert.equal(informed[1]!['link'], '</a.css>; rel=preload')
  assert.equal(text, 'hello')
  assert.equal(trailers?.['x-sum'], '42')
  // Bodies of a said length have no trailers in HTTP/1.1: they are left out.
  const counted = await asked(session, { ...headers, 'content-length': 5 }, 'hello', { 'x-check': '42' })
  assert.equal(counted.trailers?.['x-sum'], 'undefined')
})

/** Waits until a number has been the same for many looks. */
async function stands(of: () => number): Promise<void> {
  let [last, looks] = [-1, 0]
  await until(() => {
    looks = last === of() ? looks + 1 : 0
    last = of()
    return looks > 20
  })
}

test('whoever takes slowly slows the service, and whoever serves slowly slows the client', { skip }, async (t) => {
  const big = Buffer.alloc(65_536, 'x')
  /** Writes for ever, until it is told how much is all. */
  const endless = () => {
    const written = { parts: 0, all: Infinity }
    const into = (stream: Writable): void => {
      while (written.parts < written.all && (written.parts++, stream.write(big)));
      if (written.parts < written.all) stream.once('drain', () => into(stream))
      else stream.end()
    }
    /** What fits into sockets and buffers is written, and no more. */
    const standing = async (): Promise<void> => {
      await stands(() => written.parts)
      assert.ok(written.parts < 400, `${written.parts} parts were taken`)
      written.all = written.parts + 16
    }
    return { written, into, standing }
  }
  const [down, up] = [endless(), endless()]
  let heard = 0
  let listens: (() => void) | undefined
  const { session } = await speaks(t, (request, response) => {
    if (request.method !== 'POST') return down.into(response)
    request.pause()
    listens = () => {
      request.on('data', (bytes: Buffer) => (heard += bytes.length))
      request.on('end', () => response.end('all'))
      request.resume()
    }
  })
  const stream = session.request({ ':path': '/big' })
  await once(stream, 'response')
  await down.standing()
  let came = 0
  for await (const bytes of stream) came += (bytes as Buffer).length
  assert.equal(came, down.written.all * big.length)

  const upload = session.request({ ':path': '/upload', ':method': 'POST' })
  up.into(upload)
  await until(() => listens !== undefined)
  await up.standing()
  listens!()
  upload.resume()
  await once(upload, 'close')
  assert.equal(heard, up.written.all * big.length)
})

test('a stream that is reset is a client that has gone: its service is told, and the others go on', { skip }, async (t) => {
  let closed = 0
  let came = 0
  const { session, lines } = await speaks(t, (request, response) => {
    if (request.url === '/b') return void response.end('b')
    came++
    response.on('close', () => closed++)
  })
  const stream = session.request({ ':path': '/a' })
  stream.on('error', () => {})
  await until(() => came === 1)
  stream.close(8)
  await until(() => closed === 1 && lines.length === 1)
  assert.equal(lines[0]!.status, 499)
  assert.equal((await asked(session, { ':path': '/b' })).text, 'b')
})

test('a part of an answer is never taken for the whole', { skip }, async (t) => {
  const port = await speaking(
    t,
    answering((socket, head) => {
      const chunked = head.startsWith('GET /chunked')
      const body = chunked ? 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n' : 'Content-Length: 50\r\n\r\nhello'
      socket.write(`HTTP/1.1 200 OK\r\n${body}`)
      setImmediate(() => socket.destroy())
    }),
  )
  const { session, lines } = await speaks(t, `127.0.0.1:${port}`)
  for (const path of ['/chunked', '/counted']) await assert.rejects(asked(session, { ':path': path }), path)
  await until(() => lines.length === 2)
  for (const { failure } of lines) assert.match(failure!, /it ended the connection|ECONNRESET|closed/)
})

test('an answer before all was sent is given, and the rest is not asked for', { skip }, async (t) => {
  const { session } = await speaks(t, (_request, response) => void response.end('never'), {
    routes: { routes: {}, upstreams: {} },
  })
  const stream = session.request({ ':path': '/a', ':method': 'POST' })
  let status = 0
  stream.on('response', (headers) => (status = headers[':status'] ?? 0))
  stream.on('error', () => {})
  stream.resume()
  stream.write('begun')
  await once(stream, 'close')
  assert.equal(status, 404)
  assert.equal((await asked(session, { ':path': '/b' })).headers[':status'], 404)
})

test('who closes answers what is under way, and says that it goes', { skip }, async (t) => {
  const held: (() => void)[] = []
  const { session, stop, lines } = await speaks(t, (request, response) => {
    if (request.url === '/held') held.push(() => response.end('late'))
    else response.end('now')
  })
  const late = asked(session, { ':path': '/held' })
  await until(() => held.length === 1)
  const gone = once(session, 'goaway')
  const stopped = stop()
  const [code] = (await gone) as [number]
  assert.equal(code, 0)
  held[0]!()
  assert.equal((await late).text, 'late')
  await stopped
  assert.deepEqual(
    lines.map(({ status }) => status),
    [200],
  )
})

test('who sends a request after that is told that nobody has looked at it', { skip }, async (t) => {
  const held: (() => void)[] = []
  const { url, stop } = await speaks(t, (_request, response) => void held.push(() => response.end('late')))
  const client = await rawClient(t, url)
  client.say(get(1))
  await until(() => held.length === 1)
  const stopped = stop()
  const goaway = await client.hears(({ type }) => type === GOAWAY)
  // The last stream that is answered: those behind it may be sent again, whatever they are (RFC 9113, section 6.8).
  assert.equal(goaway?.payload.readUInt32BE(), 1)
  client.say(get(3))
  held[0]!()
  assert.equal((await client.hears(({ type, id }) => type === DATA && id === 1))?.payload.toString(), 'late')
  await stopped
  await client.ended
  assert.equal(held.length, 1)
})

test('a gateway is replaced under load of HTTP/2 without one lost request', { skip }, async (t) => {
  const server = await named(t, 'one')
  const own = ownCertificate()
  const options = { routes: before(server.address), tls: { certificates: [own] } }
  let gateway = await started(t, options)
  /** By clients, since the gateway is another one. */
  const answered = Array.from({ length: 4 }, () => 0)
  const failures: string[] = []
  let ends = false
  const client = async (_each: unknown, i: number): Promise<void> => {
    const open = (): ClientHttp2Session => connect(gateway.url, { ca: own.certificate }).on('error', () => {})
    let session = open()
    while (!ends) {
      if (session.closed || session.destroyed) session = open()
      try {
        assert.equal((await asked(session, { ':path': '/a' })).text, 'one GET /a')
        answered[i]!++
      } catch (error) {
        // What the gateway says that it has not looked at may be sent again (RFC 9113, section 8.7).
        const { code, message } = error as { readonly code?: string; readonly message: string }
        if (
          code === 'ERR_HTTP2_GOAWAY_SESSION' ||
          message.includes('NGHTTP2_REFUSED_STREAM') ||
          code === 'ERR_HTTP2_INVALID_SESSION'
        )
          continue
        failures.push(`${code} ${message}`)
      }
    }
    session.destroy()
  }
  const clients = Promise.all(Array.from(answered, client))
  for (let round = 1; round <= 3; round++) {
    await until(() => answered.every((count) => count > 5))
    const old = gateway
    gateway = await started(t, options)
    await old.stop()
    answered.fill(0)
  }
  ends = true
  await clients
  assert.deepEqual(failures, [])
})
