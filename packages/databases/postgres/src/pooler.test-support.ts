import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { Client } from 'pg'
import { messages } from './proxy.test-support.ts'

/**
 * Stands before a server as pgbouncer does: with process numbers of its own and, by transactions, the session that was
 * used last for whoever begins the next one.
 */
export async function poolerTo(
  url: string,
  by: 'session' | 'transaction',
): Promise<{ readonly url: string; readonly stop: () => Promise<void> }> {
  const sockets = new Set<Socket>()
  const servers: Client[] = []
  const idle: Socket[] = []
  const begin = async (): Promise<Socket> => {
    const server = new Client({ connectionString: url })
    server.on('error', () => {})
    await server.connect()
    servers.push(server)
    const { stream } = (server as unknown as { readonly connection: { readonly stream: Socket } }).connection
    return stream.removeAllListeners('data')
  }

  const pooler = createServer({ noDelay: true }, (client) => {
    sockets.add(client)
    let server: Promise<Socket> | undefined
    let pending = 0
    const attach = async (): Promise<Socket> => {
      const stream = idle.pop() ?? (await begin())
      stream.on(
        'data',
        messages(true, (message, type) => {
          client.write(message)
          if (type !== 'Z' || --pending > 0 || message[5] !== 'I'.charCodeAt(0) || by === 'session') return
          release(stream)
        }),
      )
      return stream
    }
    const release = (stream: Socket): void => {
      server = undefined
      stream.removeAllListeners('data')
      idle.push(stream)
    }
    const take = messages(false, (message, type) => {
      if (type === 'startup') {
        const key = Buffer.from('K\0\0\0\x0c\0\0\0\x01\0\0\0\x01')
        return void client.write(Buffer.concat([Buffer.from('R\0\0\0\x08\0\0\0\0'), key, Buffer.from('Z\0\0\0\x05I')]))
      }
      if (type === 'X') return
      if (type === 'Q' || type === 'S') pending++
      server ??= attach()
      void server.then((stream) => stream.write(message))
    })
    client.on('data', take)
    client.on('error', () => {})
    client.on('close', () => {
      sockets.delete(client)
      // What the session holds is gone with it.
      void server?.then((stream) => stream.destroy())
    })
  })
  pooler.listen(0, '127.0.0.1')
  await once(pooler, 'listening')
  const own = new URL(url)
  own.port = String((pooler.address() as { port: number }).port)
  return {
    url: own.href,
    stop: async () => {
      for (const socket of sockets) socket.destroy()
      pooler.close()
      await once(pooler, 'close')
      await Promise.all(servers.map((server) => server.end().catch(() => {})))
    },
  }
}
