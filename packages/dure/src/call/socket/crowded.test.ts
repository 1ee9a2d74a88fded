import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectSocket, createServer, type AddressInfo, type Socket } from 'node:net'
import { test } from 'node:test'
import { CallError } from '../../contract/contract.ts'
import type { Transport } from '../transport.ts'
import { FrameReader } from './frames.ts'
import { frame } from './fuzz.test-support.ts'
import { hello, writeHello } from './hello.ts'
import { ANSWER, CALL, HELLO, ITEM, LEAVING, NAME, PING, REFUSE } from './protocol.ts'
import { connect, contextFor, echo, echoTransport, listen, until, wait } from './rig.test-support.ts'
import type { SocketListener } from './socket.ts'

type Intruder = { readonly socket: Socket; readonly types: number[]; closed: boolean }

async function intrude(listener: SocketListener, ...first: Buffer[]): Promise<Intruder> {
  const { port } = listener.address as { port: number }
  const self: Intruder = { socket: connectSocket(port, '127.0.0.1'), types: [], closed: false }
  const reader = new FrameReader({ limit: 1_000_000, onFrame: (type) => void self.types.push(type) })
  self.socket.on('data', (chunk: Buffer) => reader.push(chunk))
  self.socket.on('error', () => {})
  self.socket.on('close', () => (self.closed = true))
  await once(self.socket, 'connect')
  for (const bytes of first) self.socket.write(bytes)
  return self
}

const greeting = hello(1_000_000)
const many = <T>(count: number, make: () => Promise<T>): Promise<T[]> => Promise.all(Array.from({ length: count }, make))

test('strangers who say nothing keep nobody out', { timeout: 60_000 }, async () => {
  const listener = await listen({ limits: { strangers: 10, connections: 5 } })
  const silent = await many(200, () => intrude(listener))
  const peer = connect(listener.address)
  assert.equal(await echo(peer, 1), 1)
  await until(() => silent.filter(({ closed }) => !closed).length <= 10)
  for (const { socket } of silent) socket.destroy()
  await peer.stop()
  await listener.stop()
})

test(
  'a house full of idle connections has room for one who calls; who was asked to go comes back',
  { timeout: 60_000 },
  async () => {
    const listener = await listen({ limits: { connections: 10, strangers: 50 } })
    const old = connect(listener.address)
    assert.equal(await echo(old, 'before'), 'before')
    const idle = await many(10, () => intrude(listener, greeting))
    await until(() => idle.some(({ types }) => types.includes(LEAVING)) && idle.every(({ types }) => types.includes(HELLO)))
    // Who has called stays before those who never have.
    assert.equal(old.state(), 'up')
    const peers = Array.from({ length: 12 }, () => connect(listener.address))
    for (const peer of peers) assert.equal(await echo(peer, 'new'), 'new')
    // More than there are places have been served; those who gave way are neither broken nor in a hurry to come back.
    await until(() => peers.filter((peer) => peer.state() === 'up').length === 10)
    await until(() => old.state() === 'idle')
    assert.ok(peers.every((peer) => ['up', 'idle'].includes(peer.state())))
    assert.equal(await echo(old, 'after'), 'after')
    for (const peer of [old, ...peers]) await peer.stop()
    for (const { socket } of idle) socket.destroy()
    await listener.stop()
  },
)

test('who is busy is not asked to go: a newcomer hears that there is no place', { timeout: 60_000 }, async () => {
  const listener = await listen({ limits: { connections: 3 } })
  const peers = Array.from({ length: 3 }, () => connect(listener.address))
  const waiting = peers.map((peer) => wait(peer).catch((error: unknown) => error))
  await until(() => listener.status().calls === 3)
  const late = connect(listener.address)
  const refused = await echo(late, 1).catch((error: unknown) => error)
  assert.ok(refused instanceof CallError && refused.code === 'UNAVAILABLE' && refused.details['begun'] === false)
  assert.match(refused.message, /the other side refused: 3 connections are in use; try again later/)
  const types: number[] = []
  const blunt = await intrude(listener, greeting)
  await until(() => blunt.closed)
  types.push(...blunt.types)
  assert.deepEqual(types, [REFUSE])
  for (const peer of [late, ...peers]) await peer.stop()
  await Promise.all(waiting)
  await listener.stop()
})

test('a call under way is answered before its connection gives way', { timeout: 60_000 }, async () => {
  const answers: (() => void)[] = []
  const transport: Transport = {
    route: () => ({
      call: (input) => new Promise((resolve) => void answers.push(() => resolve(input))),
      stream: async function* () {},
    }),
  }
  const listener = await listen({ transport, limits: { connections: 1 } })
  const one = await intrude(listener, greeting)
  await until(() => one.types.includes(HELLO))
  const two = await intrude(listener, greeting)
  await until(() => one.types.includes(LEAVING))
  // Sent before it has read that it should go.
  one.socket.write(
    frame((writer) => {
      writer.begin(NAME, 1)
      writer.text('rig\necho')
      writer.end()
      writer.begin(CALL, 1)
      writer.short(1)
      writer.short(0)
      writer.int(60_000)
      writer.byte(0)
      writer.end()
      writer.begin(LEAVING, 0)
      writer.end()
    }),
  )
  await until(() => answers.length === 1)
  answers[0]!()
  await until(() => one.closed)
  assert.deepEqual(one.types, [HELLO, LEAVING, ANSWER])
  two.socket.destroy()
  await listener.stop()
})

