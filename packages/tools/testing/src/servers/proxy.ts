import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** A network between clients and a server that can be cut, can stand still, and can lose what is under way. */
export type Proxy = {
  /** Clients connect here, on 127.0.0.1. */
  readonly port: number
  /** The port it leads to. */
  to: number
  /** Ends every connection at both ends; new ones are let through. */
  readonly cut: () => void
  /**
   * Lets so many bytes of clients pass, and then cuts: in the midst of whatever that is. They count from where a client says `text`; by
   * default from now on. Resolves when it has.
   */
  readonly cutAfter: (bytes: number, text?: string) => Promise<void>
  /** From now on nothing passes, while every connection stays open; or everything does again. */
  readonly hold: (held: boolean) => void
  /** From now on what the server answers is lost, so that it has what its clients do not know of; or nothing is. */
  readonly loseAnswers: (lost: boolean) => void
  /** What becomes of each frame of a client; of the bytes as they come, where frames are not told. Asked anew of every one. */
  fate: (frame: Buffer) => Fate
  readonly close: () => Promise<void>
}

/**
 * It passes; it is lost, and its connection stays; the connection is cut before it, so that the server has it not; or when the
 * server answers next, so that it has it and nobody is told.
 */
export type Fate = 'passes' | 'lost' | 'cut before' | 'cut after'

/**
 * Stands between clients and a server of this machine.
 *
 * @example
 * ```ts
 * import { startProxy } from '@dure/testing/servers'
 *
 * const proxy = await startProxy({ to: 4222 }) // clients use nats://127.0.0.1:<proxy.port>
 * proxy.hold(true) // nobody hears of anybody
 * proxy.hold(false)
 * await proxy.close()
 * ```
 */
export async function startProxy(options: {
  readonly to: number
  /** Bytes of the first frame of what has come of a client; undefined: it is not whole yet. Default: all that has come. */
  readonly frame?: (bytes: Buffer) => number | undefined
}): Promise<Proxy> {
  const { frame = (bytes: Buffer) => bytes.length } = options
  const sockets = new Set<Socket>()
  let isHeld = false
  let areLost = false
  let left = Infinity
  let awaited: string | undefined
  let isCut = (): void => {}
  const cut = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  const server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ port: proxy.to, host: '127.0.0.1', noDelay: true })
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(one)
      if (isHeld) one.pause()
      one
        .on('error', () => {})
        .on('close', () => {
          sockets.delete(one)
          other.destroy()
        })
        .on('drain', () => isHeld || other.resume())
    }
    const end = (): void => {
      client.destroy()
      upstream.destroy()
    }
    let endsWithAnswer = false
    const pass = (bytes: Buffer): void => {
      const from = awaited === undefined ? 0 : bytes.indexOf(awaited)
      // What comes before is not counted.
      const passing = from < 0 ? bytes : bytes.subarray(0, from + left)
      if (from >= 0) {
        awaited = undefined
        left -= passing.length - from
      }
      if (!upstream.write(passing)) client.pause()
      if (left > 0) return
      left = Infinity
      // What has passed still arrives.
      upstream.end(cut)
      isCut()
    }
    let gathered: Buffer = Buffer.alloc(0)
    client.on('data', (bytes: Buffer) => {
      gathered = gathered.length === 0 ? bytes : Buffer.concat([gathered, bytes])
      for (let length = frame(gathered); length !== undefined && gathered.length > 0; length = frame(gathered)) {
        const first = gathered.subarray(0, length)
        gathered = gathered.subarray(length)
        const fate = proxy.fate(first)
        if (fate === 'cut before') return end()
        endsWithAnswer ||= fate === 'cut after'
        if (fate !== 'lost') pass(first)
      }
    })
    upstream.on('data', (bytes: Buffer) => {
      if (endsWithAnswer) return end()
      if (!areLost && !client.write(bytes)) upstream.pause()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const proxy: Proxy = {
    port: (server.address() as AddressInfo).port,
    to: options.to,
    cut,
    cutAfter: (bytes, text) => {
      left = bytes
      awaited = text
      return new Promise((resolve) => (isCut = resolve))
    },
    hold: (held) => {
      isHeld = held
      for (const socket of sockets) {
        if (held) socket.pause()
        else socket.resume()
      }
    },
    loseAnswers: (lost) => void (areLost = lost),
    fate: () => 'passes',
    close: async () => {
      cut()
      server.close()
      await once(server, 'close')
    },
  }
  return proxy
}
