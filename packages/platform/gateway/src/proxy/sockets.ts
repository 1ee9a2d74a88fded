/** Sockets that read into one buffer, which belongs to whoever it was read for until he returns. */
import { connect as open, Socket } from 'node:net'

export type Reader = (bytes: Buffer, from: number, to: number) => void

const SIZE = 65_536
/** Node reads and tells of it in one go, so that all sockets of a process can share one. */
let buffer: Buffer | undefined
const shared = (): Buffer => (buffer ??= Buffer.allocUnsafeSlow(SIZE))

type Handle = { readonly readStart?: () => number; readonly useUserBuffer?: unknown }
type Inside = { _handle: Handle | null }

/** Connects to a server. */
export function connect(address: { readonly host: string; readonly port: number }, read: Reader): Socket {
  const bytes = shared()
  const callback = (size: number): boolean => {
    read(bytes, 0, size)
    return true
  }
  const socket = open({ ...address, noDelay: true, autoSelectFamily: false, onread: { buffer: bytes, callback } })
  socket.resume()
  return socket
}

/**
 * Has a connection that came in paused read into the shared buffer. Node has no word for that, so its handle is moved to another
 * socket; where handles are not as they were when this was written, it reads as all sockets do, into a buffer of each time.
 */
export function accept(socket: Socket, read: Reader, plainly = false): Socket {
  const inside = socket as unknown as Inside
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
export function addressOf({ remoteAddress = '' }: Socket): string {
  return remoteAddress.startsWith('::ffff:') ? remoteAddress.slice(7) : remoteAddress
}
