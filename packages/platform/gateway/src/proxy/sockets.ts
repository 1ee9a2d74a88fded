/** Sockets that read into one buffer, which belongs to whoever it was read for until he returns. */
import { connect as open, isIP, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as openTls, type SecureContext } from 'node:tls'

export type Reader = (bytes: Buffer, from: number, to: number) => void

/** What a client is heard and answered on: a socket, or a stream of HTTP/2 that looks like one. */
export type Connection = Duplex & Pick<Socket, 'remoteAddress' | 'localPort' | 'destroySoon'> & { readonly connecting?: boolean }

/** Where an instance is, and whom its certificate must be for if it speaks TLS. */
export type Address = { readonly host: string; readonly port: number; readonly secure?: SecureTo | undefined }

export type SecureTo = {
  readonly context: SecureContext
  /** That it is asked for and must prove; undefined: its host. */
  readonly name: string | undefined
}

const SIZE = 65_536
/** Node reads and tells of it in one go, so that all sockets of a process can share one. */
let buffer: Buffer | undefined
const shared = (): Buffer => (buffer ??= Buffer.allocUnsafeSlow(SIZE))

type Handle = { readonly readStart?: () => number; readonly useUserBuffer?: unknown }
type Inside = { _handle?: Handle | null }

/** Connects to a server. With TLS it is connected when its certificate was found to be good. */
export function connect({ host, port, secure }: Address, read: Reader, connected: () => void): Socket {
  const bytes = shared()
  const callback = (size: number): boolean => {
    read(bytes, 0, size)
    return true
  }
  const options = { host, port, noDelay: true, autoSelectFamily: false, onread: { buffer: bytes, callback } }
  if (secure === undefined) {
    const socket = open(options, connected)
    socket.resume()
    return socket
  }
  const { context, name } = secure
  // An address is no name, and must not be sent as one.
  const servername = name ?? (isIP(host) === 0 ? host : undefined)
  const how = { secureContext: context, ALPNProtocols: ['http/1.1'], ...(servername !== undefined && { servername }) }
  const socket = openTls({ ...options, ...how }, connected).setNoDelay(true)
  socket.resume()
  return socket
}

/**
 * Has a connection that came in paused read into the shared buffer. Node has no word for that, so its handle is moved to another
 * socket; where handles are not as they were when this was written, it reads as all sockets do, into a buffer of each time.
 */
export function accept(socket: Connection, read: Reader, plainly = false): Connection {
  const inside = socket as Inside
  const handle = inside._handle
  if (plainly || typeof handle?.readStart !== 'function' || typeof handle.useUserBuffer !== 'function') {
    socket.on('data', (bytes: Buffer) => read(bytes, 0, bytes.length))
    socket.resume()
    return socket
  }
  const bytes = shared()
  const callback = (size: number): boolean => {
    read(bytes, 0, size)
    return true
  }
  inside._handle = null
  const options = { handle, allowHalfOpen: true, onread: { buffer: bytes, callback } }
  const moved = new Socket(options as unknown as ConstructorParameters<typeof Socket>[0])
  // What is left of it holds a place among the server's connections.
  socket.on('error', () => {})
  socket.destroy()
  moved.resume()
  return moved
}

/** Where the other side is, without the form that IPv4 has among IPv6. */
export function addressOf({ remoteAddress = '' }: Pick<Socket, 'remoteAddress'>): string {
  return remoteAddress.startsWith('::ffff:') ? remoteAddress.slice(7) : remoteAddress
}
