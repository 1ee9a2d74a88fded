/** What is too much for memory, at a gateway that is a process: /proc tells what it takes (Linux). */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync, readFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { join } from 'node:path'
import { check } from '@dure/testing/foreign'
import { untilFor } from './patience.test-support.ts'
import { beginGateway, end } from './processes.test-support.ts'

const BODY = 2_147_483_648 + 4_096
/** A few less than it takes: what asked before may still be connected. */
const CONNECTIONS = 9_990
/** Milliseconds. A machine may be slow: how fast it goes is not what is looked at. */
const LONG = 300_000
const PART = Buffer.alloc(262_144)

/** Megabytes: what a process has now, and the most it had. */
function memoryOf(pid: number): { readonly now: number; readonly most: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const of = (field: string): number => Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(status)![1]) / 1024
  return { now: Math.round(of('VmRSS')), most: Math.round(of('VmHWM')) }
}

async function pour(socket: Socket, size: number): Promise<void> {
  for (let left = size; left > 0 && !socket.destroyed; left -= PART.length)
    if (!socket.write(PART.subarray(0, Math.min(left, PART.length)))) await once(socket, 'drain')
}

/** Takes a body and counts it, or gives one. */
async function upstream(): Promise<{ readonly port: number; readonly close: () => void }> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', (first) => {
      const head = first.toString('latin1')
      if (head.startsWith('GET /big ')) {
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${BODY}\r\n\r\n`)
        void pour(socket, BODY)
      } else if (head.startsWith('GET ')) socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok')
      else {
        let left = BODY - (first.length - head.indexOf('\r\n\r\n') - 4)
        socket.on('data', (part) => {
          left -= part.length
          if (left === 0) socket.end('HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nall')
        })
      }
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: (server.address() as AddressInfo).port, close: () => server.close() }
}

export async function weigh({ folder: whole }: { readonly folder: string }): Promise<void> {
  const folder = join(whole, 'weights')
  mkdirSync(folder)
  const behind = await upstream()
  const gateway = await beginGateway(folder, {
    routes: { all: { prefix: '/', to: 'one' } },
    upstreams: { one: { addresses: [`127.0.0.1:${behind.port}`] } },
  })
  const port = Number(new URL(gateway.url).port)
  const ask = async (): Promise<string> => (await fetch(`${gateway.url}/a`)).text()
  assert.equal(await ask(), 'ok')
  const before = memoryOf(gateway.pid)
  const talk = (text: string): Socket => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.on('error', () => {})
    socket.write(text)
    return socket
  }
  await check('2 GB come, and 2 GB go, and its memory does not grow with them', async () => {
    const up = talk(`POST /big HTTP/1.1\r\nHost: a\r\nContent-Length: ${BODY}\r\n\r\n`)
    let said = ''
    up.on('data', (part) => (said += part.toString()))
    await pour(up, BODY)
    await untilFor(LONG, async () => said.endsWith('all'))
    up.destroy()
    const down = talk('GET /big HTTP/1.1\r\nHost: a\r\n\r\n')
    let got = 0
    down.on('data', (part) => (got += part.length))
    await untilFor(LONG, async () => got > BODY)
    down.destroy()
    const { most } = memoryOf(gateway.pid)
    console.log(`  ${before.now} MB before, ${most} MB at most`)
    assert.ok(most - before.now < 120)
  })
  await check('a head of 100 MB is refused before a hundredth of it was taken', async () => {
    const socket = talk('GET / HTTP/1.1\r\nHost: a\r\nX-A: ')
    let said = ''
    socket.on('data', (part) => (said += part.toString()))
    await pour(socket, 100_000_000).catch(() => {})
    await untilFor(LONG, async () => socket.destroyed)
    assert.match(said, /^HTTP\/1\.1 431 /)
    assert.ok(socket.bytesWritten < 20_000_000, `${socket.bytesWritten} bytes`)
  })
  await check(
    `${CONNECTIONS.toLocaleString('en')} connections that say nothing: some more are turned away, and all are gone in time`,
    async () => {
      const idle = memoryOf(gateway.pid).now
      const sockets: Socket[] = []
      let [open, closed] = [0, 0]
      for (let i = 0; i < CONNECTIONS; i++) {
        const socket = connect({ port, host: '127.0.0.1' })
        socket.on('connect', () => open++)
        socket.on('error', () => {})
        socket.on('close', () => closed++)
        socket.resume()
        sockets.push(socket)
        if (i % 100 === 99) await untilFor(LONG, async () => open > i)
      }
      const full = memoryOf(gateway.pid).now
      assert.equal(closed, 0, 'some were gone before the last was there')
      const more = Array.from({ length: 20 }, () => talk('GET / HTTP/1.1\r\nHost: a\r\n\r\n'))
      await Promise.any(more.map(async (socket) => once(socket, 'close').then(() => assert.equal(socket.bytesRead, 0))))
      for (const socket of more) socket.destroy()
      await untilFor(LONG, async () => closed === CONNECTIONS)
      assert.equal(await ask(), 'ok')
      console.log(`  ${idle} MB before, ${full} MB with all of them: ${((full - idle) * 1024) / CONNECTIONS} kB each`)
      assert.ok(full - idle < 150)
    },
  )
  await end(gateway.child)
  behind.close()
}
