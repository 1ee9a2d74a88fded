/** Where a server under a door listens. */
import type { Server } from 'node:net'
import type { DoorTls } from './tls.ts'

export type Listening = {
  /** 0 takes any free port. */
  readonly port: number
  readonly host: string
  readonly tls?: DoorTls | undefined
  /** The file descriptor of a socket that listens already. */
  readonly handed: number | undefined
  /** Connections that wait until they are taken. Default: Node's. */
  readonly backlog?: number
}

/** Milliseconds in which a client is to have shaken hands over TLS. */
export const HANDSHAKE = 10_000

/** Resolves with host and port. @throws {Error} that says what stood in the way and what to do */
export function listen(server: Server, { host, port, handed, backlog }: Listening): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', ({ code, message }: { readonly code?: string; readonly message: string }) => {
      const why = code === 'EADDRINUSE' ? 'the port is in use; choose another with `port`' : message
      reject(new Error(`Cannot listen on ${host}:${port}: ${why}`))
    })
    server.listen(handed === undefined ? { host, port, ...(backlog !== undefined && { backlog }) } : { fd: handed }, () => {
      const { address, port, family } = server.address() as { address: string; port: number; family: string }
      resolve(`${family === 'IPv6' ? `[${address}]` : address}:${port}`)
    })
  })
}
