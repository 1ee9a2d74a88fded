import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { afterEach } from 'node:test'
import { clientFactory } from 'dure/call/internal'
import type { Client } from 'dure/call'
import type { AnyContract } from 'dure/contract'
import { realRuntime } from 'dure/runtime'
import { rest, type RestOptions } from '../rest.ts'
import { testHost } from '../rest.test-support.ts'
import { httpPeers } from './client.ts'
import type { HttpPeersOptions } from './peer.ts'

export const runtime: ReturnType<typeof realRuntime> = realRuntime()

const stops: (() => Promise<void>)[] = []
/** Whatever a test has opened ends with it, also when it fails. */
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop()
})

/** A client of a contract at one port, with nothing around it. */
export function clientAt<C extends AnyContract>(
  contract: C,
  port: number,
  options: Partial<HttpPeersOptions> & Pick<Parameters<ReturnType<typeof clientFactory>>[0], 'metadata'> = {},
): { client: Client<C>; stop: () => Promise<void>; peer: ReturnType<ReturnType<typeof httpPeers>> } {
  const { metadata, ...own } = options
  const peer = httpPeers({ contracts: [contract], runtime, ...own })({ kind: 'tcp', host: '127.0.0.1', port })
  const client = clientFactory({ contract, transport: peer, runtime })({ service: 'tester', metadata })
  stops.push(peer.stop)
  return { client, peer, stop: peer.stop }
}

/** A door of ours over handlers, and a client of it. */
export async function doorAndClient<C extends AnyContract>(
  contract: C,
  handlers: Parameters<typeof testHost>[0][number]['handlers'],
  options: RestOptions = {},
): Promise<ReturnType<typeof clientAt<C>> & { port: number }> {
  const { host, world } = testHost([{ contract, handlers }])
  const door = await rest({ port: 0, ...options }).open(host, world)
  const port = Number(new URL(door.url!).port)
  const at = clientAt(contract, port)
  stops.push(() => door.close({ timeout: 0 }))
  return { ...at, port }
}

/** A server that answers each connection's bytes as a test says. */
export async function rawServer(
  answer: (socket: Socket, request: string, number: number) => void,
): Promise<{ port: number; requests: string[]; sockets: Set<Socket>; stop: () => Promise<void> }> {
  const requests: string[] = []
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    socket.on('data', (bytes: Buffer) => {
      const request = bytes.toString()
      requests.push(request)
      answer(socket, request, requests.length)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const stop = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy()
    if (!server.listening) return
    server.close()
    await once(server, 'close')
  }
  stops.push(stop)
  return { port, requests, sockets, stop }
}

/** An answer of HTTP/1.1. */
export function answerOf(status: number, type: string, body: string, more = ''): string {
  return `HTTP/1.1 ${status} Word\r\ncontent-type: ${type}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n${more}\r\n${body}`
}
