import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CallError, command, contract, error, query } from 'dure/contract'
import { z } from 'zod'
import { answerOf, clientAt, doorAndClient, rawServer } from './client.test-support.ts'

const OutOfStock = error('OUT_OF_STOCK', { data: z.object({ sku: z.string(), at: z.date(), left: z.bigint() }), http: 422 })
const Answer = z.object({ total: z.number(), currency: z.string().default('KRW') })
const Billing = contract('billing', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    charge: command({ input: z.object({ id: z.string() }), output: Answer, errors: { OutOfStock }, http: 'POST /charges/{id}' }),
    find: query({ input: z.object({ id: z.string() }), output: Answer, deadline: 2_000, http: 'GET /charges/{id}' }),
    upper: query({ output: z.string().transform((text) => `${text}!`), http: 'GET /upper' }),
    length: query({ output: z.string().transform((text) => text.length), http: 'GET /length' }),
    reset: command({ http: 'POST /reset' }),
    unmapped: query({}),
  },
})

const fails =
  (code: string, words?: RegExp) =>
  (thrown: unknown): true => {
    assert.ok(thrown instanceof CallError, String(thrown))
    assert.equal(thrown.code, code, thrown.message)
    if (words !== undefined) assert.match(thrown.message, words)
    return true
  }
const begun = (thrown: unknown): unknown => (thrown as CallError).details['begun']
const caught = (work: Promise<unknown>): Promise<CallError> =>
  work.then(
    () => assert.fail('It was answered'),
    (thrown: CallError) => thrown,
  )

test('declared errors, codes and issues come as the service threw them', async () => {
  const words = (how: string): never => {
    if (how === 'declared') throw OutOfStock({ sku: '차', at: new Date(5), left: 2n ** 70n })
    if (how === 'missing') throw new CallError('NOT_FOUND', 'No such charge')
    if (how === 'inside') throw new CallError('UNAVAILABLE', 'psql at 10.0.0.7 is away', { inside: true })
    throw new TypeError('password=1')
  }
  const door = await doorAndClient(Billing, {
    charge: ({ id }: { id: string }) => words(id),
    find: () => ({ total: 'x' }),
    ...{ upper: () => 'a', length: () => 'abc', reset: () => {}, unmapped: () => {} },
  })
  const { client } = door
  await assert.rejects(client.charge({ id: 'declared' }), (thrown) => {
    assert.ok(OutOfStock.is(thrown))
    assert.deepEqual(thrown.data, { sku: '차', at: new Date(5), left: 2n ** 70n })
    assert.equal(thrown.message, 'Out of stock')
    return true
  })
  await assert.rejects(client.charge({ id: 'missing' }), fails('NOT_FOUND', /^No such charge$/))
  await assert.rejects(client.charge({ id: 'inside' }), fails('UNAVAILABLE', /^Something that is needed/))
  await assert.rejects(
    client.charge({ id: 'else' }),
    fails('INTERNAL', /^Call to billing.charge failed inside the service; its log says why$/),
  )
  await assert.rejects(client.find({ id: 'x' }), fails('INTERNAL'))
  await assert.rejects(client.unmapped(), fails('UNIMPLEMENTED', /no route of HTTP/))
  assert.equal(await client.reset(), undefined)
  // What it has made of it is not made of it again.
  assert.equal(await client.upper(), 'a!')
  assert.equal(await client.length(), 3)
})

test('what goes with a call is in the headers that doors read', async () => {
  const server = await rawServer((socket) => void socket.write(answerOf(200, 'application/json', '{"total":1}')))
  const { client } = clientAt(Billing, server.port, {
    metadata: { tenant: '두레, "a"' },
    authorization: () => 'Bearer t',
    prefix: '/api',
  })
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  const options = { correlationId: 'c-1', traceparent, tracestate: 'a=1', idempotencyKey: '"quoted"', timeout: 1_500 }
  assert.deepEqual(await client.charge({ id: '7/1' }, options), { total: 1, currency: 'KRW' })
  const [request = ''] = server.requests
  assert.match(request, /^POST \/api\/charges\/7%2F1 HTTP\/1\.1\r\n/)
  const timeout = Number(/request-timeout: (\S+)/.exec(request)?.[1])
  assert.ok(timeout > 0 && timeout <= 1.5, request)
  for (const header of [
    'x-correlation-id: c-1',
    `traceparent: ${traceparent}`,
    'tracestate: a=1',
    'idempotency-key: ""quoted""',
    'authorization: Bearer t',
    'baggage: tenant=%EB%91%90%EB%A0%88%2C%20%22a%22',
  ])
    assert.ok(request.includes(`\r\n${header}\r\n`), `${header} in ${request}`)
  assert.ok(!request.includes('content-type'), 'an input that is in the path has no body')
  await assert.rejects(client.charge({ id: '1' }, { idempotencyKey: '열쇠' }), fails('INVALID_ARGUMENT', /visible ASCII/))
  await client.find({ id: '1' }, { correlationId: '상관' })
  assert.ok(!server.requests.at(-1)!.includes('correlation'), 'what only describes is left out')
  assert.equal(server.requests.length, 2)
})

