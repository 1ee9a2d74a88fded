/** What nobody means well by: it is bounded, its client is told what it has done, and others are served. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:http2'
import { test, type TestContext } from 'node:test'
import {
  ACK,
  CANCEL,
  CONTINUATION,
  DATA,
  END_HEADERS,
  END_STREAM,
  ENHANCE_YOUR_CALM,
  GOAWAY,
  HEADERS,
  NO_ERROR,
  PING,
  PRIORITY,
  PROTOCOL_ERROR,
  REFUSED_STREAM,
  RST_STREAM,
  SETTINGS,
  WINDOW_UPDATE,
} from './codes.ts'
import { realRuntime, virtualRuntime } from 'dure/runtime'
import type { Http2Headers, Http2Options, Http2Stream } from './http2.ts'
import {
  block,
  frame,
  GET,
  get,
  number,
  OK,
  POST,
  post,
  rawClient,
  serving,
  until,
  type Frame,
  type RawClient,
  type Served,
} from './raw.test-support.ts'

const none = { data: () => {}, end: () => {}, aborted: () => {} }
const isLast = ({ type }: { readonly type: number }): boolean => type === GOAWAY

/** A server whose clients have little to spend, and others of it. */
async function attacked(t: TestContext, options: Partial<Http2Options> = {}) {
  const served: Served = await serving(t, { ...options, limits: { burst: 100, perSecond: 1, ...options.limits } })
  const session = connect(`http://127.0.0.1:${served.port}`)
  session.on('error', () => {})
  t.after(() => session.destroy())
  /** Whether a connection that was there before is served. */
  const others = async (): Promise<void> => {
    const [headers] = (await once(session.request({ ':path': '/others' }).resume(), 'response')) as [{ ':status': number }]
    assert.equal(headers[':status'], 200)
  }
  await others()
  return { ...served, others }
}

/** Time that passes when it is told to, so that no client is late because the machine is busy. */
function ownTime() {
  const { clock, timers, advance } = virtualRuntime()
  const pass = async (isSo: () => boolean, meanwhile = (): void => {}): Promise<void> => {
    while (!isSo()) {
      await advance(1_000)
      meanwhile()
      for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate)
    }
  }
  return { runtime: { clock, timers: { ...realRuntime().timers, after: timers.after } }, pass }
}

/** How the server has ended it; -1: it has not said. */
async function codeOf(client: RawClient): Promise<number> {
  const last = await client.hears(isLast)
  await client.ended
  return last?.payload.readUInt32BE(4) ?? -1
}

test('each flood ends its connection with ENHANCE_YOUR_CALM', async (t) => {
  const { port, others } = await attacked(t)
  const update = number(1)
  const floods: Readonly<Record<string, (i: number) => readonly Buffer[]>> = {
    'streams begun and reset': (i) => [post(i * 2 + 1), frame(RST_STREAM, 0, i * 2 + 1, number(CANCEL))],
    pings: () => [frame(PING, 0, 0, Buffer.alloc(8))],
    settings: () => [frame(SETTINGS, 0, 0)],
    'settings of many': () => [
      frame(
        SETTINGS,
        0,
        0,
        Buffer.concat(Array.from({ length: 50 }, (_, i) => Buffer.concat([number(4).subarray(2), number(i)]))),
      ),
    ],
    priorities: () => [frame(PRIORITY, 0, 1, Buffer.concat([number(3), Buffer.from([1])]))],
    'empty frames': (i) => [...(i === 0 ? [post(1)] : []), frame(DATA, 0, 1)],
    'padding alone': (i) => [...(i === 0 ? [post(1)] : []), frame(DATA, 0x8, 1, Buffer.from([3, 0, 0, 0]))],
    'unknown frames': () => [frame(0x42, 0, 0)],
    'changes of windows': () => [frame(WINDOW_UPDATE, 0, 0, update)],
    'malformed requests': (i) => [get(i * 2 + 1, [...GET, ['connection', 'close']])],
    'headers that are too many': (i) => [
      get(i * 2 + 1, [...GET, ...Array.from({ length: 500 }, (): [string, string] => ['x', 'y'])]),
    ],
  }
  for (const [name, flood] of Object.entries(floods)) {
    const client = await rawClient(t, port)
    client.say(...Array.from({ length: 150 }, (_, i) => flood(i)).flat())
    assert.equal(await codeOf(client), ENHANCE_YOUR_CALM, name)
  }
  await others()
})

