import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { get } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { connect } from 'node:tls'
import { CallError } from 'dure/contract'
import { keyText, newKeys, openAuthority } from 'dure/identity/internal'
import { house, type Said } from './rooms.test-support.ts'
import { socket } from './socket.ts'

const call = (id: number, call: string, input?: unknown, more: object = {}) => ({ type: 'call', id, call, input, ...more })

test('calls by WebSocket and by lines of TCP: answers, absent values, declared and other errors', async (t) => {
  const { overWebSocket, overTcp } = await house(t)
  for (const { ask } of [await overWebSocket(), await overTcp()]) {
    const echo = { at: '2026-11-30T00:00:00.000Z', size: '12345678901234567890' }
    assert.deepEqual(await ask(call(1, 'rooms.echo', echo)), { type: 'answer', id: 1, value: echo })
    assert.deepEqual(await ask(call(2, 'rooms.maybe')), { type: 'answer', id: 2 })
    assert.deepEqual(await ask(call(3, 'rooms.maybe', 'so')), { type: 'answer', id: 3, value: 'so' })
    const full = await ask(call(4, 'rooms.enter', { room: 'full' }, { headers: { 'x-correlation-id': 'c-1' } }))
    assert.deepEqual(full.error.data, { room: 'full', at: '1970-01-01T00:00:00.000Z' })
    assert.deepEqual(
      [full.type, full.id, full.error.code, full.error.declared, full.error.correlationId],
      ['error', 4, 'FULL', true, 'c-1'],
    )
    const broken = await ask(call(5, 'rooms.enter', { room: 'broken' }))
    assert.equal(broken.error.code, 'INTERNAL')
    assert.doesNotMatch(JSON.stringify(broken), /1234/)
    assert.equal((await ask(call(6, 'rooms.enter', { room: 'away' }))).error.code, 'UNAVAILABLE')
  }
})

test('what cannot be called is answered in words, and the connection goes on', async (t) => {
  const { overTcp } = await house(t)
  const { ask, say, hear } = await overTcp()
  const refused = async (message: object): Promise<Said> => (await ask(message)).error
  assert.equal((await refused(call(1, 'rooms.nothing'))).code, 'PATH_NOT_FOUND')
  assert.deepEqual((await refused(call(2, 'rooms.enter', { room: 1 }))).issues[0].path, ['room'])
  const misspelt = await refused(call(3, 'rooms.enter', { room: 'a', Room: 'b' }))
  assert.deepEqual(misspelt.issues, [{ path: ['Room'], message: 'Unknown field; "room" is meant, perhaps' }])
  assert.equal(
    (await refused(call(4, 'rooms.enter', { room: 'a' }, { headers: { 'request-timeout': 'soon' } }))).code,
    'INVALID_HEADER',
  )
  assert.equal(
    (await refused(call(5, 'rooms.hang', undefined, { headers: { 'request-timeout': '0.05' } }))).code,
    'DEADLINE_EXCEEDED',
  )
  // What comes for a call that is over is nobody's.
  for (const type of ['value', 'end', 'cancel']) say({ type, id: 5 })
  say({ type: 'ping' })
  assert.deepEqual(await hear(), { type: 'pong' })
})

test('streams, in order, to their end; cancelled, they end inside too', async (t) => {
  const { overWebSocket, seen, until } = await house(t)
  const { say, hear } = await overWebSocket()
  say(call(1, 'rooms.count', { to: 2 }))
  say(call(2, 'rooms.enter', { room: 'a' }))
  const all = [await hear(), await hear(), await hear(), await hear()]
  assert.deepEqual(
    all.filter(({ id }) => id === 1),
    [
      { type: 'value', id: 1, value: { n: 1, text: '' } },
      { type: 'value', id: 1, value: { n: 2, text: '' } },
      { type: 'end', id: 1 },
    ],
  )
  seen.length = 0
  say(call(3, 'rooms.count', { to: 3 }))
  for (let n = 0; n < 3; n++) await hear()
  assert.ok(!seen.includes('count ended'))
  say({ type: 'cancel', id: 3 })
  await until(() => seen.includes('count ended'))
})

test('channels: values both ways, either side ends; one that is broken off ends inside too', async (t) => {
  const { overTcp, seen, until } = await house(t)
  const { say, hear, ask, cut } = await overTcp()
  say(call(1, 'rooms.talk', { name: 'Sori' }))
  assert.equal((await ask({ type: 'value', id: 1, value: { text: 'hello' } })).value, 'Sori: hello')
  assert.equal((await ask({ type: 'value', id: 1, value: { text: 'bye' } })).value, 'Sori: bye')
  assert.equal((await ask({ type: 'end', id: 1 })).value, 'Sori left')
  assert.deepEqual(await hear(), { type: 'end', id: 1 })

  say(call(2, 'rooms.talk', { name: 'Sori' }))
  const wrong = await ask({ type: 'value', id: 2, value: { text: 'a', texxt: 'b' } })
  assert.deepEqual([wrong.error.code, wrong.error.issues[0].path], ['INVALID_ARGUMENT', ['texxt']])
  seen.length = 0
  say(call(3, 'rooms.talk', { name: 'Sori' }))
  assert.equal((await ask({ type: 'value', id: 3, value: { text: 'hello' } })).value, 'Sori: hello')
  cut()
  await until(() => seen.includes('talk ended'))
})

