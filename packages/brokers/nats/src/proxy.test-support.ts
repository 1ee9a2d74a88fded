import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** A network between a client and the server that can be cut, can stand still, and can lose single messages. */
export type Proxy = {
  readonly url: string
  /** Cuts every connection; new ones are let through. */
  readonly cut: () => void
  /** From now on nothing passes, while every connection stays open; or everything does again. */
  readonly hold: (isHeld: boolean) => void
  /** Asked of every message that a client publishes: its subject and its bytes, headers before data. True loses it. */
  loses: (subject: string, payload: Buffer) => boolean
  /** Bytes from clients that still pass before all is cut. */
  cutAfter: number
  readonly close: () => Promise<void>
}

export async function startProxy(port: number): Promise<Proxy> {
  const pairs = new Set<readonly [Socket, Socket]>()
  let isHeld = false
  const cut = (): void => {
    for (const pair of pairs) pair.forEach((socket) => socket.destroy())
  }
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1')
    const pair = [client, upstream] as const
    pairs.add(pair)
    let rest = Buffer.alloc(0)
    client.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk])
      for (;;) {
        const frame = frameOf(rest)
        if (frame === undefined) break
        rest = rest.subarray(frame.bytes.length)
        if (frame.subject !== undefined && proxy.loses(frame.subject, frame.payload)) continue
        if (proxy.cutAfter <= frame.bytes.length) {
          upstream.write(frame.bytes.subarray(0, Math.max(0, proxy.cutAfter)))
          proxy.cutAfter = Infinity
          return cut()
        }
        proxy.cutAfter -= frame.bytes.length
        upstream.write(frame.bytes)
      }
    })
    upstream.on('data', (chunk: Buffer) => client.write(chunk))
    for (const [one, other] of [pair, pair.toReversed()] as const) {
      one!.on('error', () => {})
      one!.on('close', () => {
        other!.destroy()
        pairs.delete(pair)
      })
    }
    if (isHeld) pair.forEach((socket) => socket.pause())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const proxy: Proxy = {
    url: `nats://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut,
    hold: (held) => {
      isHeld = held
      for (const pair of pairs) pair.forEach((socket) => (held ? socket.pause() : socket.resume()))
    },
    loses: () => false,
    cutAfter: Infinity,
    close: async () => {
      cut()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return proxy
}

/** The first whole word of the protocol, with its payload if it publishes something. */
function frameOf(bytes: Buffer): { readonly bytes: Buffer; readonly subject?: string; readonly payload: Buffer } | undefined {
  const end = bytes.indexOf('\r\n')
  if (end < 0) return undefined
  const words = bytes.toString('latin1', 0, end).split(' ')
  if (words[0] !== 'PUB' && words[0] !== 'HPUB') return { bytes: bytes.subarray(0, end + 2), payload: Buffer.alloc(0) }
  const whole = end + 2 + Number(words.at(-1)) + 2
  if (bytes.length < whole) return undefined
  return { bytes: bytes.subarray(0, whole), subject: words[1]!, payload: bytes.subarray(end + 2, whole - 2) }
}