test('a client that cancels half of what it asks, or takes long to ask, is no flood', async (t) => {
  const { port } = await attacked(t)
  const client = await rawClient(t, port)
  for (let i = 0; i < 600; i += 2) {
    client.say(get(i * 2 + 1), post(i * 2 + 3), frame(RST_STREAM, 0, i * 2 + 3, number(CANCEL)))
    if (i % 20 === 0) assert.ok(await client.hears(({ type, id }) => type === HEADERS && id === i * 2 + 1))
  }
  assert.ok(await client.hears(({ type, id }) => type === HEADERS && id === 1_197))
  assert.equal(client.frames.some(isLast), false)
})

test('a list of headers that does not end, or is too large, reaches nobody', async (t) => {
  let came = 0
  const { port, others } = await attacked(t, {
    onStream: (stream) => {
      if (stream.headers.get(':path') === '/') came++
      return { ...none, end: () => stream.respond(OK, { end: true }) }
    },
  })
  const endless = await rawClient(t, port)
  endless.say(frame(HEADERS, END_STREAM, 1, block(GET)))
  endless.say(...Array.from({ length: 100 }, () => frame(CONTINUATION, 0, 1, block([['x-a', 'b'.repeat(5_000)]]))))
  assert.equal(await codeOf(endless), ENHANCE_YOUR_CALM)
  const empty = await rawClient(t, port)
  empty.say(frame(HEADERS, END_STREAM, 1, block(GET)), ...Array.from({ length: 20 }, () => frame(CONTINUATION, 0, 1)))
  assert.equal(await codeOf(empty), ENHANCE_YOUR_CALM)
  const large = await rawClient(t, port)
  large.say(get(1, [...GET, ['x-a', 'b'.repeat(16_200)]]))
  assert.equal((await large.hears(({ id, type }) => id === 1 && type === HEADERS))?.headers[':status'], '431')
  // One field of 3,900 bytes that is remembered, and said again by one byte each: 4 MB in 5 kB.
  const bomb = Buffer.concat([
    block(GET),
    Buffer.from([0x40]),
    block([['x-bomb', 'b'.repeat(3_900)]]).subarray(1),
    Buffer.alloc(1_000, 0xbe),
  ])
  large.say(frame(HEADERS, END_HEADERS, 3, bomb))
  assert.equal((await large.hears(({ id, type }) => id === 3 && type === HEADERS))?.headers[':status'], '431')
  assert.equal((await large.hears(({ id, type }) => id === 3 && type === RST_STREAM))?.payload.readUInt32BE(), NO_ERROR)
  // What follows is read with the table that it has left.
  large.say(
    frame(
      HEADERS,
      END_HEADERS | END_STREAM,
      5,
      Buffer.concat([block([...GET.filter(([name]) => name !== ':path'), [':path', '/after']]), Buffer.from([0xbe])]),
    ),
  )
  assert.equal((await large.hears(({ id, type }) => id === 5 && type === HEADERS))?.headers[':status'], '200')
  assert.equal(came, 0)
  await others()
})

test('streams beyond the limit are refused, and begun when others have ended', async (t) => {
  const held: Http2Stream[] = []
  const { port, connections, others } = await attacked(t, {
    limits: { streams: 10 },
    onStream: (stream) => ({
      ...none,
      end: () => (stream.headers.get(':path') === '/others' ? stream.respond(OK, { end: true }) : held.push(stream)),
    }),
  })
  const client = await rawClient(t, port)
  client.say(...Array.from({ length: 12 }, (_, i) => get(i * 2 + 1)))
  for (const id of [21, 23])
    assert.equal(
      (await client.hears((frame) => frame.type === RST_STREAM && frame.id === id))?.payload.readUInt32BE(),
      REFUSED_STREAM,
    )
  assert.equal(held.length, 10)
  assert.equal(connections.at(-1)!.streams, 10)
  held[0]!.respond(OK, { end: true })
  client.say(get(25))
  await until(() => held.length === 11)
  await others()
})

