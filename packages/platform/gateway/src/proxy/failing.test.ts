import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Socket } from 'node:net'
import type { Decisions } from './proxy.ts'
import { answering, ok, proxyTo, speaking, statusOf, talk, until } from '../bytes.test-support.ts'

const GET = 'GET /a HTTP/1.1\r\nHost: a\r\n\r\n'
const POST = 'POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n'

// What an upstream says, and what becomes of it: a status, or an answer that ends before its end.
const UPSTREAMS: Readonly<Record<string, readonly [says: string, then: 'end' | 'reset' | 'stay', expected: number | 'cut']>> = {
  'dies before an answer': ['', 'end', 502],
  'resets before an answer': ['', 'reset', 502],
  'dies in the middle of a head': ['HTTP/1.1 200 OK\r\nContent-', 'end', 502],
  'dies in the middle of a body': ['HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc', 'end', 'cut'],
  'dies in the middle of a chunk': ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab', 'end', 'cut'],
  'dies before the last chunk': ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n', 'end', 'cut'],
  'resets a body that goes until the end': ['HTTP/1.1 200 OK\r\n\r\nabc', 'reset', 'cut'],
  'says two lengths': ['HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc', 'stay', 502],
  'says its length in two ways': ['HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc', 'stay', 502],
  'says a length that is none': ['HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\nabc', 'stay', 502],
  'sends a chunk that is none': ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n', 'stay', 502],
  'folds a field': ['HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\n\r\n', 'stay', 502],
  'ends a line with LF': ['HTTP/1.1 200 OK\nContent-Length: 0\n\n', 'stay', 502],
  'speaks another protocol': ['SSH-2.0-OpenSSH_9.2\r\n\r\n', 'stay', 502],
  'speaks HTTP/2': ['HTTP/2.0 200 OK\r\n\r\n', 'stay', 502],
  'changes to a protocol that nobody asked for': [
    'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n',
    'stay',
    502,
  ],
  'says for ever that an answer will come': ['HTTP/1.1 102 Processing\r\n\r\n'.repeat(100), 'stay', 502],
  'sends a head without end': [`HTTP/1.1 200 OK\r\nX-A: ${'a'.repeat(20_000)}`, 'stay', 502],
  'sends fields without end': [`HTTP/1.1 200 OK\r\n${'a: b\r\n'.repeat(200)}\r\n`, 'stay', 502],
  'does not answer': ['', 'stay', 504],
}

for (const [what, [says, then, expected]] of Object.entries(UPSTREAMS))
  test(`an upstream that ${what}`, async (t) => {
    const port = await speaking(
      t,
      answering((socket) => {
        const after = (): void => void (then === 'end' ? socket.end() : then === 'reset' ? socket.resetAndDestroy() : undefined)
        // A reset would take away what is on its way.
        if (says === '') after()
        else socket.write(says, 'latin1', () => (then === 'reset' ? setTimeout(after, 50) : after()))
      }),
    )
    const begin: Decisions['begin'] = (client) =>
      void ((client.correlation = 'c'), (client.timeout = expected === 504 ? 100 : 60_000)) as undefined
    const gateway = await proxyTo(t, port, { retries: 0, decisions: { begin } })
    const { hears, end } = talk(t, gateway.port, GET)
    if (expected === 'cut') {
      const said = await end()
      assert.match(said, /^HTTP\/1.1 200 OK\r\n/)
      assert.doesNotMatch(said, /0\r\n\r\n$/)
    } else assert.match(await hears(/\r\n\r\n\{[^]*\}$/), new RegExp(`(^|\r\n\r\n)HTTP/1.1 ${expected} `))
    await until(() => gateway.ended.length === 1)
    // The connection is not used again.
    assert.equal(gateway.endpoints[0]!.connections(), 0)
    assert.equal(gateway.endpoints[0]!.pending(), 0)
  })

test('an upstream that sends its head byte by byte has no more time than others', async (t) => {
  const port = await speaking(t, (socket) => {
    const bytes = `HTTP/1.1 200 OK\r\nX-A: ${'a'.repeat(10_000)}`[Symbol.iterator]()
    socket.once('data', () => {
      const timer = setInterval(() => void socket.write(bytes.next().value as string), 5)
      socket.on('close', () => clearInterval(timer))
    })
  })
  const begin: Decisions['begin'] = (client) => void ((client.correlation = 'c'), (client.timeout = 200)) as undefined
  const gateway = await proxyTo(t, port, { retries: 0, decisions: { begin } })
  assert.equal(await statusOf(t, gateway.port, GET), 504)
  assert.equal(gateway.endpoints[0]!.connections(), 0)
})

test('what comes after an answer is nobody’s answer', async (t) => {
  let connections = 0
  const port = await speaking(t, (socket) => {
    connections++
    answering((same) => same.write(ok('mine') + ok('poison')))(socket)
  })
  const gateway = await proxyTo(t, port)
  const { hears, say } = talk(t, gateway.port, GET)
  await hears(/mine$/)
  say(GET)
  assert.doesNotMatch(await hears(/mine[^]*mine$/), /poison/)
  assert.equal(connections, 2)
})

