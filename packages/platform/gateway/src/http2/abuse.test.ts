/** What nobody means well by: which of it Node's HTTP/2 ends by itself, and which the gateway. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { connect } from 'node:http2'
import { test, type TestContext } from 'node:test'
import type { Limits } from '../gateway.ts'
import { before, bodyOf, serving, started } from '../gateway.test-support.ts'
import { until } from '../bytes.test-support.ts'
import { ownCertificate, shake, skip } from '../tls.test-support.ts'
import {
  block,
  CANCEL,
  CONTINUATION,
  DATA,
  END_HEADERS,
  END_STREAM,
  frame,
  get,
  GET,
  GOAWAY,
  HEADERS,
  number,
  PING,
  POST,
  PRIORITY,
  rawClient,
  REFUSED_STREAM,
  RST_STREAM,
  SETTINGS,
  type Frame,
} from './frames.test-support.ts'

async function attacked(t: TestContext, answer: RequestListener, limits: Partial<Limits> = {}) {
  const own = ownCertificate()
  const server = await serving(t, answer)
  const gateway = await started(t, { routes: before(server.address), tls: { certificates: [own] }, limits })
  /** Whether others are answered meanwhile. */
  const others = async (): Promise<number> => {
    const session = connect(gateway.url, { ca: own.certificate })
    const stream = session.request({ ':path': '/others' }).resume()
    const [headers] = (await once(stream, 'response')) as [{ ':status': number }]
    session.destroy()
    return headers[':status']
  }
  return { ...gateway, others }
}

/** Whether it is the head of an answer with 200, the eighth of the table of fields; it may stand behind a new size of the table. */
function isOk({ type, payload }: Frame): boolean {
  let at = 0
  while ((payload[at]! & 0xe0) === 0x20) {
    const more = payload[at++] === 0x3f
    while (more && payload[at++]! >= 128);
  }
  return type === HEADERS && payload[at] === 0x88
}

test('rapid reset: a thousand, and the connection ends', { skip }, async (t) => {
  let came = 0
  const { url, others } = await attacked(t, ({ url: path }, response) => (path === '/others' ? response.end() : void came++))
  const client = await rawClient(t, url)
  for (let i = 0; i < 100; i++) {
    client.say(
      ...Array.from({ length: 50 }, (_, j) => [
        get((i * 50 + j) * 2 + 1),
        frame(RST_STREAM, 0, (i * 50 + j) * 2 + 1, number(CANCEL)),
      ]).flat(),
    )
    await new Promise(setImmediate)
  }
  await client.ended
  assert.ok(came < 1_500, `${came} of 5000 came to the service`)
  assert.equal(await others(), 200)
})

test('fields without end: CONTINUATION, many, long, and remembered ones', { skip }, async (t) => {
  let came = 0
  const { url, others } = await attacked(t, ({ url: path }, response) => (path === '/others' ? response.end() : void came++))
  const flood = await rawClient(t, url)
  flood.say(frame(HEADERS, END_STREAM, 1, block(GET)))
  for (let i = 0; i < 1_000; i++) flood.say(frame(CONTINUATION, 0, 1, block([['x-a', 'b'.repeat(1_000)]])))
  await flood.ended
  const empty = await rawClient(t, url)
  empty.say(frame(HEADERS, END_STREAM, 1, block(GET)))
  for (let i = 0; i < 10_000; i++) empty.say(frame(CONTINUATION, 0, 1))
  await empty.ended

  const refused = (frame: Frame): boolean =>
    (frame.id === 1 && !isOk(frame) && (frame.type === RST_STREAM || frame.type === HEADERS)) || frame.type === GOAWAY
  const many = await rawClient(t, url)
  many.say(
    frame(HEADERS, END_STREAM | END_HEADERS, 1, block([...GET, ...Array.from({ length: 1_000 }, () => ['x', 'y'] as const)])),
  )
  assert.ok(await many.hears(refused))
  const long = await rawClient(t, url)
  const parts = block([...GET, ['x-a', 'b'.repeat(60_000)]])
  const cut = Array.from({ length: Math.ceil(parts.length / 16_000) }, (_, i) => parts.subarray(i * 16_000, (i + 1) * 16_000))
  long.say(...cut.map((part, i) => frame(i === 0 ? HEADERS : CONTINUATION, i === cut.length - 1 ? 5 : 1, 1, part)))
  assert.ok(await long.hears(refused))
  // One field of 4,000 bytes that is remembered, and said again by one byte each: 4 MB in 16 kB.
  const bomb = await rawClient(t, url)
  const once = Buffer.concat([Buffer.from([0x40]), block([['x-bomb', 'b'.repeat(3_900)]]).subarray(1)])
  bomb.say(frame(HEADERS, END_STREAM | END_HEADERS, 1, Buffer.concat([block(GET), once, Buffer.alloc(1_000, 0xbe)])))
  assert.ok(await bomb.hears(refused))
  assert.equal(came, 0)
  assert.equal(await others(), 200)
})