test('a client that takes nothing loses the stream, and holds no more than the server may keep for it', async (t) => {
  let [wrote, code] = [0, 0]
  const part = Buffer.alloc(65_536)
  const { runtime, pass } = ownTime()
  const { port, others } = await attacked(t, {
    runtime,
    limits: { stallTimeout: 10_000, silence: 1_000_000_000 },
    onStream: (stream) => {
      stream.respond(OK)
      if (stream.headers.get(':path') === '/others') stream.end()
      else {
        const write = (): void => {
          while (!stream.closed && stream.write(part)) wrote++
          stream.drained(write)
        }
        write()
      }
      return { ...none, aborted: (why) => void (code = why) }
    },
  })
  const client = await rawClient(t, port, [[4, 0]])
  client.say(get(1))
  const isReset = ({ type, id }: Frame): boolean => type === RST_STREAM && id === 1
  await pass(() => client.frames.some(isReset))
  assert.equal((await client.hears(isReset))?.payload.readUInt32BE(), CANCEL)
  assert.deepEqual([wrote, code], [0, CANCEL])
  // One whose windows are open, and which does not read: the connection goes.
  const deaf = await rawClient(t, port, [[4, 0x7fff_ffff]])
  deaf.socket.pause()
  deaf.say(frame(WINDOW_UPDATE, 0, 0, number(0x7fff_ffff - 65_535)), get(1))
  code = 0
  await pass(() => code !== 0)
  assert.ok(wrote < 1_000, `${wrote} parts were written`)
  await others()
})

test('a client that does not go on is asked, taken leave of, or put off', async (t) => {
  const { runtime, pass } = ownTime()
  const { port, connections } = await serving(t, { runtime, onStream: () => none, limits: { idleTimeout: 600_000 } })
  const half = await rawClient(t, port)
  half.say(frame(HEADERS, END_STREAM, 1, block(GET)))
  await pass(() => half.frames.some(isLast))
  assert.equal(await codeOf(half), ENHANCE_YOUR_CALM)
  // It has nothing under way, and answers when it is asked.
  const idle = await rawClient(t, port)
  const asked = (): readonly Frame[] => idle.frames.filter(({ type, flags }) => type === PING && flags === 0)
  for (let answered = 0; answered < 5; answered++) {
    await pass(() => asked().length > answered)
    idle.say(frame(PING, ACK, 0, asked()[answered]!.payload), frame(PING, 0, 0, Buffer.from(`answer ${answered}`)))
    assert.ok(await idle.hears(({ payload }) => payload.toString() === `answer ${answered}`), 'whoever answers stays')
  }
  const answering = (): void => {
    const last = asked().at(-1)
    if (last !== undefined) idle.say(frame(PING, ACK, 0, last.payload))
  }
  await pass(() => idle.frames.some(isLast), answering)
  assert.equal((await idle.hears(isLast))?.payload.readUInt32BE(4), NO_ERROR)
  const silent = await rawClient(t, port)
  silent.say(get(1))
  await until(() => connections.at(-1)!.streams === 1)
  await pass(() => silent.socket.destroyed)
  assert.ok(silent.frames.some(({ type, flags }) => type === PING && flags === 0))
})

const without = (name: string): Http2Headers => GET.filter(([each]) => each !== name)
const instead = (name: string, value: string): Http2Headers => [...without(name), [name, value]]
const plus = (...fields: Http2Headers): Http2Headers => [...GET, ...fields]