test('bytes of an upstream that nobody has asked for end its connection', async (t) => {
  const sockets: Socket[] = []
  const port = await speaking(t, (socket) => {
    sockets.push(socket)
    answering((same) => same.write(ok('mine')))(socket)
  })
  const gateway = await proxyTo(t, port)
  const { hears, say } = talk(t, gateway.port, GET)
  await hears(/mine$/)
  sockets[0]!.write(ok('poison'))
  await until(() => gateway.endpoints[0]!.connections() === 0)
  say(GET)
  assert.doesNotMatch(await hears(/mine[^]*mine$/), /poison/)
})

test('a request that may be repeated is sent again when a kept connection is found ended, another is not', async (t) => {
  let requests = 0
  const port = await speaking(
    t,
    answering((socket, _head, count) => {
      requests++
      // Its second request meets a connection that ends.
      if (count === 2) socket.destroy()
      else socket.write(ok('fine'))
    }),
  )
  const gateway = await proxyTo(t, port)
  const { hears, say } = talk(t, gateway.port, GET)
  await hears(/fine$/)
  say(GET)
  await hears(/fine[^]*fine$/)
  assert.equal(requests, 3)
  say(`${POST}hello`)
  await hears(/HTTP\/1.1 502 [^]*\}$/)
  assert.deepEqual(
    gateway.ended.map(({ status }) => status),
    [200, 200, 502],
  )
})

test('a body that was kept whole is sent again, and one that was not is not', async (t) => {
  const bodies: number[] = []
  let connections = 0
  const port = await speaking(t, (socket) => {
    const dies = ++connections % 2 === 1
    let size = 0
    socket.on('data', (bytes) => {
      size += bytes.length
      const text = bytes.toString('latin1')
      if (!text.includes('END')) return
      bodies.push(size)
      if (dies) socket.destroy()
      else socket.write(ok('fine'))
    })
  })
  const decisions: Partial<Decisions> = { tried: (client, _endpoint, how) => typeof how === 'object' && client.tries < 2 }
  const fresh = () => proxyTo(t, port, { limits: { replay: 1_000 }, decisions })
  const put = (size: number): string => `PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: ${size + 3}\r\n\r\n${'x'.repeat(size)}END`
  assert.equal(await statusOf(t, (await fresh()).port, put(500)), 200)
  assert.equal(bodies[0], bodies[1])
  connections = 0
  assert.equal(await statusOf(t, (await fresh()).port, put(5_000)), 502)
})

test('nobody listens: the next instance is asked; when there is none, 503', async (t) => {
  const dead = await speaking(t, (socket) => socket.destroy())
  const port = await speaking(
    t,
    answering((socket) => socket.write(ok('fine'))),
  )
  const gateway = await proxyTo(t, [dead, port])
  assert.equal(await statusOf(t, gateway.port, GET), 200)
  // Port 1 is nobody's.
  const alone = await proxyTo(t, 1)
  assert.equal(await statusOf(t, alone.port, GET), 503)
})

test('an answer before all of the request was sent ends the connection, and arrives', async (t) => {
  const port = await speaking(t, (socket) => {
    socket.once('data', () => socket.write('HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno'))
  })
  const gateway = await proxyTo(t, port)
  const { hears, say, end } = talk(t, gateway.port, 'POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nabc')
  assert.match(await hears(/\r\n\r\nno$/), /connection: close\r\n/)
  say('x'.repeat(50_000))
  await end()
  await until(() => gateway.endpoints[0]!.connections() === 0)
})

test('whoever sends slowly or not at all is cut off: head, body, and the time of both', async (t) => {
  const port = await speaking(t, (socket) => void socket.resume())
  /** One of the times alone is short, or a busy machine would let another one end first. */
  const hasty = async (limit: 'headTimeout' | 'idleTimeout' | 'stallTimeout' | 'requestTimeout'): Promise<number> =>
    (await proxyTo(t, port, { limits: { [limit]: 100 } })).port
  assert.match(await talk(t, await hasty('headTimeout'), 'GET /a HT').end(), /^HTTP\/1.1 408 /)
  assert.equal(await talk(t, await hasty('idleTimeout')).end(), '')
  assert.match(await talk(t, await hasty('stallTimeout'), `${POST}he`).end(), /^HTTP\/1.1 408 [^]*nothing came of it/)
  // One byte in time again and again.
  const slow = talk(t, await hasty('requestTimeout'), 'POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n')
  const timer = setInterval(() => slow.say('x'), 20)
  t.after(() => clearInterval(timer))
  assert.match(await slow.end(), /^HTTP\/1.1 408 [^]*was not there within 100 ms/)
})

