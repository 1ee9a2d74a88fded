import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** What becomes of bytes on their way to the server: they go on, are lost with their connection, or the answer is. */
export type Fate = 'pass' | 'lost' | 'answer lost'

export type Proxy = { readonly port: number; readonly cut: () => void; readonly stop: () => Promise<void> }

/** Between clients and a server: cuts connections where it is told to. */
export async function startProxy(port: number, fateOf: (bytes: string) => Fate = () => 'pass'): Promise<Proxy> {
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const there = connect(port, '127.0.0.1')
    let fate: Fate = 'pass'
    const both = [client, there]
    const end = (): void => both.forEach((socket) => socket.destroy())
    for (const socket of both) {
      sockets.add(socket)
      socket.on('error', end).on('close', () => {
        sockets.delete(socket)
        end()
      })
    }
    client.on('data', (bytes) => {
      fate = fateOf(bytes.toString('latin1'))
      if (fate === 'lost') end()
      else there.write(bytes)
    })
    there.on('data', (bytes) => {
      if (fate === 'answer lost') end()
      else client.write(bytes)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const cut = (): void => sockets.forEach((socket) => socket.destroy())
  return {
    port: (server.address() as AddressInfo).port,
    cut,
    stop: async () => {
      const closed = new Promise((resolve) => server.close(resolve))
      cut()
      await closed
    },
  }
}
