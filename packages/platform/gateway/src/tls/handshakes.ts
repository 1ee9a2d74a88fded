/** The first moments of a connection over TLS: until its handshake is over, it is nobody's. */
import type { Socket } from 'node:net'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import { followCertificates, type SecureOptions } from 'dure/door/server/internal'
import type { Runtime } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'
import type { TlsOptions } from './options.ts'

export type Handshakes = {
  /** Takes a connection that has just come in. */
  readonly take: (socket: Socket, secured: (socket: TLSSocket) => void) => void
  /** How many are under way. */
  readonly open: () => number
  /** How many have failed, or were turned away since there were too many. */
  readonly failed: () => number
  /** Other certificates, from the next handshake on. @throws {SystemError} naming all that is wrong: those before go on */
  readonly use: (next: TlsOptions) => void
  readonly stop: () => void
}

/**
 * Leads the handshakes of connections, each in its time and so many at once.
 * @throws {SystemError} when a certificate cannot be used
 */
export function createHandshakes(options: {
  readonly tls: TlsOptions
  readonly limits: { readonly handshakeTimeout: number; readonly handshakes: number }
  readonly runtime: Runtime
  readonly log: Logger
}): Handshakes {
  const { limits } = options
  const under = new Map<string, { readonly socket: Socket; readonly secured: (socket: TLSSocket) => void }>()
  let failed = 0
  const fail = (_error: Error, socket: TLSSocket): void => {
    failed++
    socket.destroy()
  }
  const open = (socket: TLSSocket): void => {
    const end = endOf(socket)
    const mine = under.get(end)
    under.delete(end)
    if (mine === undefined) socket.destroy()
    else mine.secured(socket)
  }
  let server: Server
  /** Nothing of a server of Node's can be changed in part: each change makes one, and the connections of the one before stay. */
  const serve = (secure: SecureOptions, { http2 = true }: TlsOptions): void => {
    const ALPNProtocols = http2 ? ['h2', 'http/1.1'] : ['http/1.1']
    server = createServer({ ...secure, ALPNProtocols, handshakeTimeout: limits.handshakeTimeout }, open)
    server.on('tlsClientError', fail)
  }
  const certificates = followCertificates(options, serve)

  return {
    take: (socket, secured) => {
      if (under.size >= limits.handshakes) {
        failed++
        socket.destroy()
        return
      }
      const end = endOf(socket)
      under.set(end, { socket, secured })
      // Whoever ends his half now has gone.
      socket.allowHalfOpen = false
      socket.on('error', () => {})
      socket.once('close', () => under.get(end)?.socket === socket && under.delete(end))
      server.emit('connection', socket)
    },
    open: () => under.size,
    failed: () => failed,
    use: certificates.use,
    stop: () => {
      certificates.stop()
      for (const { socket } of under.values()) socket.destroy()
    },
  }
}

const endOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`