test('what others answer is a code by status, and no word of theirs goes on', async () => {
  const said: { answer: string } = { answer: '' }
  const server = await rawServer((socket) => void socket.write(said.answer))
  const { client } = clientAt(Billing, server.port)
  const secret = 'jdbc:oracle:thin:@10.0.0.7'
  const page = (status: number, more = ''): string => answerOf(status, 'text/html', `<h1>${secret}</h1>`, more)
  const spring = (status: number): string =>
    answerOf(status, 'application/problem+json', JSON.stringify({ type: 'about:blank', status, detail: secret }))
  for (const [answer, code] of [
    [page(400), 'INVALID_ARGUMENT'],
    [page(401), 'UNAUTHENTICATED'],
    [spring(403), 'PERMISSION_DENIED'],
    [spring(404), 'NOT_FOUND'],
    [page(405), 'UNIMPLEMENTED'],
    [page(409), 'ABORTED'],
    [page(418), 'FAILED_PRECONDITION'],
    [spring(422), 'INVALID_ARGUMENT'],
    [page(429), 'RESOURCE_EXHAUSTED'],
    [page(302, 'location: http://127.0.0.1:1/\r\n'), 'UNKNOWN'],
    [page(500), 'INTERNAL'],
    [page(502), 'UNAVAILABLE'],
    [spring(503), 'UNAVAILABLE'],
    [page(504), 'DEADLINE_EXCEEDED'],
    [page(599), 'UNKNOWN'],
    [answerOf(409, 'application/problem+json', '{"code":"OUT_OF_STOCK","data":{"sku":1}}'), 'INTERNAL'],
    [answerOf(409, 'application/problem+json', `{"code":"E-17","detail":"${secret}"}`), 'ABORTED'],
    [answerOf(409, 'application/problem+json', '{"code":'), 'ABORTED'],
    [page(200), 'INTERNAL'],
    [answerOf(200, 'application/json', `{"total": ${secret}`), 'INTERNAL'],
    [answerOf(200, 'application/json', `{"total":"${secret}"}`), 'INTERNAL'],
    [answerOf(200, 'application/json', '{"total":12345678901234567890}'), 'INTERNAL'],
    [answerOf(200, 'application/json', '{"total":1}', 'content-encoding: gzip\r\n'), 'INTERNAL'],
    [answerOf(200, 'application/json', ''), 'INTERNAL'],
    ['HTTP/1.1 200 OK\r\ncontent-length: nine\r\n\r\n', 'INTERNAL'],
    [`SSH-2.0-${secret}\r\n`, 'INTERNAL'],
    [`HTTP/1.1 200 OK\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`, 'INTERNAL'],
  ] as const) {
    said.answer = answer
    const thrown = await caught(client.charge({ id: 'a' }))
    assert.equal(thrown.code, code, `${thrown.message} for ${answer.slice(0, 60)}`)
    assert.ok(!JSON.stringify([thrown.message, thrown.details]).includes('10.0.0.7'), thrown.message)
    assert.notEqual(begun(thrown), false)
  }
  // More than was promised is left out, and what is missing is as the contract has it.
  said.answer = answerOf(201, 'application/vnd.api+json', '{"total":1,"__proto__":{"a":1},"extra":[]}')
  assert.deepEqual(await client.charge({ id: 'a' }), { total: 1, currency: 'KRW' })
  said.answer = page(200)
  assert.equal(await client.reset(), undefined)
})

test('the deadline holds and the connection ends: half a header, an answer that never ends, silence', async () => {
  const server = await rawServer((socket, request) => {
    if (request.includes('/half')) socket.write('HTTP/1.1 200 OK\r\ncontent-ty')
    if (request.includes('/endless'))
      socket.write('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\n')
  })
  const { client, peer } = clientAt(Billing, server.port)
  for (const id of ['half', 'endless', 'silent']) {
    await assert.rejects(
      client.find({ id }, { timeout: 60 }),
      fails('DEADLINE_EXCEEDED', /^Call to billing.find was not answered before its deadline$/),
    )
    while (server.sockets.size > 0) await new Promise((resolve) => setImmediate(resolve))
  }
  const controller = new AbortController()
  const asked = assert.rejects(client.find({ id: 'silent' }, { signal: controller.signal }), fails('CANCELLED'))
  while (server.requests.length < 4) await new Promise((resolve) => setImmediate(resolve))
  controller.abort()
  await asked
  while (server.sockets.size > 0) await new Promise((resolve) => setImmediate(resolve))
  await assert.rejects(client.find({ id: 'x' }, { timeout: 0 }), fails('DEADLINE_EXCEEDED'))
  assert.equal(server.requests.length, 4)
  assert.equal(peer.pending(), 0)
})

