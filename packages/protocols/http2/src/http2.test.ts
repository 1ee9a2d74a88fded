import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2'
import { createServer, type AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { realRuntime } from 'dure/runtime'
import {
  CANCEL,
  DATA,
  END_STREAM,
  GOAWAY,
  HEADERS,
  INTERNAL_ERROR,
  NO_ERROR,
  PING,
  RST_STREAM,
  SETTINGS,
  WINDOW_UPDATE,
} from './codes.ts'
import { serveHttp2, type Http2Receiver, type Http2Stream } from './http2.ts'
import { frame, get, number, OK, POST, post, PREFACE, rawClient, serving, until, type Frame } from './raw.test-support.ts'

const nothing: Http2Receiver = { data: () => {}, end: () => {}, aborted: () => {} }

/** Says again what it is told, no faster than it is heard. */
function echo(stream: Http2Stream): Http2Receiver {
  stream.respond(OK)
  return {
    data: (bytes) => {
      if (stream.write(bytes)) return
      stream.pause()
      stream.drained(() => stream.resume())
    },
    end: (trailers) => stream.end(trailers === undefined ? undefined : [...trailers]),
    aborted: () => {},
  }
}

function nodeClient(t: TestContext, port: number): ClientHttp2Session {
  const session = connect(`http://127.0.0.1:${port}`)
  session.on('error', () => {})
  t.after(() => session.destroy())
  return session
}

async function bodyOf(request: ClientHttp2Stream): Promise<Buffer> {
  return Buffer.concat(await request.toArray())
}

/** Whatever it is closed for. */
async function closed(request: ClientHttp2Stream): Promise<void> {
  while (!request.closed) await new Promise(setImmediate)
}

const isOf =
  (type: number, id: number) =>
  (frame: Frame): boolean =>
    frame.type === type && frame.id === id

test('Node’s client gets back what it says, many streams at once, of any size, with trailers', async (t) => {
  const { port, errors } = await serving(t, { onStream: echo })
  const session = nodeClient(t, port)
  const sizes = [0, 1, 16_383, 16_384, 16_385, 70_000, 1_000_000, 3_000_000]
  await Promise.all(
    [...sizes, ...sizes].map(async (size, i) => {
      const body = Buffer.alloc(size, `${i} `)
      const request = session.request({ ':method': 'POST', 'x-n': `${i}` }, { waitForTrailers: true })
      request.on('wantTrailers', () => request.sendTrailers({ 'x-sum': `${size}` }))
      const trailers = once(request, 'trailers')
      request.end(body)
      assert.ok((await bodyOf(request)).equals(body), `${size} bytes`)
      assert.equal(((await trailers) as [Record<string, string>])[0]['x-sum'], `${size}`)
    }),
  )
  assert.deepEqual(errors, [])
})

test('headers arrive by name, those that came more often joined, and are the same when said again', async (t) => {
  const seen: ReadonlyMap<string, string>[] = []
  const { port } = await serving(t, {
    onStream: (stream) => {
      seen.push(stream.headers)
      stream.respond(
        [
          [':status', '204'],
          ['x-a', 'b'],
        ],
        { end: true },
      )
      return nothing
    },
  })
  const session = nodeClient(t, port)
  for (let i = 0; i < 4; i++) {
    const request = session.request({ ':path': '/rice?a=b', cookie: ['a=1', 'b=2'], 'x-many': ['1', '2'] })
    const [headers] = (await once(request, 'response')) as [Record<string, unknown>]
    assert.equal(headers[':status'], 204)
    assert.equal(headers['x-a'], 'b')
  }
  for (const headers of seen)
    assert.deepEqual(Object.fromEntries(headers), {
      ':method': 'GET',
      ':path': '/rice?a=b',
      ':scheme': 'http',
      ':authority': `127.0.0.1:${port}`,
      cookie: 'a=1; b=2',
      'x-many': '1, 2',
    })
  assert.equal(seen.at(-1), seen.at(-2), 'read once')
})

test('a request that comes byte by byte is one', async (t) => {
  const { port } = await serving(t, { onStream: echo })
  const client = await rawClient(t, port)
  const all = Buffer.concat([post(1), frame(DATA, 0, 1, Buffer.from('hel')), frame(DATA, END_STREAM, 1, Buffer.from('lo'))])
  for (const byte of all) {
    client.say(Buffer.from([byte]))
    await new Promise(setImmediate)
  }
  await client.hears(({ type, flags, id }) => type === DATA && id === 1 && (flags & END_STREAM) !== 0)
  const body = client.frames.filter(isOf(DATA, 1)).map(({ payload }) => payload)
  assert.equal(Buffer.concat(body).toString(), 'hello')
})

test('a client gets no more than its windows take, on the stream and on the connection, and each stream its turn', async (t) => {
  const { port } = await serving(t, {
    onStream: (stream) => {
      stream.respond(OK)
      stream.write(Buffer.alloc(100_000, `${stream.id}`))
      stream.end([['x-end', 'yes']])
      return nothing
    },
  })
  const client = await rawClient(t, port, [[4, 10]])
  const got = (id: number): number => client.frames.filter(isOf(DATA, id)).reduce((sum, { payload }) => sum + payload.length, 0)
  client.say(get(1), get(3))
  await client.hears(isOf(DATA, 3))
  // The answer to a ping comes behind all that would have come.
  const flushed = async (word: string): Promise<void> => {
    client.say(frame(PING, 0, 0, Buffer.from(word)))
    assert.ok(await client.hears(({ type, payload }) => type === PING && payload.toString() === word))
  }
  await flushed('12345678')
  assert.deepEqual([got(1), got(3)], [10, 10])
  client.say(frame(WINDOW_UPDATE, 0, 1, number(5)))
  await flushed('abcdefgh')
  assert.deepEqual([got(1), got(3)], [15, 10])
  // A smaller window than what was sent already: nothing may be sent until it is above 0 again.
  client.say(frame(SETTINGS, 0, 0, Buffer.concat([number(4).subarray(2), number(0)])), frame(WINDOW_UPDATE, 0, 1, number(15)))
  await flushed('ABCDEFGH')
  assert.equal(got(1), 20)
  // Now the connection is what holds both back: 65,535 bytes in all.
  client.say(frame(WINDOW_UPDATE, 0, 1, number(1_000_000)), frame(WINDOW_UPDATE, 0, 3, number(1_000_000)))
  await until(() => got(1) + got(3) >= 65_535)
  await flushed('!!!!!!!!')
  assert.equal(got(1) + got(3), 65_535)
  client.say(frame(WINDOW_UPDATE, 0, 0, number(1_000_000)))
  const end = await client.hears(({ type, flags, id }) => type === HEADERS && id === 3 && (flags & END_STREAM) !== 0)
  assert.equal(end?.headers['x-end'], 'yes')
  assert.ok(await client.hears(({ type, flags, id }) => type === HEADERS && id === 1 && (flags & END_STREAM) !== 0))
  assert.deepEqual([got(1), got(3)], [100_000, 100_000])
  const order = client.frames
    .filter(({ type }) => type === DATA)
    .slice(-8)
    .map(({ id }) => id)
  assert.ok(order.includes(1) && order.includes(3), `${order.join()} in turn`)
})

test('what is not taken is not credited: a client may send a window full, and no more', async (t) => {
  let stream!: Http2Stream
  let [taken, ended] = [0, false]
  const { port } = await serving(t, {
    limits: { window: 65_535, connectionWindow: 131_070 },
    onStream: (opened) => {
      stream = opened
      stream.pause()
      stream.respond(OK)
      return {
        ...nothing,
        data: (bytes) => {
          taken += bytes.length
          // Paused again in between, once.
          if (taken === bytes.length) {
            stream.pause()
            setImmediate(() => stream.resume())
          }
        },
        end: () => {
          ended = true
          stream.end()
        },
      }
    },
  })
  const client = await rawClient(t, port)
  // In frames of 1 and of 16,384 bytes.
  const parts = [...Array.from({ length: 1_000 }, () => 1), 16_384, 16_384, 16_384, 15_383]
  client.say(post(1), ...parts.map((length) => frame(DATA, 0, 1, Buffer.alloc(length, 'x'))), frame(PING, 0, 0, Buffer.alloc(8)))
  assert.ok(await client.hears(({ type, flags }) => type === PING && flags === 1))
  const isCredit =
    (id: number) =>
    (one: Frame): boolean =>
      isOf(WINDOW_UPDATE, id)(one) && one.payload.readUInt32BE() < 70_000
  assert.equal(client.frames.filter(isCredit(1)).length, 0)
  assert.equal(taken, 0)
  stream.resume()
  assert.ok(await client.hears(isOf(WINDOW_UPDATE, 1)))
  await until(() => taken === 65_535)
  client.say(frame(DATA, END_STREAM, 1, Buffer.from('!')))
  await until(() => ended)
  assert.equal(taken, 65_536)
  // Who sends more than that is not a client to have.
  const wrong = await rawClient(t, port)
  wrong.say(post(1), ...Array.from({ length: 5 }, () => frame(DATA, 0, 1, Buffer.alloc(16_384))))
  assert.equal((await wrong.hears(isOf(RST_STREAM, 1)))?.payload.readUInt32BE(), 3)
})

test('what is said in one turn leaves with one write', async (t) => {
  let writes = 0
  const { port } = await serving(t, {
    onStream: (stream) => ({
      ...nothing,
      end: () => {
        stream.respond(OK)
        // Some of it one turn of promises later.
        void Promise.resolve().then(() => {
          stream.write(Buffer.from('a'))
          stream.write(Buffer.from('b'))
          stream.end([['x-end', 'yes']])
        })
      },
    }),
  })
  const client = await rawClient(t, port)
  client.socket.on('data', () => writes++)
  await client.hears(({ type, flags }) => type === SETTINGS && flags === 1)
  writes = 0
  client.say(...Array.from({ length: 50 }, (_, i) => get(i * 2 + 1)))
  assert.ok(await client.hears(({ type, flags, id }) => type === HEADERS && id === 99 && (flags & END_STREAM) !== 0))
  assert.equal(client.frames.filter(({ type }) => type === DATA).length, 100)
  assert.ok(writes <= 2, `${writes} parts came`)
})

test('taking leave: what is there and what is on its way is served, and then the connection ends', async (t) => {
  const held: Http2Stream[] = []
  const { port, connections } = await serving(t, {
    onStream: (stream) => {
      held.push(stream)
      return nothing
    },
  })
  const client = await rawClient(t, port)
  client.say(get(1))
  await until(() => held.length === 1)
  const gone = connections[0]!.goAway()
  const first = await client.hears(({ type }) => type === GOAWAY)
  assert.deepEqual([first?.payload.readUInt32BE(), first?.payload.readUInt32BE(4)], [0x7fff_ffff, NO_ERROR])
  const ping = (await client.hears(({ type }) => type === PING))!
  client.say(get(3), frame(PING, 1, 0, ping.payload))
  await until(() => held.length === 2)
  await client.hears(({ type, payload }) => type === GOAWAY && payload.readUInt32BE() === 3)
  // Too late: it is told by the id above.
  client.say(get(5))
  for (const stream of held) stream.respond(OK, { end: true })
  await gone
  await client.ended
  assert.equal(held.length, 2)
  assert.deepEqual(
    [1, 3, 5].map((id) => client.frames.some(isOf(HEADERS, id))),
    [true, true, false],
  )
  assert.deepEqual(await connections[0]!.closed, { code: 0, reason: 'It was taken leave of the client' })
  // Node’s client understands it, with nothing under way, too.
  const session = nodeClient(t, port)
  await once(session, 'connect')
  await until(() => connections.length === 2)
  await connections[1]!.goAway()
  if (!session.closed) await once(session, 'close')
})

test('a stream is aborted by its client’s reset and with its connection, and not when it was reset or ended here', async (t) => {
  const aborted: (readonly [path: string | undefined, code: number])[] = []
  const streams = new Map<string | undefined, Http2Stream>()
  const { port } = await serving(t, {
    onStream: (stream) => {
      const path = stream.headers.get(':path')
      streams.set(path, stream)
      stream.respond(OK)
      return { ...nothing, aborted: (code) => aborted.push([path, code]) }
    },
  })
  const session = nodeClient(t, port)
  const open = async (path: string): Promise<ClientHttp2Stream> => {
    const request = session.request({ ':path': path, ':method': 'POST' })
    request.on('error', () => {})
    await once(request, 'response')
    return request
  }
  const [reset, here, early, lost] = [await open('/reset'), await open('/here'), await open('/early'), await open('/lost')]
  reset.close(constants.NGHTTP2_CANCEL)
  await until(() => aborted.length === 1)
  streams.get('/here')!.reset(11)
  await closed(here)
  assert.equal(here.rstCode, 11)
  streams.get('/early')!.end()
  await closed(early.resume())
  assert.equal(early.rstCode, NO_ERROR)
  session.destroy()
  await until(() => aborted.length === 2)
  assert.deepEqual(aborted, [
    ['/reset', CANCEL],
    ['/lost', CANCEL],
  ])
  // What is written now goes nowhere, and throws nothing.
  assert.equal(streams.get('/lost')!.closed, true)
  assert.equal(streams.get('/lost')!.write(Buffer.from('late')), true)
  streams.get('/lost')!.end()
  void lost
})

test('a handler that throws loses its own stream and no other; misuse is named', async (t) => {
  const { port, errors } = await serving(t, {
    onStream: (stream) => {
      const path = stream.headers.get(':path')
      if (path === '/throws') throw new Error('out of rice')
      return {
        ...nothing,
        end: () => {
          if (path === '/late') throw new Error('too late')
          if (path === '/write') stream.write(Buffer.from('a'))
          stream.respond(path === '/name' ? [...OK, ['X', 'a']] : OK)
          if (path === '/twice') stream.respond(OK)
          stream.end()
        },
      }
    },
  })
  const session = nodeClient(t, port)
  const codeOf = async (path: string): Promise<number | undefined> => {
    const request = session.request({ ':path': path }).resume()
    request.on('error', () => {})
    await closed(request)
    return request.rstCode
  }
  for (const path of ['/throws', '/late', '/write', '/name', '/twice']) assert.equal(await codeOf(path), INTERNAL_ERROR, path)
  assert.equal(await codeOf('/well'), NO_ERROR)
  assert.deepEqual(
    errors.map((error) => (error as Error).message),
    [
      'out of rice',
      'too late',
      'Cannot write to the stream 5: it has not been answered yet: call "respond" first',
      'Cannot send the header "X": its name or its value has a character that none may have; encode it first',
      'Cannot answer the stream 9: it has been answered already',
    ],
  )
})

test('a socket is taken over with what was read of it; who waits for 100 is told to go on', async (t) => {
  const runtime = realRuntime()
  const server = createServer((socket) => {
    socket.once('data', (head: Buffer) => {
      socket.pause()
      socket.removeAllListeners('data')
      serveHttp2(socket, {
        runtime,
        onError: (error) => assert.fail(String(error)),
        onStream: (stream) => ({
          ...nothing,
          data: (bytes) => {
            stream.respond(OK)
            stream.write(bytes)
          },
          end: () => stream.end(),
        }),
        head,
      })
    })
  }).listen(0, '127.0.0.1')
  t.after(() => server.close())
  await once(server, 'listening')
  const client = await rawClient(t, (server.address() as AddressInfo).port)
  client.say(post(1, [...POST, ['expect', '100-continue']]))
  assert.equal((await client.hears(isOf(HEADERS, 1)))?.headers[':status'], '100')
  client.say(frame(DATA, END_STREAM, 1, Buffer.from('rice')))
  assert.equal((await client.hears(isOf(DATA, 1)))?.payload.toString(), 'rice')
  assert.ok(PREFACE.length === 24)
})

test('limits that cannot be used are refused', async (t) => {
  const { port, connections } = await serving(t)
  await rawClient(t, port)
  await until(() => connections.length === 1)
  for (const limits of [{ window: 1_000 }, { streams: 0 }, { burst: Number.NaN }])
    assert.throws(
      () => serveHttp2(undefined as never, { runtime: realRuntime(), onError: () => {}, onStream: () => nothing, limits }),
      /^TypeError: Cannot serve HTTP\/2: "(window|streams|burst)" is /,
    )
})
