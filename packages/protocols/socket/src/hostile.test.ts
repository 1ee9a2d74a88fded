import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { test, type TestContext } from 'node:test'
import { house, type House } from './rooms.test-support.ts'

/** Sends bytes over a connection of its own; all that came until it was ended. */
function raw(t: TestContext, port: number, ...parts: readonly (string | Buffer)[]): Promise<string> {
  const one = connect(port, '127.0.0.1')
  t.after(() => one.destroy())
  let came = ''
  one.setEncoding('latin1').on('data', (text) => {
    came += text
    // Whoever was told by a close frame would answer it.
    if (came.startsWith('HTTP/1.1 101') && closeCode(came) !== 0) one.destroy()
  })
  one.on('error', () => {})
  for (const part of parts) one.write(part)
  return new Promise((resolve) => one.once('close', () => resolve(came)))
}

const portOf = ({ ws }: House): number => Number(new URL(ws).port)

function upgrade(headers: Readonly<Record<string, string>> = {}, path = '/socket'): string {
  const all = {
    ...{ host: 'localhost', connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' },
    ...{ 'sec-websocket-key': randomBytes(16).toString('base64'), ...headers },
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return `GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`
}

/** A masked frame of a client: the mask is nothing, so the bytes are what they are. */
function frame(opcode: number, payload: Buffer, { fin = true, rsv1 = false } = {}): Buffer {
  const length =
    payload.length < 126 ? Buffer.from([0x80 | payload.length]) : Buffer.from([0x80 | 127, 0, 0, 0, 0, ...uint32(payload.length)])
  return Buffer.concat([Buffer.from([(fin ? 0x80 : 0) | (rsv1 ? 0x40 : 0) | opcode]), length, Buffer.alloc(4), payload])
}

const uint32 = (n: number): number[] => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255]
/** The code of the close frame at the end of what came. */
const closeCode = (came: string): number => {
  const bytes = Buffer.from(came, 'latin1')
  let at = bytes.indexOf('\r\n\r\n') + 4
  let code = 0
  while (at < bytes.length) {
    const short = bytes[at + 1]! & 127
    const from = at + (short === 126 ? 4 : 2)
    const size = short === 126 ? bytes.readUInt16BE(at + 2) : short
    if ((bytes[at]! & 15) === 8) code = bytes.readUInt16BE(from)
    at = from + size
  }
  return code
}

/** Somebody else, who is there before and after. */
async function served(house: House, what: () => Promise<void>): Promise<void> {
  const other = await house.overWebSocket()
  await what()
  assert.equal((await other.ask({ type: 'call', id: 1, call: 'rooms.maybe', input: 'so' })).value, 'so')
}

test('frames of WebSocket that are none: each ends with its code, and others are served', async (t) => {
  const rooms = await house(t, { door: { limits: { message: 10_000 }, compression: true } })
  const port = portOf(rooms)
  const ended = async (...frames: readonly Buffer[]): Promise<number> => closeCode(await raw(t, port, upgrade(), ...frames))
  await served(rooms, async () => {
    assert.equal(await ended(frame(1, Buffer.from([0xff, 0xfe]))), 1007, 'not UTF-8')
    assert.equal(await ended(frame(3, Buffer.from('x'))), 1002, 'an unknown opcode')
    assert.equal(await ended(frame(1, Buffer.alloc(20_000, 'x'))), 1009, 'too large')
    const endless = Array.from({ length: 30 }, (_, at) => frame(at === 0 ? 1 : 0, Buffer.alloc(500, 'x'), { fin: false }))
    assert.equal(await ended(...endless), 1009, 'fragments without end')
    assert.equal(await ended(frame(2, Buffer.from('{}'))), 1003, 'not text')
    assert.equal(await ended(frame(1, Buffer.from('{"type":'))), 4400, 'not JSON')
    const { deflateRawSync } = await import('node:zlib')
    const bomb = deflateRawSync(Buffer.alloc(50_000_000, ' '), { level: 9 })
    const head = upgrade({ 'sec-websocket-extensions': 'permessage-deflate' })
    const parts: Buffer[] = []
    for (let at = 0; at < bomb.length; at += 9_000)
      parts.push(frame(at === 0 ? 1 : 0, bomb.subarray(at, at + 9_000), { fin: at + 9_000 >= bomb.length, rsv1: at === 0 }))
    assert.equal(closeCode(await raw(t, port, head, ...parts)), 1009, 'what is small and becomes large')
  })
})

test('who may not connect is answered in HTTP: paths, pages of others, too many', async (t) => {
  const rooms = await house(t, { door: { origins: ['https://shop.example'], limits: { connections: 1 } } })
  const port = portOf(rooms)
  const status = async (text: string): Promise<string | undefined> => /^HTTP\/1\.1 (\d+)/.exec(await raw(t, port, text))?.[1]
  assert.equal(await status(upgrade({}, '/other')), '404')
  assert.equal(await status(upgrade({ origin: 'https://evil.example' })), '403')
  assert.equal(await status(upgrade({ origin: 'null' })), '403')
  assert.equal(await status('GET /socket HTTP/1.1\r\nhost: localhost\r\n\r\n'), '426')
  for (const origin of ['http://localhost', 'https://shop.example'])
    assert.match(await raw(t, port, upgrade({ origin }), frame(8, Buffer.from([3, 232]))), /^HTTP\/1\.1 101/)
  // Those before are gone when this one is taken.
  while ((await (await rooms.overTcp()).ask({ type: 'ping' })).type !== 'pong');
  assert.equal(await status(upgrade()), '503')
})

test('lines of TCP that are none: each ends with a reason, and others are served', async (t) => {
  const rooms = await house(t, { door: { limits: { message: 10_000 } } })
  const ended = async (...parts: readonly (string | Buffer)[]): Promise<string> => {
    const lines = (await raw(t, rooms.tcp, ...parts)).trim().split('\n')
    return JSON.parse(lines.at(-1)!).code
  }
  await served(rooms, async () => {
    assert.equal(await ended('x'.repeat(10_001)), 'BODY_TOO_LARGE', 'a line without end')
    assert.equal(await ended(Buffer.from([0xff, 0xfe, 10])), 'MALFORMED_REQUEST', 'not UTF-8')
    for (const line of [
      '{',
      '[]',
      'null',
      '7',
      '"call"',
      '{}',
      '{"type":"shout"}',
      '{"type":"toString"}',
      '{"type":"call","id":1}',
    ])
      assert.equal(await ended(`${line}\n`), 'MALFORMED_REQUEST', line)
    for (const id of ['-1', '1.5', '"1"', 'null', '9007199254740993'])
      assert.equal(await ended(`{"type":"call","id":${id},"call":"rooms.hang"}\n`), 'MALFORMED_REQUEST', id)
    const twice = '{"type":"call","id":1,"call":"rooms.hang"}\n'
    assert.equal(await ended(twice, twice), 'MALFORMED_REQUEST', 'an id twice')
    assert.equal(await ended(twice, '{"type":"hello"}\n'), 'MALFORMED_REQUEST', 'hello is not the first')
    const deep = `${'['.repeat(4_000)}${']'.repeat(4_000)}`
    const { ask } = await rooms.overTcp()
    assert.equal((await ask(`{"type":"call","id":1,"call":"rooms.maybe","input":${deep}}`)).error.code, 'INVALID_ARGUMENT')
  })
})

test('more calls than may be in hand are refused; the others are answered', async (t) => {
  const rooms = await house(t, { door: { limits: { calls: 3 } } })
  const { say, hear, ask } = await rooms.overTcp()
  for (let id = 1; id <= 3; id++) say({ type: 'call', id, call: 'rooms.hang' })
  assert.equal((await ask({ type: 'call', id: 4, call: 'rooms.hang' })).error.code, 'OVERLOADED')
  say({ type: 'cancel', id: 2 })
  assert.equal((await ask({ type: 'call', id: 5, call: 'rooms.maybe', input: 'so' })).value, 'so')
  say({ type: 'ping' })
  assert.equal((await hear()).type, 'pong')
})

test('who says nothing, half a line, or nothing any more is ended', async (t) => {
  const rooms = await house(t, { door: { limits: { hello: 50, heartbeat: 50 } } })
  assert.match(await raw(t, rooms.tcp), /"code":"REQUEST_TIMEOUT","message":"It has said nothing for 50 ms"/)
  assert.match(await raw(t, rooms.tcp, '{"type":"ping"}\n', '{"type":'), /A line did not end within 50 ms/)
  assert.match(await raw(t, rooms.tcp, '{"type":"hello"}\n'), /"type":"ping".*\n.*Nothing has been heard for 100 ms/s)
  const quiet = await raw(t, portOf(rooms), upgrade(), frame(1, Buffer.from('{"type":"hello"}')))
  assert.equal(closeCode(quiet), 4408)
})

test('a reader that takes nothing is ended with the reason, and its stream inside', async (t) => {
  const rooms = await house(t, { door: { limits: { buffer: 10_000, stall: 100, heartbeat: 50 } } })
  const one = connect(rooms.tcp, '127.0.0.1')
  t.after(() => one.destroy())
  one.on('error', () => {})
  one.pause()
  await served(rooms, async () => {
    one.write('{"type":"call","id":1,"call":"rooms.count","input":{"to":1000000,"size":10000}}\n')
    await rooms.until(() => rooms.seen.includes('count ended'))
  })
  assert.ok(!rooms.seen.includes('count 100000'), 'it did not run ahead without bounds')
})

test('who asks and does not read answers is not read any more', async (t) => {
  const rooms = await house(t, { door: { limits: { buffer: 10_000 } } })
  const one = connect(rooms.tcp, '127.0.0.1')
  t.after(() => one.destroy())
  one.on('error', () => {})
  one.pause()
  const line = (id: number): string => `{"type":"call","id":${id},"call":"rooms.big","input":{"size":200000}}\n`
  let accepted = 0
  for (let id = 1; id <= 400; id++) if (one.write(line(id) + ' '.repeat(0))) accepted = id
  assert.ok(accepted > 0)
  let answers = 0
  let text = ''
  await new Promise<void>((resolve) => {
    one.setEncoding('utf8').on('data', (part: string) => {
      text = part.length > 100_000 ? part : text + part
      answers += part.split('\n').length - 1
      if (answers === 400) resolve()
    })
    one.resume()
  })
  assert.equal(answers, 400)
})