test('words that ask for words: PING, SETTINGS and PRIORITY without end', { skip }, async (t) => {
  const { url, others } = await attacked(t, (_request, response) => void response.end())
  const words = {
    ping: frame(PING, 0, 0, Buffer.alloc(8)),
    settings: frame(SETTINGS, 0, 0),
    priority: frame(PRIORITY, 0, 1, Buffer.concat([number(3), Buffer.from([1])])),
  }
  for (const [name, word] of Object.entries(words)) {
    const client = await rawClient(t, url)
    let ended = false
    void client.ended.then(() => (ended = true))
    let said = 0
    for (; !ended && said < 200_000; said += 1_000) {
      client.say(...Array.from({ length: 1_000 }, () => word))
      await new Promise(setImmediate)
    }
    assert.ok(ended, `${said} times ${name}`)
  }
  assert.equal(await others(), 200)
})

test('more streams at once than there may be are refused, and none too many comes through', { skip }, async (t) => {
  const held: (() => void)[] = []
  const { url, others } = await attacked(
    t,
    ({ url: path }, response) => (path === '/others' ? response.end() : void held.push(() => response.end())),
    { streams: 10 },
  )
  const many = Array.from({ length: 12 }, (_, i) => get(i * 2 + 1))
  const early = await rawClient(t, url)
  early.say(...many)
  const refused = ({ type, id, payload }: Frame): boolean =>
    type === RST_STREAM && id === 23 && payload.readUInt32BE() === REFUSED_STREAM
  assert.ok(await early.hears(refused))
  await until(() => held.length === 10)
  // Whoever has said that he knows the limit has to go.
  const knowing = await rawClient(t, url)
  await knowing.hears(({ type, flags }) => type === SETTINGS && flags === 0)
  knowing.say(frame(SETTINGS, 1, 0), ...many)
  await knowing.ended
  assert.ok(held.length <= 20)
  assert.equal(await others(), 200)
})

test('who takes nothing is cut off, and his service is not kept', { skip }, async (t) => {
  let [wrote, closed] = [0, 0]
  const part = Buffer.alloc(65_536, 'x')
  const { url, lines, others } = await attacked(
    t,
    ({ url: path }, response) => {
      if (path === '/others') return void response.end()
      response.on('close', () => closed++)
      const write = (): void => {
        while (wrote++ < 10_000 && response.write(part));
        response.once('drain', write)
      }
      write()
    },
    { stallTimeout: 200 },
  )
  const client = await rawClient(t, url, [[4, 0]])
  client.say(get(1))
  assert.ok(await client.hears(({ type, id }) => type === RST_STREAM && id === 1))
  await until(() => closed === 1 && lines.length === 1)
  assert.ok(wrote < 1_000, `${wrote} of 10,000 were written`)
  assert.equal(await others(), 200)
})

test('who sends slowly is told so, who says nothing is let go, and what is no HTTP/2 is refused', { skip }, async (t) => {
  const limits = { stallTimeout: 100, headTimeout: 100, idleTimeout: 100 }
  const { url, lines } = await attacked(
    t,
    (request, response) =>
      void bodyOf(request)
        .then(() => response.end())
        .catch(() => {}),
    limits,
  )
  const slow = await rawClient(t, url)
  slow.say(frame(HEADERS, END_HEADERS, 1, block(POST)), frame(DATA, 0, 1, Buffer.from('begun')))
  assert.ok(await slow.hears(({ type, id }) => type === HEADERS && id === 1))
  await until(() => lines.length === 1)
  assert.equal(lines[0]!.status, 408)
  // And then there is nothing under way.
  await slow.ended
  await (
    await rawClient(t, url)
  ).ended
  const half = await rawClient(t, url)
  half.say(frame(HEADERS, END_STREAM, 1, block(GET)))
  await half.ended
  const silent = await shake(t, url, { ALPNProtocols: ['h2'] })
  silent.resume()
  await once(silent, 'close')
  const old = await shake(t, url, { ALPNProtocols: ['h2'] })
  old.resume().write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await once(old, 'close')
})

