import assert from 'node:assert/strict'
import { connect as connectTcp, createServer, type AddressInfo, type Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import { house, Rooms } from '../rooms.test-support.ts'
import { ownPlatform } from './platform.ts'
import { connect, type ConnectOptions, type LinkState, type SocketConnection } from './client.ts'

/** Stands between client and door, and can be cut, or led to another door. */
async function between(t: TestContext, url: string) {
  const open = new Set<Socket>()
  let to = Number(new URL(url).port)
  const server = createServer((from) => {
    const on = connectTcp(to, '127.0.0.1')
    for (const one of [from, on]) {
      open.add(one)
      one.on('error', () => {})
      one.on('close', () => {
        open.delete(one)
        from.destroy()
        on.destroy()
      })
    }
    from.pipe(on)
    on.pipe(from)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const cut = (): void => {
    for (const one of open) one.destroy()
  }
  t.after(() => {
    cut()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `ws://127.0.0.1:${port}/socket`,
    cut,
    leadTo: (other: string): void => void (to = Number(new URL(other).port)),
  }
}

function client(t: TestContext, url: string, more: Partial<ConnectOptions<typeof Rooms>> = {}): SocketConnection<typeof Rooms> {
  const connection = connect({ url, contract: Rooms, ...more })
  t.after(connection.close)
  return connection
}

const numbers = (to: number): number[] => Array.from({ length: to }, (_, at) => at + 1)

test('calls as the contract types them: values, declared errors, other failures, deadlines', async (t) => {
  const { ws, until, seen } = await house(t)
  const { client: rooms } = client(t, ws)
  const at = new Date('2026-11-30T08:00:00Z')
  assert.deepEqual(await rooms.echo({ at, size: 12345678901234567890n }), { at, size: 12345678901234567890n })
  assert.equal(await rooms.maybe(), undefined)
  const full = await rooms.enter.attempt({ room: 'full' })
  assert.ok(!full.ok && full.error.code === 'FULL')
  assert.deepEqual(full.error.data, { room: 'full', at: new Date(0) })
  await assert.rejects(rooms.enter({ room: 'away' }), {
    name: 'CallError',
    code: 'UNAVAILABLE',
    message: 'The room is being cleaned',
  })
  await assert.rejects(rooms.enter({ room: 7 as never }), { code: 'INVALID_ARGUMENT' })
  await assert.rejects(rooms.hang(undefined, { timeout: 20 }), { code: 'DEADLINE_EXCEEDED' })
  const stop = new AbortController()
  const hanging = assert.rejects(rooms.hang(undefined, { signal: stop.signal }), { code: 'CANCELLED' })
  await until(() => seen.filter((one) => one === 'hang').length === 2)
  stop.abort()
  await hanging
  await until(() => seen.filter((one) => one === 'hang ended').length === 2)
})

test('streams and channels, no faster than they are taken; left early, they end inside', async (t) => {
  const { ws, seen, until } = await house(t)
  const { client: rooms } = client(t, ws)
  const got: number[] = []
  for await (const { n } of rooms.count({ to: 200, size: 2_000 })) {
    if (n === 1) await rooms.maybe('wait')
    got.push(n)
  }
  assert.deepEqual(got, numbers(200))
  seen.length = 0
  for await (const { n } of rooms.count({ to: 100_000, size: 1_000 })) if (n === 3) break
  await until(() => seen.includes('count ended'))
  assert.ok(!seen.includes('count 2000'), 'it did not run ahead')

  async function* texts(): AsyncGenerator<{ text: string }> {
    for (let n = 1; n <= 300; n++) yield { text: `${n} ${'x'.repeat(1_000)}` }
  }
  const heard: string[] = []
  for await (const text of rooms.talk({ name: 'Sori' }, texts())) heard.push(text.split(' ').slice(0, 2).join(' '))
  assert.deepEqual(heard, [...numbers(300).map((n) => `Sori: ${n}`), 'Sori left'])
})

test('cut again and again, nothing is lost and nothing doubled', async (t) => {
  const { ws, seen } = await house(t)
  const way = await between(t, ws)
  const states: LinkState[] = []
  const { client: rooms } = client(t, way.url, { onState: (state) => states.push(state) })
  const got: number[] = []
  const streaming = (async () => {
    for await (const { n } of rooms.count({ to: 300, size: 500 })) {
      got.push(n)
      if (n % 60 === 0) way.cut()
    }
  })()
  const entered: number[] = []
  for (let n = 1; n <= 20; n++) entered.push(await rooms.enter({ room: 'a' }))
  await streaming
  assert.deepEqual(got, numbers(300))
  assert.deepEqual(entered, numbers(20), 'each was done once, though it may not be done twice')
  assert.equal(seen.filter((one) => one === 'count 1').length, 1, 'the stream was opened once')
  assert.ok(states.filter((state) => state === 'open').length >= 3)
})

test('where the session is not known any more: what may be done twice is, streams go on by their last, the rest says so', async (t) => {
  const [first, second] = [await house(t), await house(t)]
  const way = await between(t, first.ws)
  const { client: rooms } = client(t, way.url)
  const counted: number[] = []
  const counting = (async () => {
    const again = (last: { n: number } | undefined) => ({ to: (last?.n ?? 0) * 100 + 1 })
    for await (const { n } of rooms.count({ to: 3 }, { again })) counted.push(n)
  })()
  await first.until(() => first.seen.includes('count 3'))
  const hanging = rooms.hang().catch((error: { code: string }) => error.code)
  const blind = assert.rejects(
    async () => {
      const values = rooms.count({ to: 3 })[Symbol.asyncIterator]()
      for (;;) await values.next()
    },
    { code: 'UNAVAILABLE', message: /its session is not there any more/ },
  )
  await first.until(() => first.seen.includes('hang') && first.seen.filter((one) => one === 'count 3').length === 2)
  way.leadTo(second.ws)
  way.cut()
  await blind
  await second.until(() => second.seen.includes('hang') && second.seen.includes('count ended'))
  await counting
  assert.deepEqual(counted, [1, 2, 3, ...numbers(301)])
  assert.equal(await rooms.move({ x: 4 }), 4)
  assert.equal(await hanging, 'DEADLINE_EXCEEDED')
})

test('a door that closes is left, and calls go on at the next one: none fails', async (t) => {
  const [first, second] = [await house(t), await house(t)]
  const way = await between(t, first.ws)
  const { client: rooms } = client(t, way.url)
  let failed = 0
  let moved = 0
  let stop = false
  const moving = (async () => {
    while (!stop)
      await rooms.move({ x: 1 }).then(
        () => moved++,
        () => failed++,
      )
  })()
  await first.until(() => moved > 10)
  way.leadTo(second.ws)
  await first.running.stop()
  await second.until(() => second.seen.length > 10)
  stop = true
  await moving
  assert.equal(failed, 0)
})

test('who is refused is told why, and does not come back', async (t) => {
  const { ws } = await house(t, {
    security: {
      authenticate: ({ header }) => {
        if (header('authorization') === 'bad') throw new (class extends Error {})('x')
        return undefined
      },
    },
  })
  const states: LinkState[] = []
  const { client: rooms } = client(t, ws, { headers: () => ({ authorization: 'bad' }), onState: (state) => states.push(state) })
  await assert.rejects(rooms.maybe('so'), { code: 'UNAUTHENTICATED' })
  await assert.rejects(rooms.maybe('so'), { code: 'UNAUTHENTICATED' })
  assert.deepEqual(states, ['connecting', 'closed'])
})

test('where nobody listens it comes back ever more seldom, at least every five seconds; closed, nothing is left', async () => {
  const waits: number[] = []
  const enough = Promise.withResolvers<void>()
  let open = 0
  const platform = {
    ...ownPlatform,
    random: () => 1,
    after: (ms: number, work: () => void) => {
      waits.push(ms)
      if (waits.length === 9) enough.resolve()
      open++
      let isOver = false
      const end = (): void => {
        if (!isOver) open--
        isOver = true
      }
      const cancel = ownPlatform.after(1, () => (end(), work()))
      return () => (end(), cancel())
    },
  }
  const { close } = connect({ url: 'ws://127.0.0.1:1/socket', contract: Rooms, platform })
  await enough.promise
  close()
  assert.deepEqual(waits.slice(0, 9), [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000])
  assert.equal(open, 0)
})