test('frames that are begun and not ended are held for within one bound', { timeout: 60_000 }, async () => {
  const memory = 3_000_000
  const listener = await listen({ limits: { memory, frame: 1_000_000 } })
  const peer = connect(listener.address)
  assert.equal(await echo(peer, 'before'), 'before')
  const beginning = Buffer.alloc(400_000, 1)
  beginning.writeUInt32BE(900_000, 0)
  let most = 0
  const greedy: Intruder[] = []
  for (let i = 0; i < 30; i++) {
    greedy.push(await intrude(listener, greeting, beginning))
    most = Math.max(most, listener.status().held)
  }
  await until(() => greedy.filter(({ closed }) => closed).length >= 20)
  assert.ok(most <= memory && listener.status().held <= memory)
  assert.equal(await echo(peer, 'after'), 'after')
  for (const { socket } of greedy) socket.destroy()
  await until(() => listener.status().connections === 1)
  await peer.stop()
  await listener.stop()
})

test('names of nothing keep nobody from what is there', { timeout: 60_000 }, async () => {
  const asked = new Set<string>()
  const plain = echoTransport()
  const transport: Transport = {
    has: ({ service }) => service === 'rig',
    route: (target) => {
      asked.add(target.operation)
      return plain.route(target)
    },
  }
  const listener = await listen({ transport, limits: { names: 20_000 } })
  const stranger = await intrude(
    listener,
    greeting,
    frame((writer) => {
      for (let n = 1; n <= 11_000; n++) {
        writer.begin(NAME, n)
        writer.text(`none\n${n}`)
        writer.end()
        writer.begin(CALL, n)
        writer.short(n)
        writer.short(0)
        writer.int(60_000)
        writer.byte(0)
        writer.end()
      }
      writer.begin(PING, 0)
      writer.end()
    }),
  )
  await until(() => stranger.types.length > 11_000)
  const peer = connect(listener.address)
  assert.equal(await echo(peer, 1), 1)
  assert.deepEqual([...asked], ['echo'])
  stranger.socket.destroy()
  await peer.stop()
  await listener.stop()
})

/** A callee that greets and then does as it likes. */
async function rogue(act: (socket: Socket) => void): Promise<{ readonly port: number; readonly close: () => void }> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('data', () => {
      socket.write(frame((writer) => writeHello(writer, 1_000_000)))
      act(socket)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

test('a callee that says again and again that it leaves is answered once', { timeout: 60_000 }, async () => {
  let heard = 0
  const { port, close } = await rogue((socket) => {
    const reader = new FrameReader({ limit: 100_000, onFrame: (type) => void (type === LEAVING && heard++) })
    socket.on('data', (chunk: Buffer) => reader.push(chunk))
    const leaving = frame((writer) => {
      for (let i = 0; i < 10_000; i++) {
        writer.begin(LEAVING, 0)
        writer.end()
      }
    })
    socket.end(leaving)
  })
  const peer = connect({ kind: 'tcp', host: '127.0.0.1', port }, { backoff: { first: 60_000, max: 60_000 } })
  await echo(peer, 1).catch(() => {})
  await until(() => heard > 0)
  assert.equal(heard, 1)
  await peer.stop()
  close()
})

test('a callee that takes nothing of what is sent, or says a frame for ever, is left', { timeout: 60_000 }, async () => {
  const deaf = await rogue((socket) => {
    socket.pause()
    const talking = setInterval(() => void socket.write(frame((writer) => (writer.begin(PING, 0), writer.end()))), 10)
    socket.on('close', () => clearInterval(talking))
  })
  const slow = await rogue((socket) => {
    socket.write(Buffer.from([0, 1, 0, 0, ANSWER]))
    const talking = setInterval(() => void socket.write(Buffer.from([0])), 10)
    socket.on('close', () => clearInterval(talking))
  })
  for (const { port, close } of [deaf, slow]) {
    const peer = connect(
      { kind: 'tcp', host: '127.0.0.1', port },
      { limits: { wholeFrame: 200, outgoing: 64_000_000, heartbeat: 150 } },
    )
    const large = Array.from({ length: 10 }, () => echo(peer, 'x'.repeat(900_000), 60_000).catch((error: unknown) => error))
    for (const error of await Promise.all(large)) {
      assert.ok(error instanceof CallError && error.code === 'UNAVAILABLE')
      assert.match(error.message, /has taken nothing of what was sent for 200 ms|was not whole after 200 ms/)
    }
    await peer.stop()
    close()
  }
})

test('a callee that answers what was not asked ends its connection', { timeout: 60_000 }, async () => {
  for (const type of [ANSWER, ITEM]) {
    const { port, close } = await rogue((socket) => {
      // Calls have the numbers 1 and 2; each gets the other's kind of answer, or more of it than asked for.
      socket.write(
        frame((writer) => {
          for (let i = 0; i < 3; i++) {
            for (const id of [1, 2]) {
              writer.begin(type, id)
              writer.byte(0)
              writer.end()
            }
          }
        }),
      )
    })
    const peer = connect({ kind: 'tcp', host: '127.0.0.1', port })
    const ticks = peer.route({ service: 'rig', operation: 'ticks' }).stream(undefined, contextFor())[Symbol.asyncIterator]()
    const outcomes = await Promise.allSettled([ticks.next(), echo(peer, 1)])
    const errors = outcomes.filter((outcome) => outcome.status === 'rejected').map(({ reason }) => String(reason))
    assert.ok(errors.length > 0)
    for (const error of errors) assert.match(error, /that had not asked for it/)
    assert.equal(peer.pending(), 0)
    await peer.stop()
    close()
  }
})