const without = (name: string): typeof GET => GET.filter(([each]) => each !== name)
const instead = (name: string, value: string): typeof GET => [...without(name), [name, value]]
const plus = (...fields: readonly (readonly [string, string])[]): typeof GET => [...GET, ...fields]

/** Each by itself, and with what body. */
const HEADS: Readonly<Record<string, readonly [fields: typeof GET, body?: string]>> = {
  'no method': [without(':method')],
  'no path': [without(':path')],
  'no scheme': [without(':scheme')],
  'another scheme': [instead(':scheme', 'ftp')],
  'empty path': [instead(':path', '')],
  'path without a slash': [instead(':path', 'a')],
  'path that is an address': [instead(':path', 'https://other.example/')],
  'space in the path': [instead(':path', '/a HTTP/1.1')],
  'line in the path': [instead(':path', '/a HTTP/1.1\r\nx-a: b')],
  'line in the method': [instead(':method', 'GET / HTTP/1.1\r\nx-a: b')],
  'a method that is none': [instead(':method', 'G ET')],
  CONNECT: [
    [
      [':method', 'CONNECT'],
      [':authority', 'shop.example'],
    ],
  ],
  'CONNECT to a protocol': [[...instead(':method', 'CONNECT'), [':protocol', 'websocket']]],
  TRACE: [instead(':method', 'TRACE')],
  'nobody it is for': [without(':authority')],
  'authority with a user': [instead(':authority', 'a@shop.example')],
  'authority with a path': [instead(':authority', 'shop.example/a')],
  'line in the authority': [instead(':authority', 'shop.example\r\nx-a: b')],
  'two hosts': [plus(['host', 'other.example'])],
  'host twice': [[...without(':authority'), ['host', 'a.example'], ['host', 'a.example']]],
  'pseudo field twice': [plus([':path', '/b'])],
  'pseudo field behind others': [[['x-a', 'b'], ...GET]],
  'unknown pseudo field': [[[':x', 'b'], ...GET]],
  'pseudo field of an answer': [[[':status', '200'], ...GET]],
  'name in capitals': [plus(['X-A', 'b'])],
  connection: [plus(['connection', 'close'])],
  'keep-alive': [plus(['keep-alive', 'timeout=5'])],
  'proxy-connection': [plus(['proxy-connection', 'keep-alive'])],
  'transfer-encoding': [plus(['transfer-encoding', 'chunked']), 'hello'],
  upgrade: [plus(['upgrade', 'websocket'])],
  'te that is not trailers': [plus(['te', 'gzip'])],
  'length that is no number': [plus(['content-length', 'five']), 'hello'],
  'two lengths': [plus(['content-length', '5'], ['content-length', '6']), 'hello'],
  'two equal lengths': [plus(['content-length', '5'], ['content-length', '5']), 'hello'],
  'list of lengths': [plus(['content-length', '5, 5']), 'hello'],
  'length with a sign': [plus(['content-length', '+5']), 'hello'],
  'length and no body': [plus(['content-length', '5'])],
  'unknown expectation': [plus(['expect', '200-ok'])],
}

test(`${Object.keys(HEADS).length} requests that are malformed do not come to a service`, { skip }, async (t) => {
  let came = 0
  const { url, others } = await attacked(t, ({ url: path }, response) => {
    if (path !== '/others') came++
    response.end()
  })
  const wrong: string[] = []
  for (const [name, [fields, body]] of Object.entries(HEADS)) {
    const client = await rawClient(t, url)
    client.say(frame(HEADERS, body === undefined ? END_STREAM | END_HEADERS : END_HEADERS, 1, block(fields)))
    if (body !== undefined) client.say(frame(DATA, END_STREAM, 1, Buffer.from(body)))
    const answer = await client.hears(
      ({ type, id }) => (id === 1 && (type === RST_STREAM || type === HEADERS)) || type === GOAWAY,
    )
    if (answer !== undefined && isOk(answer)) wrong.push(`${name}: it was answered with 200`)
    if (came > 0) wrong.push(`${name}: it came to the service`)
    came = 0
    client.destroy()
  }
  assert.deepEqual(wrong, [])
  // What is right is passed on, so that the above says something.
  const client = await rawClient(t, url)
  client.say(get(1))
  assert.ok(await client.hears(isOk))
  assert.equal(await others(), 200)
})