test('an answer that is too large is not read to its end', async () => {
  let written = 0
  const server = await rawServer((socket) => {
    socket.write(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${10 * 1024 * 1024}\r\n\r\n`)
    const more = (): void => {
      while (!socket.destroyed && written < 10 * 1024 * 1024) {
        written += 16_384
        if (!socket.write('x'.repeat(16_384))) return void socket.once('drain', more)
      }
    }
    more()
  })
  const { client } = clientAt(Billing, server.port, { limits: { answer: 100_000 } })
  await assert.rejects(client.find({ id: 'x' }), fails('RESOURCE_EXHAUSTED', /larger than 100000 bytes/))
  while (server.sockets.size > 0) await new Promise((resolve) => setImmediate(resolve))
  assert.ok(written < 10 * 1024 * 1024, `${written} bytes were taken`)
})

test('what surely was not sent may be sent again, and what may have been only if it may happen twice', async () => {
  let broken = true
  const server = await rawServer((socket, request, number) => {
    if (broken) return void socket.destroy()
    socket.write(answerOf(200, 'application/json', `{"total":${number}}`))
    // It does not say that it will.
    if (request.includes('/last')) socket.end()
  })
  const { client, peer, stop } = clientAt(Billing, server.port, { limits: { connections: 1 } })
  const lost = await caught(client.charge({ id: 'a' }))
  assert.ok(fails('UNAVAILABLE', /was lost/)(lost))
  assert.notEqual(begun(lost), false)
  broken = false
  for (let n = 0; n < 5; n++) {
    await client.find({ id: 'last' })
    while (server.sockets.size > 0) await new Promise((resolve) => setImmediate(resolve))
    // Closed between two calls: the next takes another connection.
    assert.equal((await client.charge({ id: 'b' })).currency, 'KRW')
  }
  assert.equal(peer.state(), 'up')
  const { port } = server
  await server.stop()
  const refused = await caught(client.charge({ id: 'a' }))
  assert.ok(fails('UNAVAILABLE', new RegExp(`no connection to 127.0.0.1:${port}: the connection was refused`))(refused))
  assert.equal(begun(refused), false)
  assert.equal(peer.state(), 'down')
  // Until it is tried again nothing is tried.
  assert.equal(begun(await caught(client.charge({ id: 'a' }))), false)
  await stop()
  assert.equal(begun(await caught(client.charge({ id: 'a' }))), false)
})

test('who asks to be left alone is, for so long; a service that says so of one call is not', async () => {
  const overloaded = { code: 'OVERLOADED', status: 503 }
  const said: { answer: string } = { answer: '' }
  const server = await rawServer((socket) => void socket.write(said.answer))
  for (const [answer, more, state] of [
    [answerOf(503, 'text/html', 'down', 'retry-after: 7\r\n'), undefined, 'down'],
    [answerOf(429, 'text/html', 'down', 'retry-after: Sun, 06 Nov 1994 08:49:37 GMT\r\n'), undefined, 'down'],
    [answerOf(503, 'application/problem+json', JSON.stringify(overloaded), 'retry-after: 1\r\n'), undefined, 'down'],
    [
      answerOf(503, 'application/problem+json', '{"code":"UNAVAILABLE","detail":"closed"}', 'retry-after: 1\r\n'),
      undefined,
      'up',
    ],
    [answerOf(503, 'text/html', 'down'), undefined, 'up'],
    [answerOf(503, 'text/html', 'down', 'retry-after: 86400\r\n'), { rest: 20 }, 'down'],
  ] as const) {
    const { client, peer, stop } = clientAt(Billing, server.port, { limits: more })
    said.answer = answer
    await caught(client.find({ id: 'a' }))
    assert.equal(peer.state(), state, answer)
    const asked = server.requests.length
    if (state === 'down' && more === undefined) {
      const thrown = await caught(client.charge({ id: 'a' }))
      assert.ok(fails('UNAVAILABLE', /left alone/)(thrown))
      assert.equal(begun(thrown), false)
      assert.equal(server.requests.length, asked)
    }
    if (more !== undefined) while (peer.state() === 'down') await new Promise((resolve) => setImmediate(resolve))
    await stop()
  }
})

test('connections are as many as allowed, and a stop ends what waits', async () => {
  const server = await rawServer(() => {})
  const { client, peer, stop } = clientAt(Billing, server.port, { limits: { connections: 2 } })
  const asked = Array.from({ length: 10 }, () => caught(client.charge({ id: 'a' })))
  while (server.requests.length < 2) await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual([server.sockets.size, peer.pending()], [2, 10])
  await stop()
  for (const thrown of await Promise.all(asked)) fails('UNAVAILABLE')(thrown)
  assert.equal(server.requests.length, 2)
  assert.equal(peer.pending(), 0)
})