test('whoever does not take an answer is cut off, and no more of it is read than buffers hold', async (t) => {
  let sent = 0
  const port = await speaking(
    t,
    answering((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n')
      const part = Buffer.alloc(65_536)
      const more = (): void => {
        while (!socket.destroyed && socket.write(part)) sent += part.length
      }
      socket.on('drain', more)
      more()
    }),
  )
  const gateway = await proxyTo(t, port, { limits: { stallTimeout: 200 } })
  const { socket } = talk(t, gateway.port, GET)
  socket.pause()
  await until(() => gateway.ended.length === 1)
  // What the kernel's buffers of three connections hold, and ours.
  assert.ok(sent < 40_000_000, `${sent} bytes were taken`)
})

test('requests that come faster than answers are taken wait', async (t) => {
  const port = await speaking(
    t,
    answering((socket) => socket.write(ok('x'.repeat(100_000)))),
  )
  const gateway = await proxyTo(t, port)
  const { socket, hears } = talk(t, gateway.port)
  socket.pause()
  for (let i = 0; i < 500; i++) socket.write(GET)
  await until(() => gateway.ended.length > 5)
  const { length } = gateway.ended
  await new Promise((resolve) => setTimeout(resolve, 100))
  assert.ok(gateway.ended.length < 200 && gateway.ended.length - length < 100, `${gateway.ended.length} were answered to nobody`)
  socket.resume()
  await until(() => gateway.ended.length === 500)
  await hears(/x$/)
})

test('a client that is gone frees its upstream, whether it has said so or not', async (t) => {
  const waiting: Socket[] = []
  const port = await speaking(
    t,
    answering((socket) => void waiting.push(socket)),
  )
  const gateway = await proxyTo(t, port)
  for (const go of [(socket: Socket) => socket.end(), (socket: Socket) => socket.resetAndDestroy()]) {
    const { length } = waiting
    const { socket } = talk(t, gateway.port, GET)
    await until(() => waiting.length > length)
    go(socket)
    await until(() => gateway.endpoints[0]!.pending() === 0 && gateway.proxy.connections() === 0)
    assert.equal(gateway.ended.at(-1)!.status, 499)
  }
})

test('no more connections than there may be, of clients and of an instance', async (t) => {
  const port = await speaking(
    t,
    answering(() => {}),
  )
  const gateway = await proxyTo(t, port, { limits: { connections: 3, upstreamConnections: 1 } })
  const first = talk(t, gateway.port, GET)
  await until(() => gateway.endpoints[0]!.pending() === 1)
  assert.equal(await statusOf(t, gateway.port, GET), 503)
  const others = [talk(t, gateway.port), talk(t, gateway.port)]
  await until(() => gateway.proxy.connections() === 3)
  assert.equal(await talk(t, gateway.port, GET).end(), '')
  assert.equal(gateway.proxy.refused(), 1)
  for (const { socket } of [first, ...others]) socket.destroy()
  await until(() => gateway.proxy.connections() === 0)
})

test('it closes when what is under way is answered', async (t) => {
  const waiting: Socket[] = []
  const port = await speaking(
    t,
    answering((socket) => void waiting.push(socket)),
  )
  const gateway = await proxyTo(t, port)
  const idle = talk(t, gateway.port)
  const busy = talk(t, gateway.port, GET)
  await until(() => waiting.length === 1)
  const closed = gateway.proxy.close(10_000)
  assert.equal(await idle.end(), '')
  waiting[0]!.write(ok('fine'))
  assert.match(await busy.end(), /connection: close\r\n[^]*fine$/)
  await closed
})

test('it closes patiently: an idle connection gets one more answer, which ends it', async (t) => {
  const port = await speaking(
    t,
    answering((socket) => socket.write(ok('fine'))),
  )
  const gateway = await proxyTo(t, port)
  const { hears, say, end } = talk(t, gateway.port, GET)
  await hears(/fine$/)
  const closed = gateway.proxy.close(10_000, true)
  say(GET)
  assert.match(await end(), /fine[^]*connection: close\r\n[^]*fine$/)
  await closed
})

test('whoever is slow to take a request slows its client: no more of it is read than buffers hold', async (t) => {
  let heard: Socket | undefined
  const port = await speaking(t, (socket) => void (heard = socket.pause()))
  const gateway = await proxyTo(t, port)
  const { socket } = talk(t, gateway.port, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n')
  const part = Buffer.alloc(65_536)
  const more = (): void => {
    while (socket.write(part));
  }
  socket.on('drain', more)
  more()
  // It stands: nothing more is taken however long one looks.
  let [taken, looks] = [-1, 0]
  await until(() => {
    const now = socket.bytesWritten - socket.writableLength
    looks = now === taken ? looks + 1 : 0
    taken = now
    return heard !== undefined && looks > 50
  })
  // As above: what the kernel's buffers of two connections hold, and ours.
  assert.ok(taken < 40_000_000, `${taken} bytes were taken`)
})
