import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** What becomes of a frame on its way: it goes on; its connection is cut before it, or when the server has answered it. */
export type Fate = 'goes' | 'cut before' | 'cut after'

/** A way to a server's streams that can be cut at what is published. */
export type Proxy = {
  readonly port: number
  /** Asked of every frame that publishes, with its bytes as text. */
  fate: (text: string) => Fate
  /** Says something to every client, as if the server had. */
  readonly say: (frame: Buffer) => void
  readonly close: () => Promise<void>
}

const PUBLISH = 2

export async function startProxy(target: number): Promise<Proxy> {
  const sockets = new Set<Socket>()
  const clients = new Set<Socket>()
  const server = createServer({ noDelay: true }, (client) => {
    const broker = connect({ port: target, host: '127.0.0.1', noDelay: true })
    clients.add(client)
    client.once('close', () => clients.delete(client))
    const cut = (): void => {
      client.destroy()
      broker.destroy()
    }
    for (const socket of [client, broker]) {
      sockets.add(socket)
      socket.on('error', cut)
      socket.on('close', () => {
        sockets.delete(socket)
        cut()
      })
    }
    let gathered = Buffer.alloc(0)
    let isDeaf = false
    client.on('data', (bytes: Buffer) => {
      gathered = Buffer.concat([gathered, bytes])
      while (gathered.length >= 4 && gathered.length >= 4 + gathered.readUInt32BE(0)) {
        const frame = gathered.subarray(0, 4 + gathered.readUInt32BE(0))
        gathered = gathered.subarray(frame.length)
        const fate = frame.readUInt16BE(4) === PUBLISH ? proxy.fate(frame.toString('latin1')) : 'goes'
        if (fate === 'cut before') return cut()
        isDeaf ||= fate === 'cut after'
        broker.write(frame)
      }
    })
    broker.on('data', (bytes: Buffer) => (isDeaf ? cut() : client.write(bytes)))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const proxy: Proxy = {
    port: (server.address() as AddressInfo).port,
    fate: () => 'goes',
    say: (frame) => clients.forEach((client) => client.write(frame)),
    close: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
  return proxy
}
