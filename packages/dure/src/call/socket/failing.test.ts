import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Address } from '../../discovery/discovery.ts'
import { CallError } from '../../contract/contract.ts'
import type { Peer } from '../peer.ts'
import { anyPort, connect, contextFor, echo, echoTransport, listen, until, wait, type Seen } from './rig.test-support.ts'

const CHILD = fileURLToPath(new URL('./child.test-support.ts', import.meta.url))

type Child = { readonly process: ChildProcess; readonly address: Address }

async function serve(address: Address): Promise<Child> {
  const child = spawn(process.execPath, ['--conditions=dure-source', CHILD, JSON.stringify(address)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  return { process: child, address: JSON.parse(line.toString()) as Address }
}

async function withChild(
  address: Address,
  options: Parameters<typeof connect>[1],
  work: (child: Child, peer: Peer) => Promise<void>,
) {
  const child = await serve(address)
  const peer = connect(child.address, options)
  try {
    await work(child, peer)
  } finally {
    await peer.stop()
    child.process.kill('SIGKILL')
  }
}

const codeOf = (error: unknown): string => (error instanceof CallError ? error.code : String(error))
const settled = (calls: Promise<unknown>[]): Promise<string[]> => Promise.all(calls.map((call) => call.then(() => 'OK', codeOf)))

test('a killed peer: everything pending fails UNAVAILABLE at once, and what comes next too', { timeout: 30_000 }, async () => {
  await withChild(anyPort, {}, async (child, peer) => {
    assert.equal(peer.state(), 'idle')
    assert.equal(await echo(peer, 'hello'), 'hello')
    assert.equal(peer.state(), 'up')
    const calls = Array.from({ length: 50 }, () => wait(peer, 60_000))
    const ticks = peer.route({ service: 'rig', operation: 'ticks' }).stream(undefined, contextFor())[Symbol.asyncIterator]()
    assert.deepEqual([(await ticks.next()).value, (await ticks.next()).value], [0, 1])
    assert.equal(peer.pending(), 51)
    const outcomes = settled(calls)
    child.process.kill('SIGKILL')
    assert.deepEqual(new Set(await outcomes), new Set(['UNAVAILABLE']))
    // What has come before is handed out first.
    assert.equal(codeOf(await drained(ticks).catch((error: unknown) => error)), 'UNAVAILABLE')
    assert.equal((await ticks.next()).done, true)
    assert.equal(peer.pending(), 0)
    const refused = await echo(peer, 1).catch((error: unknown) => error)
    assert.equal(codeOf(refused), 'UNAVAILABLE')
    assert.equal((refused as CallError).details['begun'], false)
  })
})

test('a peer that comes back is found again by itself', { timeout: 30_000 }, async () => {
  const directory = await mkdtemp(join(tmpdir(), 'dure-socket-'))
  // The socket file is left behind by the kill, and taken over.
  const address: Address = { kind: 'unix', path: join(directory, 's') }
  try {
    await withChild(address, {}, async (child, peer) => {
      await echo(peer, 1)
      child.process.kill('SIGKILL')
      await until(() => peer.state() === 'down')
      const next = await serve(address)
      await until(() => peer.state() === 'up')
      assert.equal(await echo(peer, 2), 2)
      next.process.kill('SIGKILL')
    })
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})

test(
  'a channel at a killed peer, and at a frozen one: its caller hears, and its source is let go of',
  { timeout: 30_000 },
  async () => {
    for (const signal of ['SIGKILL', 'SIGSTOP'] as const) {
      await withChild(anyPort, {}, async (child, peer) => {
        const made = { values: 0, letGo: false }
        async function* source(): AsyncGenerator<unknown> {
          try {
            while (made.values < 100_000) yield made.values++
          } finally {
            made.letGo = true
          }
        }
        const context = contextFor(signal === 'SIGKILL' ? 20_000 : 1_500)
        const values = peer.route({ service: 'rig', operation: 'echo' }).stream(undefined, context, source())
        const echoed = values[Symbol.asyncIterator]()
        assert.equal((await echoed.next()).value, 0)
        child.process.kill(signal)
        const failure = await drained(echoed).catch((error: unknown) => error)
        assert.equal(codeOf(failure), signal === 'SIGKILL' ? 'UNAVAILABLE' : 'DEADLINE_EXCEEDED')
        await until(() => made.letGo)
        assert.ok(made.values < 100_000)
        assert.equal(peer.pending(), 0)
        if (signal === 'SIGSTOP') child.process.kill('SIGCONT')
      })
    }
  },
)

test(
  'a frozen peer: callers hear at their deadlines, the heartbeat finds out, and it comes back',
  { timeout: 30_000 },
  async () => {
    await withChild(anyPort, { limits: { heartbeat: 150 } }, async (child, peer) => {
      await echo(peer, 1)
      child.process.kill('SIGSTOP')
      const short = await wait(peer, 30).catch((error: unknown) => error)
      assert.equal(codeOf(short), 'DEADLINE_EXCEEDED')
      const long = wait(peer, 60_000).catch((error: unknown) => error)
      const found = await long
      assert.equal(codeOf(found), 'UNAVAILABLE')
      assert.match((found as Error).message, /silent for/)
      child.process.kill('SIGCONT')
      await until(() => peer.state() === 'up')
      assert.equal(await echo(peer, 2), 2)
    })
  },
)

test('what a frozen process finds waiting when it goes on is not begun for nobody', { timeout: 30_000 }, async () => {
  await withChild(anyPort, {}, async (child, peer) => {
    await echo(peer, 1)
    child.process.kill('SIGSTOP')
    const late = await echo(peer, 2, 1_500).catch((error: unknown) => error)
    assert.equal(codeOf(late), 'DEADLINE_EXCEEDED')
    child.process.kill('SIGCONT')
    assert.equal(await echo(peer, 3), 3)
    assert.equal(await peer.route({ service: 'rig', operation: 'echoed' }).call(undefined, contextFor()), 2)
  })
})

test('a peer that is frozen while it is connected to costs no more than the deadline', { timeout: 30_000 }, async () => {
  const child = await serve(anyPort)
  child.process.kill('SIGSTOP')
  const peer = connect(child.address)
  assert.equal(codeOf(await echo(peer, 1, 50).catch((error: unknown) => error)), 'DEADLINE_EXCEEDED')
  assert.equal(peer.state(), 'connecting')
  child.process.kill('SIGCONT')
  assert.equal(await echo(peer, 2), 2)
  await peer.stop()
  child.process.kill('SIGKILL')
})

test('nobody there: calls fail UNAVAILABLE, not begun', async () => {
  const listener = await listen()
  await listener.stop()
  const peer = connect(listener.address)
  const error = await echo(peer, 1).catch((failure: unknown) => failure)
  assert.equal(codeOf(error), 'UNAVAILABLE')
  assert.equal((error as CallError).details['begun'], false)
  await peer.stop()
})

test('a caller that dies ends the calls it made', { timeout: 30_000 }, async () => {
  const seen: Seen = { waiting: 0, ended: [] }
  const listener = await listen({ transport: echoTransport(seen) })
  const peer = connect(listener.address)
  const outcome = settled([wait(peer), wait(peer)])
  await until(() => seen.waiting === 2)
  await peer.stop()
  assert.deepEqual(await outcome, ['UNAVAILABLE', 'UNAVAILABLE'])
  await until(() => seen.ended.length === 2)
  assert.deepEqual(seen.ended, ['caller', 'caller'])
  await listener.drain()
  await listener.stop()
})

test(
  'draining: callers are told, what is under way and still comes is served, then it is over',
  { timeout: 30_000 },
  async () => {
    let answer: (value: unknown) => void = () => {}
    const listener = await listen({
      transport: {
        route: ({ operation }) => ({
          call: (input) => (operation === 'echo' ? Promise.resolve(input) : new Promise((resolve) => void (answer = resolve))),
          stream: async function* () {},
        }),
      },
    })
    const peer = connect(listener.address)
    await echo(peer, 1)
    const slow = wait(peer)
    const late = echo(peer, 'sent before the news came')
    let drained = false
    const drain = listener.drain().then(() => (drained = true))
    assert.equal(await late, 'sent before the news came')
    await until(() => peer.state() === 'down')
    assert.equal(codeOf(await echo(peer, 2).catch((error: unknown) => error)), 'UNAVAILABLE')
    assert.equal(drained, false)
    answer('answered')
    assert.equal(await slow, 'answered')
    await drain
    await listener.stop()
    await peer.stop()
  },
)

test('draining does not wait for streams without end: their callers are told', { timeout: 30_000 }, async () => {
  const listener = await listen()
  const peer = connect(listener.address)
  const streamOf = (): AsyncIterator<unknown> =>
    peer.route({ service: 'rig', operation: 'ticks' }).stream(undefined, contextFor())[Symbol.asyncIterator]()
  const [idle, read] = [streamOf(), streamOf()]
  assert.deepEqual(await idle.next(), { done: false, value: 0 })
  const end = (async () => {
    for (;;) await read.next()
  })()
  end.catch(() => {})
  await listener.drain({ streams: 0 })
  for (const over of [end, drained(idle)]) assert.equal(codeOf(await over.catch((error: unknown) => error)), 'UNAVAILABLE')
  await listener.stop()
  await peer.stop()
})

/** Reads what has come, to the end. */
async function drained(values: AsyncIterator<unknown>): Promise<void> {
  for (;;) if ((await values.next()).done === true) return
}

test('stopping ends what is under way as UNAVAILABLE and says why', async () => {
  const seen: Seen = { waiting: 0, ended: [] }
  const listener = await listen({ transport: echoTransport(seen) })
  const peer = connect(listener.address)
  const outcome = settled([wait(peer)])
  await until(() => seen.waiting === 1)
  await Promise.all([listener.stop(), listener.stop()])
  assert.deepEqual(seen.ended, ['stopping'])
  // What a handler makes of its end is mapped by endpoints; this transport has none.
  assert.ok(['INTERNAL', 'UNAVAILABLE'].includes((await outcome)[0]!))
  await peer.stop()
})
