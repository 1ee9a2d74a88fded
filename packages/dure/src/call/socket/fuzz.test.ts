/**
 * Whatever a stranger sends, from either end: nothing is thrown where nobody catches it, nothing hangs, what waits is
 * settled, what is held stays within bounds, and others are served meanwhile. The same every time; other seeds and more
 * runs: `DURE_FUZZ_SEED=7 DURE_FUZZ_RUNS=20000 npm test -- socket/fuzz`.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectSocket, createServer, type AddressInfo, type Socket } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { CallError, DeclaredError } from '../../contract/contract.ts'
import { frame, fromClient, fromServer, pieces, splits } from './fuzz.test-support.ts'
import { hello, writeHello } from './hello.ts'
import { NAME } from './protocol.ts'
import { connect, contextFor, echo, listen, until } from './rig.test-support.ts'

const seed = Number(process.env['DURE_FUZZ_SEED'] ?? 20_261_121)
const numRuns = Number(process.env['DURE_FUZZ_RUNS'] ?? 400)

/** Names 1 and 2, for calls and streams to go to. */
const named = frame((writer) => {
  for (const [i, name] of ['rig\necho', 'rig\nticks'].entries()) {
    writer.begin(NAME, i + 1)
    writer.text(name)
    writer.end()
  }
})

/** The pieces one after the other, each in a packet of its own, as far as the other end lets it. */
async function deliver(socket: Socket, all: readonly Buffer[]): Promise<void> {
  for (const piece of all) {
    if (socket.destroyed) return
    await new Promise<void>((resolve) => void socket.write(piece, () => setImmediate(resolve)))
  }
}

test('any caller: others are served, and nothing is kept for it', { timeout: 600_000 }, async (t) => {
  t.diagnostic(`seed ${seed}, ${numRuns} runs`)
  const limits = { frame: 20_000, pending: 20, outgoing: 50_000, names: 5, connections: 30, strangers: 10, memory: 300_000 }
  const listener = await listen({ limits })
  const { port } = listener.address as { port: number }
  const peer = connect(listener.address)
  assert.equal(await echo(peer, 'before'), 'before')
  const idle = listener.status()
  const met = { closed: 0, answered: 0 }
  await fc.assert(
    fc.asyncProperty(fromClient, splits, fc.integer({ min: 0, max: 9 }), async (bytes, at, beginning) => {
      const socket = connectSocket({ port, host: '127.0.0.1', noDelay: true })
      let ended = false
      let got = 0
      socket.on('error', () => {})
      socket.on('close', () => (ended = true))
      socket.on('data', (chunk) => (got += chunk.length))
      await once(socket, 'connect')
      // Nine in ten say who they are; one begins with whatever it is.
      const first = beginning === 0 ? [] : [hello(beginning === 1 ? 2_000 : 1_000_000), named]
      await deliver(socket, [...first, ...pieces(bytes, at)])
      assert.ok(listener.status().held <= limits.memory)
      assert.equal(await echo(peer, 'meanwhile'), 'meanwhile')
      if (ended) met.closed++
      if (got > 30) met.answered++
      socket.end()
      await until(() => ended)
    }),
    { seed, numRuns },
  )
  await until(() => listener.status().connections === idle.connections && listener.status().calls === 0)
  assert.deepEqual(listener.status(), idle)
  assert.equal(peer.state(), 'up')
  t.diagnostic(`${met.closed} were closed, ${met.answered} were answered something`)
  // Both must have happened, or it has tried nothing.
  assert.ok(met.closed > numRuns / 20 && met.answered > numRuns / 20)
  await peer.stop()
  await listener.stop()
})

test('any callee: every call is settled, in words, and others go on', { timeout: 600_000 }, async (t) => {
  t.diagnostic(`seed ${seed}, ${numRuns} runs`)
  let bytes: Buffer = Buffer.alloc(0)
  let at: readonly number[] = []
  let greets = true
  let stays = false
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => {})
    socket.once('data', async () => {
      if (greets) await deliver(socket, [frame((writer) => writeHello(writer, 1_000_000))])
      // What it says comes when calls are under way.
      if (greets) await Promise.race([once(socket, 'data'), once(socket, 'close')]).catch(() => {})
      await deliver(socket, pieces(bytes, at))
      if (!stays) socket.end()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const good = await listen()
  const friend = connect(good.address)
  const met = new Map<string, number>()
  await fc.assert(
    fc.asyncProperty(fromServer, splits, fc.integer({ min: 0, max: 19 }), async (sent, cuts, manner) => {
      ;[bytes, at, greets, stays] = [sent, cuts, manner > 1, manner === 2]
      const peer = connect({ kind: 'tcp', host: '127.0.0.1', port }, { limits: { handshake: 500, frame: 20_000 } })
      const timeout = stays || !greets ? 60 : 5_000
      const ticks = peer.route({ service: 'rig', operation: 'ticks' }).stream(undefined, contextFor(timeout))
      const iterator = ticks[Symbol.asyncIterator]()
      const route = peer.route({ service: 'rig', operation: 'echo' })
      const talk = route.stream(undefined, contextFor(timeout), endless())[Symbol.asyncIterator]()
      const calls = [
        echo(peer, 1, timeout),
        iterator.next(),
        iterator.next(),
        echo(peer, { deep: [new Date(0), 'x'] }, timeout),
        echo(peer, 'x'.repeat(3_000), timeout),
        talk.next(),
      ]
      const [outcomes, meanwhile] = await Promise.all([Promise.allSettled(calls), echo(friend, 'meanwhile')])
      assert.equal(meanwhile, 'meanwhile')
      for (const outcome of outcomes) {
        const word =
          outcome.status === 'fulfilled' ? 'answered' : outcome.reason instanceof CallError ? outcome.reason.code : 'declared'
        met.set(word, (met.get(word) ?? 0) + 1)
        if (outcome.status === 'rejected')
          assert.ok(outcome.reason instanceof CallError || outcome.reason instanceof DeclaredError, String(outcome.reason))
      }
      await iterator.return?.()
      await talk.return?.()
      assert.equal(peer.pending(), 0)
      await peer.stop()
    }),
    { seed, numRuns },
  )
  t.diagnostic([...met].map(([word, count]) => `${word} ${count}`).join(', '))
  for (const word of ['answered', 'declared', 'UNAVAILABLE', 'DEADLINE_EXCEEDED'])
    assert.ok(met.has(word), `${word} never happened`)
  assert.equal(friend.state(), 'up')
  await friend.stop()
  await good.stop()
  server.close()
})

async function* endless(): AsyncGenerator<unknown> {
  for (let n = 0; ; n++) yield { n }
}
