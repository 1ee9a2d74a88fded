import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import { startProxy, type Proxy } from './proxy.ts'

/** A server that says everything back, and keeps what it heard. */
async function echo(t: TestContext): Promise<{ readonly proxy: Proxy; readonly heard: () => string }> {
  let heard = ''
  const server = createServer((socket) => {
    socket
      .on('error', () => {})
      .on('data', (bytes) => {
        heard += String(bytes)
        socket.write(bytes)
      })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const proxy = await startProxy({ to: (server.address() as AddressInfo).port })
  t.after(async () => {
    await proxy.close()
    server.close()
  })
  return { proxy, heard: () => heard }
}

const client = async ({ port }: Proxy): Promise<Socket> => {
  const socket = connect(port, '127.0.0.1').on('error', () => {})
  await once(socket, 'connect')
  return socket
}

const say = async (socket: Socket, text: string): Promise<string> => {
  const answer = once(socket, 'data')
  socket.write(text)
  return String((await answer)[0])
}

test('what comes passes; a cut ends connections and lets new ones through', async (t) => {
  const { proxy } = await echo(t)
  const first = await client(proxy)
  assert.equal(await say(first, 'one'), 'one')
  const gone = once(first, 'close')
  proxy.cut()
  await gone
  assert.equal(await say(await client(proxy), 'two'), 'two')
})

test('a cut in the midst: the server has the first bytes, and no more', async (t) => {
  const { proxy, heard } = await echo(t)
  const socket = await client(proxy)
  const cut = proxy.cutAfter(3)
  const gone = once(socket, 'close')
  socket.write('onetwo')
  await Promise.all([cut, gone])
  assert.equal(heard(), 'one')
  assert.equal(await say(await client(proxy), 'three'), 'three')
})

test('a cut in the midst of what is waited for: what comes before it does not count', async (t) => {
  const { proxy, heard } = await echo(t)
  const socket = await client(proxy)
  const cut = proxy.cutAfter(5, 'two')
  const gone = once(socket, 'close')
  assert.equal(await say(socket, 'one'), 'one')
  socket.write('onetwothree')
  await Promise.all([cut, gone])
  assert.equal(heard(), 'oneonetwoth')
})

test('while it is held nothing passes, and then all of it does', async (t) => {
  const { proxy, heard } = await echo(t)
  const socket = await client(proxy)
  assert.equal(await say(socket, 'one'), 'one')
  proxy.hold(true)
  const answer = once(socket, 'data')
  socket.write('two')
  const other = await client(proxy)
  other.write('three')
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(heard(), 'one')
  proxy.hold(false)
  assert.equal(String((await answer)[0]), 'two')
})

test('answers are lost, and the server has what was said', async (t) => {
  const { proxy, heard } = await echo(t)
  const socket = await client(proxy)
  let answered = ''
  socket.on('data', (bytes) => (answered += String(bytes)))
  proxy.loseAnswers(true)
  socket.write('one')
  while (heard() !== 'one') await new Promise((resolve) => setImmediate(resolve))
  const gone = once(socket, 'close')
  proxy.cut()
  await gone
  assert.equal(answered, '')
  proxy.loseAnswers(false)
  assert.equal(await say(await client(proxy), 'two'), 'two')
})

test('a frame is lost, or its connection is cut before it or with its answer, as it is told', async (t) => {
  let heard = ''
  const server = createServer((socket) => {
    socket
      .on('error', () => {})
      .on('data', (bytes) => {
        heard += String(bytes)
        socket.write(bytes)
      })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const frame = (bytes: Buffer): number | undefined => {
    const end = bytes.indexOf(';')
    return end < 0 ? undefined : end + 1
  }
  const proxy = await startProxy({ to: (server.address() as AddressInfo).port, frame })
  t.after(async () => {
    await proxy.close()
    server.close()
  })
  proxy.fate = (bytes) =>
    (['lost', 'cut before', 'cut after'] as const).find((one) => one === `${bytes}`.slice(0, -1)) ?? 'passes'
  const first = await client(proxy)
  first.write('lost;on')
  assert.equal(await say(first, 'e;'), 'one;')
  for (const fate of ['cut before', 'cut after']) {
    const socket = await client(proxy)
    let answered = ''
    socket.on('data', (bytes) => (answered += String(bytes)))
    const gone = once(socket, 'close')
    socket.write(`${fate};`)
    await gone
    assert.equal(answered, '')
  }
  assert.equal(heard, 'one;cut after;')
})
