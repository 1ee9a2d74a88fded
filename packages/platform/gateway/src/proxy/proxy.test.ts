import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { answering, listening, ok, proxyTo, speaking, talk } from '../bytes.test-support.ts'

const GET = (path: string, more = ''): string => `GET ${path} HTTP/1.1\r\nHost: shop\r\n${more}\r\n`

for (const plainly of [false, true]) {
  const how = plainly ? 'as all sockets do' : 'into one buffer'

  test(`requests of a connection are answered in their order, over one connection of the upstream, which reads ${how}`, async (t) => {
    const seen: string[] = []
    let connections = 0
    const port = await speaking(t, (socket) => {
      connections++
      answering((same, head) => {
        seen.push(head)
        same.write(ok(`to ${head.split(' ')[1]}`))
      })(socket)
    })
    const gateway = await proxyTo(t, port, { plainly })
    const { hears, say } = talk(t, gateway.port, GET('/1') + GET('/2') + GET('/3', 'X-A: b\r\n').slice(0, 20))
    say(GET('/3', 'X-A: b\r\n').slice(20))
    const said = await hears(/to \/3$/)
    assert.deepEqual(said.match(/to \/\d/g), ['to /1', 'to /2', 'to /3'])
    assert.equal(connections, 1)
    assert.match(seen[2]!, /^GET \/3 HTTP\/1\.1\r\nHost: shop\r\nX-A: b\r\nx-forwarded-for: 127\.0\.0\.1\r\n/)
  })

  test(`bodies of both kinds go both ways, however they are cut: ${how}`, async (t) => {
    const port = await listening(
      t,
      createServer((request, response) => {
        const parts: Buffer[] = []
        request.on('data', (part: Buffer) => parts.push(part))
        request.on('end', () => {
          const body = Buffer.concat(parts)
          if (request.url === '/length') response.setHeader('content-length', body.length)
          response.write(body.subarray(0, 10))
          response.end(body.subarray(10))
        })
      }),
    )
    const gateway = await proxyTo(t, port, { plainly })
    const url = `http://127.0.0.1:${gateway.port}`
    for (const size of [0, 1, 100, 70_000, 3_000_000])
      for (const path of ['/length', '/chunked']) {
        const body = Buffer.alloc(size, 'abcdefg')
        const streamed = new ReadableStream({
          start: (controller) => {
            for (let at = 0; at < size; at += 50_000) controller.enqueue(body.subarray(at, at + 50_000))
            controller.close()
          },
        })
        for (const given of [body, streamed]) {
          const init = { method: 'POST', body: given, duplex: 'half' } as RequestInit
          const answer = await fetch(url + path, init)
          assert.ok(Buffer.from(await answer.arrayBuffer()).equals(body), `${path} ${size}`)
        }
      }
  })
}

