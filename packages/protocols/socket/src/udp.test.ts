import assert from 'node:assert/strict'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { test, type TestContext } from 'node:test'
import { house, type Said } from './rooms.test-support.ts'

type Sender = {
  readonly send: (message: object | string) => void
  readonly hear: () => Promise<Said>
  readonly heard: () => number
}

async function sender(t: TestContext, port: number): Promise<Sender> {
  const socket: Socket = createSocket('udp4')
  t.after(() => socket.close())
  const came: Said[] = []
  let total = 0
  let wake = (): void => {}
  socket.on('message', (bytes) => {
    total++
    came.push({ ...JSON.parse(bytes.toString()), bytes: bytes.length })
    wake()
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return {
    send: (message) => socket.send(typeof message === 'string' ? message : JSON.stringify(message), port, '127.0.0.1'),
    heard: () => total,
    hear: async () => {
      while (came.length === 0) await new Promise<void>((resolve) => void (wake = resolve))
      return came.shift()
    },
  }
}

const move = (id: number, x: number, more: object = {}) => ({ type: 'call', id, call: 'rooms.move', input: { x }, ...more })

test('datagrams are calls; older ones than the newest of their key are as if they never came', async (t) => {
  const rooms = await house(t)
  const { send, hear, heard } = await sender(t, rooms.udp)
  send(move(5, 1))
  assert.equal((await hear()).value, 1)
  send(move(4, 2))
  send(move(5, 3))
  // Another key has numbers of its own, and so has another sender.
  send(move(1, 4, { key: 'other' }))
  assert.equal((await hear()).value, 4)
  const other = await sender(t, rooms.udp)
  other.send(move(1, 5))
  assert.equal((await other.hear()).value, 5)
  send(move(6, 6))
  assert.equal((await hear()).value, 6)
  assert.deepEqual(rooms.seen, ['move 1', 'move 4', 'move 5', 'move 6'])
  assert.equal(heard(), 3)
})

test('nobody is sent more bytes than came: an answer that is larger is left out', async (t) => {
  const rooms = await house(t)
  const { send, hear } = await sender(t, rooms.udp)
  const big = (id: number, size: number, pad = 0) => ({
    type: 'call',
    id,
    call: 'rooms.big',
    input: { size },
    pad: 'x'.repeat(pad),
  })
  send(big(1, 1_000))
  const { error, bytes } = await hear()
  assert.deepEqual(error, { code: 'DATAGRAM_TOO_SMALL' })
  assert.ok(bytes <= JSON.stringify(big(1, 1_000)).length)
  // Room for the answer comes with the question.
  send(big(2, 1_000, 1_000))
  assert.equal((await hear()).value.length, 1_000)
  // What went wrong is told in as many bytes, too.
  send({ type: 'call', id: 3, call: 'rooms.move', input: { x: 'far' } })
  assert.equal((await hear()).error.code, 'DATAGRAM_TOO_SMALL')
  send({ type: 'call', id: 4, call: 'rooms.move', input: { x: 'far' }, pad: 'x'.repeat(400) })
  assert.equal((await hear()).error.code, 'INVALID_ARGUMENT')
})

test('what is no call, or of an operation that does not say it may, is as if it never came', async (t) => {
  const rooms = await house(t)
  const { send, hear, heard } = await sender(t, rooms.udp)
  const pad = 'x'.repeat(2_000)
  for (const text of [
    '',
    'x',
    '{',
    '[]',
    '{"type":"hello"}',
    '{"type":"ping"}',
    `{"type":"call","id":-1,"call":"rooms.move","pad":"${pad}"}`,
  ])
    send(text)
  send({ type: 'call', id: 1, call: 'rooms.enter', input: { room: 'a' }, pad })
  send({ type: 'call', id: 2, call: 'rooms.nothing', pad })
  send(move(3, 1, { pad, headers: { 'request-timeout': 'soon' } }))
  send(move(4, 2))
  assert.equal((await hear()).value, 2)
  assert.equal(heard(), 1)
  assert.deepEqual(rooms.seen, ['move 2'])
})
