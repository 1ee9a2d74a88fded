import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { LIMITS, limitsOf } from './limits.ts'
import { ask, calls, openShop, raw, until } from './rest.test-support.ts'

test('limits are positive whole numbers', () => {
  for (const name of Object.keys(LIMITS))
    for (const value of [0, 1.5, Number.NaN, Infinity, '5' as never, null as never])
      assert.throws(() => limitsOf({ [name]: value }), { name: 'TypeError', message: new RegExp(`"${name}" is `) })
})

test('answers headers that are too large with 431', async () => {
  await using shop = await openShop({ limits: { headers: 2048 } })
  const answer = await raw(shop.port, `GET /items/1 HTTP/1.1\r\nHost: a\r\nX-Large: ${'x'.repeat(4000)}\r\n\r\n`)
  assert.match(answer, /^HTTP\/1.1 431 [^]*application\/problem\+json[^]*HEADERS_TOO_LARGE/)
})

test('answers bytes that are not HTTP with 400 and goes on serving', async () => {
  await using shop = await openShop()
  for (const bytes of [
    'hello\r\n\r\n',
    'GET / HTTP/9.9\r\n\r\n',
    'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n',
    Buffer.from([0x16, 3, 1, 0, 0]),
  ]) {
    const answer = await raw(shop.port, bytes)
    assert.match(answer, /^HTTP\/1.1 400 [^]*MALFORMED_REQUEST/)
  }
  assert.equal((await ask(`${shop.url}/items/1`)).status, 200)
})

test('answers a sender that falls asleep, in its headers or in its body, with 408 and closes', async () => {
  await using shop = await openShop({ limits: { headersTimeout: 60, requestTimeout: 60 } })
  const [headers, body] = await Promise.all([
    raw(shop.port, 'GET /items/1 HTTP/1.1\r\nHost: a\r\n'),
    raw(shop.port, 'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"text":'),
  ])
  assert.match(headers, /^HTTP\/1.1 408 [^]*REQUEST_TIMEOUT/)
  assert.match(body, /^HTTP\/1.1 408 [^]*REQUEST_TIMEOUT/)
})

test('turns calls away beyond the limit, but not health checks', async () => {
  await using shop = await openShop({ limits: { requests: 1 } })
  const held = new AbortController()
  const { aborted: before, started } = calls
  const first = ask(`${shop.url}/slow`, { json: {}, signal: held.signal }).catch(() => undefined)
  await until(() => calls.started > started)
  const second = await ask(`${shop.url}/items/1`)
  assert.equal(second.status, 503)
  assert.equal(second.body['code'], 'OVERLOADED')
  assert.equal(second.headers.get('retry-after'), '1')
  assert.equal((await ask(`${shop.url}/health/live`)).status, 200)
  held.abort()
  await first
  await until(() => calls.aborted > before)
  let third = await ask(`${shop.url}/items/1`)
  while (third.status === 503) third = await ask(`${shop.url}/items/1`)
  assert.equal(third.status, 200)
})

test('a client that goes away cancels its call', async () => {
  await using shop = await openShop()
  const before = calls.aborted
  const socket = connect(shop.port, '127.0.0.1')
  socket.write('POST /slow HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}')
  await once(socket, 'connect')
  setTimeout(() => socket.destroy(), 20)
  await until(() => calls.aborted > before)
})

test('Request-Timeout bounds the call, and the door bounds Request-Timeout', async () => {
  await using shop = await openShop({ limits: { deadline: 50 } })
  for (const timeout of ['0.03', '9999']) {
    const { status, body } = await ask(`${shop.url}/slow`, { json: {}, headers: { 'request-timeout': timeout } })
    assert.equal(status, 504)
    assert.equal(body['code'], 'DEADLINE_EXCEEDED')
  }
})

test('close answers what is under way, ends its connection and takes nothing new', async () => {
  const shop = await openShop()
  const before = calls.started
  const started = ask(`${shop.url}/slow`, { json: { ms: 60 } })
  await until(() => calls.started > before)
  const closed = shop.close()
  const answer = await started
  assert.equal(answer.status, 200)
  assert.equal(answer.headers.get('connection'), 'close')
  await closed
  await assert.rejects(ask(`${shop.url}/health/live`))
  await shop.close()
})

test('close cuts what does not end in time', async () => {
  const shop = await openShop({ limits: { drain: 50 } })
  const before = { ...calls }
  const started = ask(`${shop.url}/slow`, { json: {} }).then(
    () => 'answered',
    () => 'cut',
  )
  await until(() => calls.started > before.started)
  await shop.close()
  assert.equal(await started, 'cut')
  await until(() => calls.aborted > before.aborted)
})