test('fields that none may be are left out by Node, and no trace of them comes to a service', { skip }, async (t) => {
  const seen: string[] = []
  const { url } = await attacked(t, ({ rawHeaders }, response) => {
    seen.push(rawHeaders.join('\n'))
    response.end()
  })
  const left: typeof GET = [
    ['x a', 'evil'],
    ['x:a', 'evil'],
    ['x\r\ny', 'evil'],
    ['', 'evil'],
    ['x-a', 'evil\r\ntransfer-encoding: chunked'],
    ['x-a', 'evil\nx'],
    ['x-a', 'evil\rx'],
    ['x-a', 'evil\0x'],
  ]
  for (const field of left) {
    const client = await rawClient(t, url)
    client.say(frame(HEADERS, END_STREAM | END_HEADERS, 1, block(plus(field))))
    await client.hears(({ id, type }) => type === GOAWAY || (id === 1 && (type === HEADERS || type === RST_STREAM)))
    client.destroy()
  }
  assert.deepEqual(
    seen.filter((each) => each.includes('evil')),
    [],
  )
})

test('a body that is not as long as it was said is no request', { skip }, async (t) => {
  const bodies: string[] = []
  const { url, others } = await attacked(t, (request, response) => {
    bodyOf(request).then(
      (body) => {
        if (request.method === 'POST') bodies.push(body)
        response.end()
      },
      () => {},
    )
  })
  for (const [length, parts] of [
    ['5', ['hell']],
    ['5', ['hello', '!']],
    ['5', ['hello!']],
    ['0', ['hello']],
  ] as const) {
    const client = await rawClient(t, url)
    client.say(frame(HEADERS, END_HEADERS, 1, block([...POST, ['content-length', length]])))
    for (const [i, part] of parts.entries())
      client.say(frame(DATA, i === parts.length - 1 ? END_STREAM : 0, 1, Buffer.from(part)))
    const refused = ({ type, id }: Frame): boolean => type === GOAWAY || (type === RST_STREAM && id === 1)
    assert.ok(await client.hears(refused), `${length}: ${parts.join(' ')}`)
    client.destroy()
  }
  assert.equal(await others(), 200)
  assert.deepEqual(
    bodies.filter((body) => body !== 'hello'),
    [],
  )
})

test('trailers are as strict as those of HTTP/1.1', { skip }, async (t) => {
  let whole = 0
  const { url } = await attacked(t, (request, response) => {
    bodyOf(request).then(
      () => {
        whole++
        response.end()
      },
      () => {},
    )
  })
  for (const trailer of [
    ['content-length', '5'],
    [':path', '/b'],
    ['host', 'b'],
    ['authorization', 'x'],
  ] as const) {
    const client = await rawClient(t, url)
    client.say(frame(HEADERS, END_HEADERS, 1, block(POST)), frame(DATA, 0, 1, Buffer.from('hello')))
    client.say(frame(HEADERS, END_STREAM | END_HEADERS, 1, block([trailer])))
    const answer = await client.hears(
      ({ type, id }) => (id === 1 && (type === RST_STREAM || type === HEADERS)) || type === GOAWAY,
    )
    assert.ok(answer === undefined || !isOk(answer), trailer[0])
    client.destroy()
  }
  assert.equal(whole, 0)
})

test('a connection on which too many things are wrong ends', { skip }, async (t) => {
  const { url, others } = await attacked(t, (_request, response) => void response.end())
  const client = await rawClient(t, url)
  for (let i = 0; i < 100; i++) {
    client.say(
      ...Array.from({ length: 100 }, (_, j) =>
        frame(HEADERS, END_STREAM | END_HEADERS, (i * 100 + j) * 2 + 1, block(plus(['connection', 'close']))),
      ),
    )
    await new Promise(setImmediate)
  }
  await client.ended
  assert.ok(client.frames.some(({ type }) => type === GOAWAY) || client.frames.length < 10_000)
  assert.equal(await others(), 200)
})
