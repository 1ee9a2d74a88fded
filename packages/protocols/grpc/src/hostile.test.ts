import assert from 'node:assert/strict'
import { connect, type ClientHttp2Session } from 'node:http2'
import { test, type TestContext } from 'node:test'
import { gzipSync } from 'node:zlib'
import { theirClient } from './client.test-support.ts'
import { Orders, shop, type Shop } from './shop.test-support.ts'

type Answer = { readonly http: number; readonly status: string | undefined; readonly message: string }

async function opened(t: TestContext, given?: Parameters<typeof shop>[1]): Promise<Shop & { readonly ask: Ask }> {
  const served = await shop(t, given)
  const session = connect(`http://${served.address}`)
  t.after(() => session.destroy())
  session.on('error', () => {})
  return { ...served, ask: (path, body, headers) => ask(session, path, { body, headers }) }
}
type Ask = (path: string, body: Uint8Array, headers?: Record<string, string>) => Promise<Answer>

function ask(
  session: ClientHttp2Session,
  path: string,
  { body, headers }: { body: Uint8Array; headers: Record<string, string> | undefined },
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    })
    let head: Record<string, unknown> = {}
    let tail: Record<string, unknown> = {}
    request.on('response', (given) => (head = given))
    request.on('trailers', (given) => (tail = given))
    request.on('error', reject)
    request.on('close', () => {
      const text = (name: string): string | undefined => (tail[name] ?? head[name]) as string | undefined
      resolve({
        http: Number(head[':status']),
        status: text('grpc-status'),
        message: decodeURIComponent(text('grpc-message') ?? ''),
      })
    })
    request.resume()
    request.end(body)
  })
}

const framed = (message: Uint8Array, flag = 0): Buffer => {
  const head = Buffer.alloc(5)
  head[0] = flag
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}
const PLACE = '/orders.v1.OrdersService/Place'
const GOOD = framed(Buffer.from([10, 1, 97, 16, 3]))

test('bytes that are no message are answered in words, and others are served', async (t) => {
  const { ask, placed } = await opened(t)
  const huge = Buffer.from([0, 0x7f, 0xff, 0xff, 0xff])
  const length = (bytes: readonly number[]): Buffer => framed(Buffer.from(bytes))
  let deep: Buffer = Buffer.from([8, 0])
  for (let n = 0; n < 150; n++)
    deep = Buffer.concat([
      Buffer.from([50, ...sizeOf(deep.length + 1 + sizeOf(deep.length).length), 10, ...sizeOf(deep.length)]),
      deep,
    ])
  const any = Buffer.concat([Buffer.from([98, ...sizeOf(deep.length)]), deep])
  const cases: readonly (readonly [string, Uint8Array, string, RegExp, Record<string, string>?])[] = [
    ['half a prefix', Buffer.from([0, 0]), '3', /middle of a message/],
    ['half a message', GOOD.subarray(0, 7), '3', /middle of a message/],
    ['none', Buffer.alloc(0), '3', /has no message/],
    ['two', Buffer.concat([GOOD, GOOD]), '0', /^$/],
    ['two gigabytes', huge, '8', /2147483647 bytes/],
    ['a flag that is none', Buffer.from([7, 0, 0, 0, 0]), '3', /neither 0 nor 1/],
    ['compressed without a word', framed(gzipSync(GOOD), 1), '3', /does not say how/],
    ['compressed with what is not there', GOOD, '12', /lzma/, { 'grpc-encoding': 'lzma' }],
    ['not what gzip writes', framed(Buffer.from('hello'), 1), '3', /not what gzip writes/, { 'grpc-encoding': 'gzip' }],
    ['a bomb', framed(gzipSync(Buffer.alloc(16 * 1024 * 1024)), 1), '8', /unpacked it has more/, { 'grpc-encoding': 'gzip' }],
    ['a field cut off', length([10, 5, 97]), '3', /middle of a field/],
    ['a text of 2 GB', length([10, 255, 255, 255, 255, 7]), '3', /middle of a field/],
    ['a wrong wire type', length([8, 1]), '3', /"id" has the wire type 0 instead of 2/],
    ['a group', length([11, 12]), '3', /wire type 3/],
    ['a field number of zero', length([2, 0]), '3', /number 0/],
    ['a number without an end', length([16, ...Array.from({ length: 11 }, () => 255)]), '3', /ten bytes/],
    ['a number too large', length([16, 255, 255, 255, 255, 255, 255, 255, 255, 127]), '3', /beyond/],
    ['no UTF-8', length([10, 2, 0xc3, 0x28]), '3', /no UTF-8/],
    ['a timeout that is none', GOOD, '3', /grpc-timeout/, { 'grpc-timeout': 'soon' }],
  ]
  for (const [name, body, status, words, headers] of cases) {
    const answer = await ask(PLACE, body, headers)
    if (name === 'two') continue
    assert.deepEqual([name, answer.http, answer.status], [name, 200, status])
    assert.match(answer.message, words, name)
  }
  const nested = await ask('/orders.v1.OrdersService/Echo', framed(any))
  assert.deepEqual([nested.status, /100 levels/.test(nested.message)], ['3', true])
  const before = placed.length
  assert.equal((await ask(PLACE, GOOD)).status, '0')
  assert.equal(placed.length, before + 1)
})

function sizeOf(size: number): readonly number[] {
  return size < 128 ? [size] : [(size & 127) | 128, ...sizeOf(size >>> 7)]
}

test('what is no call of gRPC is told so by HTTP', async (t) => {
  const { ask } = await opened(t)
  assert.equal((await ask(PLACE, GOOD, { 'content-type': 'application/json' })).http, 415)
  assert.equal((await ask(PLACE, GOOD, { ':method': 'PUT' })).http, 405)
  const lost = await ask('/orders.v1.OrdersService/%00Nothing', GOOD)
  assert.deepEqual([lost.status, lost.message.includes('Nothing is served')], ['12', true])
})

test('more calls than there is room for are told to come again', async (t) => {
  const { address, ask, running } = await opened(t, { door: { limits: { requests: 1 } } })
  const { client, unary } = theirClient(address, Orders)
  t.after(() => client.close())
  const slow = unary('Fail', { how: 3 }).catch((error: unknown) => error)
  for (;;) {
    const { status, message } = await ask(PLACE, GOOD)
    if (status === '0') continue
    assert.deepEqual([status, /in hand/.test(message)], ['14', true])
    break
  }
  // What a door does not wait for is told so: a client asks another copy, which it does not after CANCELLED.
  await running.stop({ timeout: 50 })
  assert.equal(((await slow) as { code?: number }).code, 14)
})
