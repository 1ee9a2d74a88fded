import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { connect } from 'node:net'
import { test } from 'node:test'
import { theirClient } from './client.test-support.ts'
import { Orders, shop } from './shop.test-support.ts'

type Told = { readonly messages: readonly Buffer[]; readonly trailers: Readonly<Record<string, string>> }

/** What a browser's client reads. */
function read(body: Buffer): Told {
  const messages: Buffer[] = []
  let trailers = {}
  for (let at = 0; at < body.length;) {
    const size = body.readUInt32BE(at + 1)
    const part = body.subarray(at + 5, at + 5 + size)
    if (body[at] === 0x80)
      trailers = Object.fromEntries(
        part
          .toString()
          .trim()
          .split('\r\n')
          .map((line) => line.split(': ') as [string, string]),
      )
    else messages.push(part)
    at += 5 + size
  }
  return { messages, trailers }
}

/** Padded parts behind each other. */
const unpacked = (text: string): Buffer =>
  Buffer.concat((text.match(/[^=]+=*/g) ?? []).map((part) => Buffer.from(part, 'base64')))

const framed = (message: Uint8Array): Buffer => {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}

async function web(t: Parameters<typeof shop>[0], given?: Parameters<typeof shop>[1]) {
  const served = await shop(t, given)
  const { client, types } = theirClient(served.address, Orders)
  t?.after(() => client.close())
  const bytesOf = (method: string, input: object): Buffer => {
    const { request } = types(method)
    return framed(request.encode(request.fromObject(input)).finish())
  }
  const ask = async (method: string, body: string | Uint8Array<ArrayBuffer>, more: Record<string, string> = {}) => {
    const headers = {
      'content-type': typeof body === 'string' ? 'application/grpc-web-text' : 'application/grpc-web+proto',
      ...more,
    }
    const response = await fetch(`http://${served.address}${types(method).path}`, { method: 'POST', headers, body })
    const answer = Buffer.from(await response.arrayBuffer())
    return { response, ...read(typeof body === 'string' ? unpacked(answer.toString()) : answer) }
  }
  const valueOf = (method: string, bytes: Buffer): unknown =>
    types(method).response.toObject(types(method).response.decode(bytes))
  return { ...served, types, bytesOf, ask, valueOf }
}

const copied = (bytes: Buffer): Uint8Array<ArrayBuffer> => new Uint8Array(bytes)

test('browsers call over HTTP/1.1 on the same port, in bytes and in text: answers, errors, streams, deadlines', async (t) => {
  const { ask, bytesOf, valueOf, placed } = await web(t)
  for (const form of [copied, (bytes: Buffer) => bytes.toString('base64')]) {
    const { response, messages, trailers } = await ask('Place', form(bytesOf('Place', { id: 'web', pieces: 2 })))
    assert.deepEqual(
      [response.status, messages.map((one) => valueOf('Place', one)), trailers],
      [200, [{ value: 'web × 2' }], { 'grpc-status': '0' }],
    )
    assert.equal(response.headers.get('content-type'), `application/grpc-web${form === copied ? '' : '-text'}+proto`)
    const failed = await ask('Fail', form(bytesOf('Fail', { how: 1 })))
    assert.deepEqual([failed.messages.length, failed.trailers['grpc-status']], [0, '9'])
    assert.ok(failed.trailers['grpc-status-details-bin'])
    const watched = await ask('Watch', form(bytesOf('Watch', { count: 2 })))
    assert.deepEqual(
      watched.messages.map((one) => valueOf('Watch', one)),
      [{}, { n: 1 }],
    )
    const slow = await ask('Fail', form(bytesOf('Fail', { how: 3 })), { 'grpc-timeout': '50m' })
    assert.equal(slow.trailers['grpc-status'], '4')
  }
  assert.deepEqual(placed, ['web', 'web'])
  // Padded parts, as a client writes them that sends as it goes.
  const bytes = bytesOf('Place', { id: 'parts', pieces: 1 })
  const parts = [bytes.subarray(0, 5), bytes.subarray(5)].map((part) => part.toString('base64')).join('')
  assert.equal((await ask('Place', parts)).trailers['grpc-status'], '0')
})

test('the same over HTTP/2, beside calls that are no browser’s', async (t) => {
  const { address, types, bytesOf, valueOf } = await web(t)
  const session = connectHttp2(`http://${address}`)
  t.after(() => session.destroy())
  const request = session.request({ ':method': 'POST', ':path': types('Place').path, 'content-type': 'application/grpc-web' })
  request.end(bytesOf('Place', { id: 'h2', pieces: 1 }))
  const { messages, trailers } = read(Buffer.concat(await request.toArray()))
  assert.deepEqual([valueOf('Place', messages[0]!), trailers], [{ value: 'h2 × 1' }, { 'grpc-status': '0' }])
  const { client, unary } = theirClient(address, Orders)
  t.after(() => client.close())
  assert.equal((await unary('Place', { id: 'go', pieces: 1 })).value, 'go × 1')
})

test('pages of other hosts call where they are named', async (t) => {
  const { address, types, ask, bytesOf } = await web(t, { door: { origins: ['https://shop.example'] } })
  const preflight = (origin: string): Promise<Response> =>
    fetch(`http://${address}${types('Place').path}`, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type,x-grpc-web' },
    })
  const { status, headers } = await preflight('https://shop.example')
  assert.deepEqual(
    [status, headers.get('access-control-allow-origin'), headers.get('access-control-allow-headers')],
    [204, 'https://shop.example', 'content-type,x-grpc-web'],
  )
  assert.equal((await preflight('https://evil.example')).status, 403)
  const { response } = await ask('Place', copied(bytesOf('Place', { id: 'a', pieces: 1 })), { origin: 'https://shop.example' })
  assert.match(response.headers.get('access-control-expose-headers')!, /grpc-status/)
})

test('what is no call is told so, and the door closes beside those who say nothing', async (t) => {
  const { address, ask, bytesOf, running } = await web(t)
  for (const body of ['!!!!', 'AAAA=', 'AAA', 'AA=A']) {
    const { trailers } = await ask('Place', body)
    assert.deepEqual([trailers['grpc-status'], trailers['grpc-message']], ['3', 'It is not base64'], body)
  }
  assert.equal((await ask('Place', 'AAAAAA==')).trailers['grpc-status'], '3')
  const url = `http://${address}/orders.v1.OrdersService/Place`
  const bare = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/grpc' },
    body: copied(bytesOf('Place', { id: 'a', pieces: 1 })),
  })
  assert.equal(bare.status, 426)
  assert.equal((await fetch(url)).status, 405)
  const lost = await fetch(`http://${address}/nothing`, { method: 'POST', headers: { 'content-type': 'application/grpc-web' } })
  assert.equal(read(Buffer.from(await lost.arrayBuffer())).trailers['grpc-status'], '12')
  const { port } = new URL(url)
  const said = ['', 'P', 'PR', 'POST /x HT']
  const silent: Promise<unknown>[] = []
  for (const text of said) {
    const one = connect(Number(port), '127.0.0.1')
    one.on('error', () => {})
    await once(one, 'connect')
    silent.push(new Promise((resolve) => one.once('close', resolve)))
    one.write(text)
  }
  // The door has those when it has answered this one, which came later.
  assert.equal((await fetch(url)).status, 405)
  await running.stop()
  await Promise.all(silent)
})