test('who sends a channel more than it has room for loses the channel, and nobody else anything', async (t) => {
  const { overTcp } = await house(t, { door: { limits: { window: 1_000 } } })
  const { say, hear, ask } = await overTcp()
  say(call(1, 'rooms.deaf'))
  for (let n = 0; n < 12; n++) say({ type: 'value', id: 1, value: 'x'.repeat(80) })
  assert.equal((await hear()).error.code, 'BODY_TOO_LARGE')
  assert.equal((await ask(call(2, 'rooms.enter', { room: 'a' }))).value, 1)
  // One that is taken makes room for more.
  say(call(3, 'rooms.talk', { name: 'Sori' }))
  const heard: Said[] = []
  for (let n = 0; n < 40; n++) {
    say({ type: 'value', id: 3, value: { text: 'x'.repeat(80) } })
    let next: Said
    while ((next = await hear()).type === 'more') heard.push(next)
    assert.equal(next.type, 'value')
  }
  assert.ok(heard.length >= 3 && heard.every(({ bytes }) => bytes >= 500))
})

test('a stream waits for its window, and for a reader that is behind', async (t) => {
  const { overWebSocket, seen, until } = await house(t)
  const { say, hear } = await overWebSocket()
  say(call(1, 'rooms.count', { to: 100, size: 1_000 }, { window: 5_000 }))
  for (let n = 1; n <= 5; n++) assert.equal((await hear()).value.n, n)
  say({ type: 'ping' })
  assert.equal((await hear()).type, 'pong', 'nothing comes beyond the window')
  assert.ok(!seen.includes('count 8'))
  say({ type: 'more', id: 1, bytes: 1_000_000 })
  for (let n = 6; n <= 100; n++) assert.equal((await hear()).value.n, n)
  await until(() => seen.includes('count ended'))
})

test('who calls: said when it connects, in its hello, or by each call; who says it wrongly is told, and ended', async (t) => {
  const security = {
    authenticate: ({ header }: { header: (name: string) => string | undefined }) => {
      const said = header('authorization')
      if (said === undefined) return undefined
      if (said !== 'Bearer good') throw new CallError('UNAUTHENTICATED', 'The token is not one of ours')
      return { kind: 'user', subject: 'ana', scopes: ['rooms.lock'], roles: [] } as never
    },
  }
  const { overWebSocket, overTcp } = await house(t, { security })
  const lock = call(7, 'rooms.lock', { room: 'a' })
  const good = { authorization: 'Bearer good' }
  assert.deepEqual(await (await overWebSocket(good)).ask(lock), { type: 'answer', id: 7 })
  const { ask } = await overTcp()
  assert.equal((await ask(lock)).error.code, 'UNAUTHENTICATED')
  assert.deepEqual(await ask({ ...lock, headers: good }), { type: 'answer', id: 7 })
  assert.equal((await ask(lock)).error.code, 'UNAUTHENTICATED', 'what a call says is of that call')
  const greeted = await overTcp()
  assert.equal((await greeted.ask({ type: 'hello', headers: good })).type, 'welcome')
  assert.deepEqual(await greeted.ask(lock), { type: 'answer', id: 7 })
  const wrong = await overWebSocket()
  assert.deepEqual(await wrong.ask({ type: 'hello', headers: { authorization: 'Bearer bad' } }), {
    ...{ type: 'bye', code: 'UNAUTHENTICATED', message: 'The token is not one of ours' },
  })
  const { code, reason } = await wrong.ended
  assert.deepEqual([code, reason], [4401, 'The token is not one of ours'])
})

test('with certificates, WebSocket and TCP speak TLS', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'dure-socket-tls-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const authority = openAuthority({ directory, system: 'house', clock: { now: Date.now } })
  const { publicKey, privateKey } = newKeys()
  const certificate = authority.issue({ names: ['house'], publicKey, life: 86_400_000 })
  const { ws, tcp } = await house(t, { door: { tls: { certificates: [{ certificate, key: keyText(privateKey) }] } } })
  assert.match(ws, /^wss:/)
  const one = connect({ port: tcp, host: '127.0.0.1', ca: authority.roots, servername: 'house' })
  t.after(() => one.destroy())
  await once(one, 'secureConnect')
  one.write(`${JSON.stringify(call(1, 'rooms.maybe', 'so'))}\n`)
  const [answer] = await once(one.setEncoding('utf8'), 'data')
  assert.deepEqual(JSON.parse(answer as string), { type: 'answer', id: 1, value: 'so' })
  const options = { port: new URL(ws).port, host: '127.0.0.1', ca: authority.roots, servername: 'house', agent: false }
  const [response] = await once(get({ ...options, path: '/socket' }), 'response')
  assert.equal((response as IncomingMessage).resume().statusCode, 426)
})

test('what cannot be a door is refused before it opens', async (t) => {
  assert.throws(() => socket({ port: false }), /it listens nowhere/)
  assert.throws(() => socket({ limits: { buffer: 0 } }), TypeError)
  for (const [operation, why] of [
    ['rooms.nothing', /serves no such operation/],
    ['rooms.enter', /may not be done twice/],
    ['rooms.count', /it is a stream/],
  ] as const)
    await assert.rejects(house(t, { door: { udp: { port: 0, operations: [operation] } } }), why)
})
