/** Counts the bytes between clients and doors of this machine. */
import { createSocket, type RemoteInfo } from 'node:dgram'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import type { Places } from './shop.ts'

export type Counted = {
  /** The same doors, reached through here. */
  readonly places: Places
  /** Bytes so far, both ways, without what TCP, UDP and IP add. */
  readonly bytes: () => number
  readonly stop: () => void
}

export async function countBytes(places: Places): Promise<Counted> {
  let bytes = 0
  const count = (chunk: { readonly length: number }): void => void (bytes += chunk.length)
  const ends: (() => void)[] = []
  const through = Object.entries(places).map(async ([name, port]) => {
    const { port: own, stop } = await (name === 'udp' ? datagrams : stream)(port, count)
    ends.push(stop)
    return [name, own] as const
  })
  return {
    places: Object.fromEntries(await Promise.all(through)) as Places,
    bytes: () => bytes,
    stop: () => {
      for (const end of ends) end()
    },
  }
}

type Relay = { readonly port: number; readonly stop: () => void }
type Count = (chunk: Buffer) => void

async function stream(port: number, count: Count): Promise<Relay> {
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, (client) => {
    const door = connect({ port, host: '127.0.0.1', noDelay: true })
    for (const [from, to] of [
      [client, door],
      [door, client],
    ] as const) {
      sockets.add(from)
      from.on('data', count)
      from.pipe(to)
      from.on('error', () => to.destroy())
      from.on('close', () => {
        sockets.delete(from)
        to.destroy()
      })
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    stop: () => {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

/** One sender, who is answered where it was heard last. */
async function datagrams(port: number, count: Count): Promise<Relay> {
  const [inside, outside] = [createSocket('udp4'), createSocket('udp4')]
  let sender: RemoteInfo | undefined
  outside.on('message', (chunk, from) => {
    sender = from
    count(chunk)
    inside.send(chunk)
  })
  inside.on('message', (chunk) => {
    count(chunk)
    if (sender !== undefined) outside.send(chunk, sender.port, sender.address)
  })
  inside.connect(port, '127.0.0.1')
  outside.bind(0, '127.0.0.1')
  await Promise.all([once(inside, 'connect'), once(outside, 'listening')])
  const stop = (): void => {
    inside.close()
    outside.close()
  }
  return { port: outside.address().port, stop }
}
