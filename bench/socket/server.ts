/** `server.ts KIND`: the same service behind our door, and on the bare libraries that it stands on. Tells its ports: WebSocket or TCP, and UDP. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { socket } from '@dure/socket'
import { service, start, system } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { place, type Order } from '../call/work.ts'
import { HEARD, Orders } from './orders.ts'

const [kind = ''] = process.argv.slice(2)
const kinds: Readonly<Record<string, () => Promise<number>>> = {
  ...{ dure_ws: () => dure(0), dure_net: () => dure(1), dure_dgram: () => dure(2) },
  ...{ bare_ws: bareWs, bare_net: bareNet, bare_dgram: bareDgram },
}
process.send!(await kinds[kind]!())

async function dure(way: number): Promise<number> {
  let said = Promise.withResolvers<string>()
  const orders = service(Orders, {
    handlers: {
      place,
      say: (text) => {
        const { resolve } = said
        said = Promise.withResolvers()
        resolve(text)
      },
      listen: async function* (_, { signal }) {
        while (!signal.aborted) yield await said.promise
      },
    },
  })
  const directory = mkdtempSync(join(tmpdir(), 'dure-bench-socket-'))
  const door = socket({ port: 0, tcp: { port: 0 }, udp: { port: 0, operations: ['orders.place'] } })
  const running = await start(system('bench', { services: [orders], doors: [door], security: 'off' }), {
    directory,
    log: silentLogger(),
  })
  process.once('disconnect', () => {
    rmSync(directory, { recursive: true, force: true })
    process.exit()
  })
  return (running.doors[0]!.addresses![way] as { readonly port: number }).port
}

type Call = { readonly type: string; readonly id: number; readonly call: string; readonly input: Order }

/** What anybody would write: it reads the JSON, does the work and says so. */
async function answer(text: string): Promise<string> {
  const { id, input } = JSON.parse(text) as Call
  return JSON.stringify({ type: 'answer', id, value: await place(input) })
}

type WebSocketLibrary = {
  readonly WebSocketServer: new (options: object) => {
    on(event: 'connection', told: (socket: OneSocket) => void): void
    once(event: string, told: () => void): void
    readonly clients: Iterable<OneSocket>
    address(): AddressInfo
  }
}
type OneSocket = { on(event: 'message', told: (bytes: Buffer) => void): void; send(text: string): void }

async function bareWs(): Promise<number> {
  const { WebSocketServer } = (await import('ws' as string)) as WebSocketLibrary
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  server.on('connection', (socket) =>
    socket.on('message', (bytes) => {
      const text = bytes.toString()
      const { call, id } = JSON.parse(text) as Call
      if (call === 'orders.place') return void answer(text).then((said) => socket.send(said))
      if (call === 'orders.listen') return
      for (const each of server.clients) each.send(HEARD)
      socket.send(`{"type":"answer","id":${id}}`)
    }),
  )
  await new Promise<void>((resolve) => server.once('listening', resolve))
  process.once('disconnect', () => process.exit())
  return server.address().port
}

async function bareNet(): Promise<number> {
  const server = createServer({ noDelay: true }, (socket) => {
    let came = ''
    socket.setEncoding('utf8').on('error', () => {})
    socket.on('data', (text: string) => {
      const lines = (came + text).split('\n')
      came = lines.pop()!
      for (const line of lines) void answer(line).then((said) => socket.write(`${said}\n`))
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  process.once('disconnect', () => process.exit())
  return (server.address() as AddressInfo).port
}

async function bareDgram(): Promise<number> {
  const server = createSocket({ type: 'udp4', recvBufferSize: 4 * 1024 * 1024 })
  server.on(
    'message',
    (bytes, { port, address }) => void answer(bytes.toString()).then((said) => server.send(said, port, address)),
  )
  server.bind(0, '127.0.0.1')
  await once(server, 'listening')
  process.once('disconnect', () => process.exit())
  return server.address().port
}
