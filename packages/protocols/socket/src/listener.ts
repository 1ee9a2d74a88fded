import type { Server } from 'node:net'
import type { SecureServer } from 'dure/door/internal'
import type { Address } from 'dure/discovery'
import type { Carrier } from './carrier.ts'
import type { Connection } from './connection.ts'
import type { HeaderOf } from './call.ts'
import type { SocketState } from './served.ts'

/** Something that listens for connections. */
export type Listener = {
  readonly address: Address
  /** Takes nobody new. */
  readonly stop: () => void
}

export type ListenOptions = {
  readonly state: SocketState
  readonly host: string
  readonly port: number
  /** A socket that somebody else has bound, as a file descriptor. */
  readonly handed: number | undefined
  /** Undefined when there are too many: they are refused. */
  readonly accept: (carrier: Carrier, header: HeaderOf) => Connection
  readonly mayAccept: () => boolean
  /** Its certificates, where it speaks TLS. */
  readonly secure: SecureServer | undefined
}

/** Resolves with where it listens. @throws {Error} that says what stood in the way and what to do */
export function listening(server: Server, { host, port, handed }: ListenOptions): Promise<Address> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(cannotListen(host, port, error)))
    server.listen(handed === undefined ? { host, port } : { fd: handed }, () => {
      const bound = server.address() as { address: string; port: number }
      resolve({ kind: 'tcp', host: bound.address, port: bound.port })
    })
  })
}

export function cannotListen(host: string, port: number, { code, message }: NodeJS.ErrnoException): Error {
  const why = code === 'EADDRINUSE' ? 'the port is in use; choose another with `port`' : message
  return new Error(`Cannot listen on ${host}:${port}: ${why}`)
}
