import { connect, createServer, type Socket } from 'node:net'
import { once } from 'node:events'

/**
 * Stands between a store and its server, reads along, and cuts: so that a test can lose exactly the message that
 * matters. Messages are one letter, four bytes of length, and the rest.
 */
export type Proxy = {
  /** The server's connection string, by way of the proxy. */
  readonly url: string
  /** What to do with the next COMMIT: lose its answer, or lose it itself, and the connection with it. */
  loseNextCommit: 'answer' | 'itself' | undefined
  /** Connections are refused. */
  closed: boolean
  /** Bytes are taken and not passed on. */
  frozen: boolean
  /** Nor is the end of a connection, as when the network in between is gone. */
  silent: boolean
  /** The connection on which the next message with this in it comes passes on nothing from there on: nobody hears of it. */
  muteAt: RegExp | undefined
  /** The next message with this in it is replaced by a statement that fails. */
  spoil: RegExp | undefined
  /** Called when a COMMIT has been lost. */
  readonly lost: () => Promise<void>
  /** Ends every connection. */
  readonly cut: () => void
  readonly open: () => number
  readonly stop: () => Promise<void>
}

export async function proxyTo(url: string): Promise<Proxy> {
  const target = new URL(url)
  const sockets = new Set<Socket>()
  let told: () => void = () => {}
  let lost = new Promise<void>((resolve) => (told = resolve))

  const server = createServer({ noDelay: true }, (client) => {
    if (proxy.closed) return void client.destroy()
    const upstream = connect({ port: Number(target.port), host: target.hostname, noDelay: true })
    let mute = false
    const end = (): void => {
      upstream.destroy()
      if (!mute && !proxy.silent) client.destroy()
    }
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket
        .on('error', () => {})
        .on('close', () => {
          sockets.delete(socket)
          end()
        })
    }
    /** Requests that the server has not answered yet; the first is to let the client in. */
    let pending = 1
    let losing: 'answer' | 'itself' | undefined
    const lose = (): void => {
      proxy.loseNextCommit = undefined
      // What was answered before still arrives.
      client.end(end)
      upstream.pause()
      told()
    }
    const texts = new Map<string, string>()
    /** The statement that a message has carried out. */
    const statementOf = (message: Buffer, type: string): string => {
      const [first = '', second = ''] = message.toString('latin1', 5).split('\0', 2)
      if (type === 'P') texts.set(first, second)
      if (type === 'B') return texts.get(second) ?? ''
      return type === 'Q' ? first : ''
    }
    const toServer = messages(false, (message, type) => {
      const statement = statementOf(message, type)
      if (proxy.muteAt?.test(`${statement} ${message.toString('latin1')}`) === true) {
        proxy.muteAt = undefined
        mute = true
      }
      if (mute) return
      if (statement.startsWith('COMMIT')) losing = proxy.loseNextCommit
      if (losing === 'itself') {
        if (pending === 0) lose()
        return
      }
      if (type === 'Q' || type === 'S') pending++
      if (proxy.spoil?.test(statement) === true) {
        proxy.spoil = undefined
        const failing = 'SELECT 1/0\0'
        return void upstream.write(
          type === 'Q'
            ? messageOf('Q', failing)
            : Buffer.concat([messageOf('P', `\0${failing}\0\0`), messageOf('B', '\0\0\0\0\0\0\0\0')]),
        )
      }
      upstream.write(message)
    })
    const toClient = messages(true, (message, type) => {
      if (losing === 'answer' && type === 'C' && message.toString('latin1', 5).startsWith('COMMIT')) return lose()
      client.write(message)
      if (type === 'Z') pending--
      if (losing === 'itself' && pending === 0) lose()
    })
    client.on('data', (bytes: Buffer) => {
      if (!proxy.frozen && !proxy.silent) toServer(bytes)
    })
    upstream.on('data', (bytes: Buffer) => {
      if (!proxy.frozen && !proxy.silent && !mute) toClient(bytes)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const own = new URL(url)
  own.port = String((server.address() as { port: number }).port)

  const proxy: Proxy = {
    url: own.href,
    loseNextCommit: undefined,
    closed: false,
    frozen: false,
    silent: false,
    muteAt: undefined,
    spoil: undefined,
    lost: async () => {
      await lost
      lost = new Promise((resolve) => (told = resolve))
    },
    cut: () => {
      for (const socket of sockets) socket.destroy()
    },
    open: () => sockets.size / 2,
    stop: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
  return proxy
}

function messageOf(type: string, body: string): Buffer {
  const header = Buffer.from(`${type}\0\0\0\0`)
  header.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([header, Buffer.from(body)])
}

/** Cuts a stream into messages. The first of a client's has no letter. */
export function messages(fromServer: boolean, take: (message: Buffer, type: string) => void): (bytes: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0)
  let started = fromServer
  return (bytes) => {
    rest = Buffer.concat([rest, bytes])
    for (;;) {
      const header = started ? 1 : 0
      if (rest.length < header + 4) return
      const length = header + rest.readInt32BE(header)
      if (rest.length < length) return
      const message = rest.subarray(0, length)
      rest = rest.subarray(length)
      take(message, started ? String.fromCharCode(message[0]!) : 'startup')
      started = true
    }
  }
}