test('what is for one connection alone is left out, and who has passed it on is put in', async (t) => {
  let seen = ''
  const port = await speaking(
    t,
    answering((socket, head) => {
      seen = head
      socket.write(ok('', 'Connection: x-mine\r\nKeep-Alive: timeout=5\r\nX-Mine: 1\r\nX-Kept: 2\r\nUpgrade: h2c\r\n'))
    }),
  )
  const gateway = await proxyTo(t, port)
  const fields = [
    ...[
      'Connection: keep-alive, X-Secret',
      'X-Secret: 1',
      'Keep-Alive: timeout=5',
      'Proxy-Connection: close',
      'TE: trailers, deflate',
    ],
    ...[
      'Upgrade: h2c',
      'HTTP2-Settings: AAMAAABkAAQAAP__',
      'X-Forwarded-For: 1.2.3.4',
      'Forwarded: for=1.2.3.4',
      'X-Real-IP: 1.2.3.4',
    ],
    ...['X_Forwarded_For: 1.2.3.4', 'Content_Length: 7', 'My_Own: 1'],
    ...['Via: 1.0 fred', 'Accept: */*', 'Authorization: Bearer x', 'Cookie: a=b'],
  ]
  const said = await talk(t, gateway.port, GET('/a', fields.map((line) => `${line}\r\n`).join(''))).hears(/\r\n\r\n$/)
  assert.deepEqual(seen.trim().split('\r\n'), [
    ...[
      'GET /a HTTP/1.1',
      'Host: shop',
      'My_Own: 1',
      'Accept: */*',
      'Authorization: Bearer x',
      'Cookie: a=b',
      'x-forwarded-for: 127.0.0.1',
    ],
    ...['x-forwarded-proto: http', 'x-forwarded-host: shop', `x-forwarded-port: ${gateway.port}`],
    ...['forwarded: for=127.0.0.1;host="shop";proto=http', 'via: 1.0 fred, 1.1 gateway', 'traceparent: t', 'x-correlation-id: c'],
    ...['connection: te', 'te: trailers'],
  ])
  assert.equal(said, 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Kept: 2\r\nx-correlation-id: c\r\n\r\n')
})

test('answers without a body end at their head, and the connection goes on', async (t) => {
  const port = await speaking(
    t,
    answering((socket, head) => {
      if (head.startsWith('HEAD')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n')
      else if (head.includes('/204')) socket.write('HTTP/1.1 204 No Content\r\n\r\n')
      else if (head.includes('/304')) socket.write('HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n')
      else socket.write(ok('all'))
    }),
  )
  const gateway = await proxyTo(t, port)
  const said = await talk(t, gateway.port, `HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n${GET('/204')}${GET('/304')}${GET('/200')}`).hears(
    /all$/,
  )
  assert.deepEqual(said.match(/HTTP\/1.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 204', 'HTTP/1.1 304', 'HTTP/1.1 200'])
  assert.match(said, /Content-Length: 500[^]*Content-Length: 7/)
})

test('words before an answer are passed on, and a body is sent when the upstream asks for it', async (t) => {
  const port = await speaking(t, (socket) => {
    socket.once('data', (head) => {
      assert.match(head.toString(), /Expect: 100-continue/)
      socket.write('HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n')
      socket.once('data', (body) => socket.write(ok(`got ${body.toString()}`)))
    })
  })
  const gateway = await proxyTo(t, port)
  const { hears, say } = talk(t, gateway.port, 'POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n')
  assert.match(
    await hears(/100 Continue\r\n\r\n$/),
    /^HTTP\/1\.1 103 Early Hints\r\nLink: <\/a.css>\r\n\r\nHTTP\/1.1 100 Continue\r\n\r\n$/,
  )
  say('hello')
  await hears(/got hello$/)
})

test('chunks are passed on with their trailers and without their extensions', async (t) => {
  let seen = ''
  const port = await speaking(t, (socket) => {
    socket.on('data', (bytes) => {
      seen += bytes.toString()
      if (seen.endsWith('\r\nX-T: 1\r\n\r\n'))
        socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-U\r\n\r\n3;e="f"\r\nabc\r\n0\r\nX-U: 2\r\n\r\n')
    })
  })
  const gateway = await proxyTo(t, port)
  const { hears, say } = talk(t, gateway.port, 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b;c\r\nhel')
  say('lo\r\n0\r\nX-T: 1\r\n\r\n')
  const said = await hears(/X-U: 2\r\n\r\n$/)
  assert.ok(seen.endsWith('\r\n\r\n5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n'), seen)
  assert.ok(said.endsWith('\r\n\r\n3\r\nabc\r\n0\r\nX-U: 2\r\n\r\n'), said)
})

test('events of a stream arrive each at once', async (t) => {
  const port = await speaking(t, (socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n')
      let count = 0
      const next = (): void => void socket.write(`data: ${++count}\n\n`)
      sends.push(next, () => void socket.end())
    })
  })
  const sends: (() => void)[] = []
  const gateway = await proxyTo(t, port)
  const { hears } = talk(t, gateway.port, GET('/events'))
  // Its head is told of before there is any event.
  await hears(/transfer-encoding: chunked\r\n\r\n$/)
  for (const count of [1, 2]) {
    sends[0]!()
    await hears(new RegExp(`9\r\ndata: ${count}\n\n\r\n$`))
  }
  sends[1]!()
  await hears(/0\r\n\r\n$/)
})

test('a client of HTTP/1.0 gets bytes without chunks, and the end', async (t) => {
  const port = await speaking(
    t,
    answering((socket) => socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n')),
  )
  const gateway = await proxyTo(t, port)
  const said = await talk(t, gateway.port, 'GET / HTTP/1.0\r\n\r\n').end()
  assert.match(said, /connection: close\r\n/)
  assert.doesNotMatch(said, /transfer-encoding/i)
  assert.ok(said.endsWith('\r\n\r\nabcde'))
})

test('a connection becomes that of another protocol when both sides want it, and then bytes pass', async (t) => {
  const port = await speaking(t, (socket) => {
    socket.once('data', (head) => {
      assert.match(head.toString(), /connection: upgrade\r\nupgrade: websocket/)
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\nhello',
      )
      socket.on('data', (bytes) => socket.write(`echo ${bytes.toString()}`))
      socket.on('end', () => socket.end('bye'))
    })
  })
  const gateway = await proxyTo(t, port)
  const { hears, say, socket, end } = talk(t, gateway.port, `${GET('/ws', 'Connection: Upgrade\r\nUpgrade: websocket\r\n')}early`)
  assert.match(await hears(/echo early/), /upgrade: websocket\r\n/i)
  say('more')
  await hears(/echo more$/)
  socket.end()
  assert.match(await end(), /bye$/)
})