const MALFORMED: Readonly<Record<string, readonly [fields: Http2Headers, body?: readonly string[]]>> = {
  'no method': [without(':method')],
  'no path': [without(':path')],
  'no scheme': [without(':scheme')],
  'empty path': [instead(':path', '')],
  'path without a slash': [instead(':path', 'a')],
  'space in the path': [instead(':path', '/a HTTP/1.1')],
  'line in the path': [instead(':path', '/a\r\nx-a: b')],
  'line in the method': [instead(':method', 'GET / HTTP/1.1\r\nx-a: b')],
  'tunnel with a path': [instead(':method', 'CONNECT')],
  'tunnel to a protocol': [plus([':protocol', 'websocket'])],
  'authority with a user': [instead(':authority', 'a@shop.example')],
  'another host': [plus(['host', 'other.example'])],
  'host twice': [[...without(':authority'), ['host', 'a.example'], ['host', 'a.example']]],
  'pseudo header twice': [plus([':path', '/b'])],
  'pseudo header behind others': [[['x-a', 'b'], ...GET]],
  'unknown pseudo header': [[[':x', 'b'], ...GET]],
  'pseudo header of an answer': [[[':status', '200'], ...GET]],
  'name in capitals': [plus(['X-A', 'b'])],
  'space in a name': [plus(['x a', 'b'])],
  'no name': [plus(['', 'b'])],
  connection: [plus(['connection', 'close'])],
  'keep-alive': [plus(['keep-alive', 'timeout=5'])],
  'proxy-connection': [plus(['proxy-connection', 'keep-alive'])],
  'transfer-encoding': [plus(['transfer-encoding', 'chunked']), ['hello']],
  upgrade: [plus(['upgrade', 'websocket'])],
  'te that is not trailers': [plus(['te', 'gzip'])],
  'line in a value': [plus(['x-a', 'b\r\nx-c: d'])],
  'null in a value': [plus(['x-a', 'b\0'])],
  'space before a value': [plus(['x-a', ' b'])],
  'length that is no number': [plus(['content-length', 'five']), ['hello']],
  'two lengths': [plus(['content-length', '5'], ['content-length', '5']), ['hello']],
  'length with a sign': [plus(['content-length', '+5']), ['hello']],
  'length and no body': [plus(['content-length', '5'])],
  'longer than it says': [plus(['content-length', '5']), ['hello', '!']],
  'shorter than it says': [plus(['content-length', '5']), ['hell']],
  'nothing, it says': [plus(['content-length', '0']), ['hello']],
}

test('what is no request is reset with PROTOCOL_ERROR, and ends for nobody', async (t) => {
  let whole = 0
  const { port } = await serving(t, {
    onStream: (stream) => ({
      ...none,
      end: () => {
        whole++
        stream.respond(OK, { end: true })
      },
    }),
  })
  const client = await rawClient(t, port)
  let id = -1
  for (const [name, [fields, body]] of Object.entries(MALFORMED)) {
    id += 2
    const mine = id
    if (body === undefined) client.say(get(id, fields))
    else
      client.say(
        post(id, fields),
        ...body.map((part, i) => frame(DATA, i === body.length - 1 ? END_STREAM : 0, mine, Buffer.from(part))),
      )
    const answer = await client.hears((frame) => frame.id === mine)
    assert.deepEqual([answer?.type, answer?.payload.readUInt32BE()], [RST_STREAM, PROTOCOL_ERROR], name)
  }
  for (const trailers of [[['content-length', '5']], [[':path', '/b']], [['host', 'b']], [['X', 'b']]] as Http2Headers[]) {
    id += 2
    const mine = id
    client.say(post(id), frame(HEADERS, END_STREAM | END_HEADERS, id, block(trailers)))
    assert.equal((await client.hears((frame) => frame.id === mine))?.type, RST_STREAM, trailers[0]![0])
  }
  assert.equal(whole, 0)
  // What is right is right, so that the above says something.
  id += 2
  client.say(
    post(id, [...POST, ['content-length', '5'], ['te', 'trailers'], ['host', 'shop.example']]),
    frame(DATA, 0, id, Buffer.from('hel')),
    frame(DATA, END_STREAM, id, Buffer.from('lo')),
  )
  assert.equal((await client.hears((frame) => frame.id === id))?.headers[':status'], '200')
  assert.equal(whole, 1)
})
