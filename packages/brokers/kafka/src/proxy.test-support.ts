import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** What becomes of a request on its way: it goes on; its connection is cut before it, or when the broker has it. */
export type Fate = 'goes' | 'cut before' | 'cut after'

/** A way to a Kafka broker that can be cut at a request. */
export type Proxy = {
  readonly port: number
  /** Where it leads to. */
  target: number
  /** Asked of every request to publish, with its bytes as text. */
  fate: (text: string) => Fate
  readonly close: () => Promise<void>
}

const PRODUCE = 0

export async function startProxy(): Promise<Proxy> {
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const broker = connect(proxy.target, '127.0.0.1')
    const cut = (): void => {
      client.destroy()
      broker.destroy()
    }
    for (const socket of [client, broker]) {
      socket.setNoDelay(true)
      sockets.add(socket)
      socket.on('error', cut)
      socket.on('close', () => {
        sockets.delete(socket)
        cut()
      })
    }
    let gathered = Buffer.alloc(0)
    let deaf = false
    client.on('data', (chunk: Buffer) => {
      gathered = Buffer.concat([gathered, chunk])
      while (gathered.length >= 4 && gathered.length >= 4 + gathered.readInt32BE(0)) {
        const frame = gathered.subarray(0, 4 + gathered.readInt32BE(0))
        gathered = gathered.subarray(frame.length)
        const fate = frame.readInt16BE(4) === PRODUCE ? proxy.fate(frame.toString('latin1')) : 'goes'
        if (fate === 'cut before') return cut()
        deaf ||= fate === 'cut after'
        broker.write(frame)
      }
    })
    // An answer that comes after the cut shows that the broker has what was published.
    broker.on('data', (chunk: Buffer) => (deaf ? cut() : client.write(chunk)))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const proxy: Proxy = {
    port: (server.address() as AddressInfo).port,
    target: 0,
    fate: () => 'goes',
    close: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
  return proxy
}
