import { connect as connectPlain, createServer, type Server, type Socket } from 'node:net'
import { connect as connectTls, createServer as createTlsServer, type TlsOptions, type TLSSocket } from 'node:tls'
import { chmod, unlink } from 'node:fs/promises'
import type { Address } from '../../discovery/discovery.ts'
import type { Accept, Dial } from './byte-stream.ts'
import { identityOf, type Naming, type PeerIdentity } from './identity.ts'

/** Certificates, in PEM. */
export type ClientTls = {
  /** Who is trusted to sign the other side's certificate. Default: the authorities Node knows. */
  readonly ca?: string | Buffer
  /** This side's own certificate and key, where the other side asks for one. */
  readonly cert?: string | Buffer
  readonly key?: string | Buffer
  /** The name that the other side's certificate must bear. Default: the host. */
  readonly servername?: string
}

export type ServerTls = {
  readonly cert: string | Buffer
  readonly key: string | Buffer
  /** When given, callers must show a certificate that it has signed (mutual TLS). */
  readonly ca?: string | Buffer
}

/** Of a process that calls others and is called by them: each shows its own, and believes who is signed by `ca` (mutual TLS). */
export type Tls = Required<Pick<ServerTls, 'cert' | 'key' | 'ca'>> & Pick<ClientTls, 'servername'>

/** The same, made new from time to time: connections that are opened from then on use it. */
export type LiveTls = {
  readonly current: () => Tls
  readonly changed: (told: () => void) => { readonly stop: () => void }
}

export function isLive(tls: ClientTls | ServerTls | LiveTls | undefined): tls is LiveTls {
  return tls !== undefined && 'current' in tls
}

export function textOf(address: Address): string {
  return address.kind === 'unix' ? address.path : `${address.host}:${address.port}`
}

/** Connects over TCP, Unix sockets and TLS (ready after its handshake). */
export function dialWith(tls: ClientTls | LiveTls | undefined, naming?: Naming): Dial {
  return (address, onReady) => {
    const to = address.kind === 'unix' ? { path: address.path } : { host: address.host, port: address.port }
    if (tls === undefined) return connectPlain({ ...to, noDelay: true }, () => onReady())
    const {
      ca,
      cert,
      key,
      servername = address.kind === 'tcp' ? nameOf(address.host) : undefined,
    } = isLive(tls) ? tls.current() : tls
    const own = naming?.required === true ? { checkServerIdentity: () => undefined } : {}
    const socket = connectTls({ ...to, ca, cert, key, servername, minVersion: 'TLSv1.2', ...own }, () => {
      const identity = shownBy(socket, naming)
      if (identity !== undefined || naming?.required !== true) return onReady(identity)
      socket.destroy(new Error(`its certificate names no service of "${naming.domain}"`))
    })
    return socket.setNoDelay(true)
  }
}

function shownBy(socket: TLSSocket, naming: Naming | undefined): PeerIdentity | undefined {
  return naming && identityOf(socket.getPeerX509Certificate(), naming)
}

/** An address is no name, and must not be sent as one. */
function nameOf(host: string): string | undefined {
  return /^[\d.]+$|:/.test(host) ? undefined : host
}

type AcceptLimits = { readonly handshake: number; readonly strangers: number; readonly connections: number }

/** Takes connections over TCP, Unix sockets and TLS. */
export function acceptWith(tls: ServerTls | LiveTls | undefined, limits: AcceptLimits, naming?: Naming): Accept {
  return async (address, on) => {
    const server =
      tls === undefined
        ? createServer({ noDelay: true }, (socket) => on.stream(socket))
        : createSecure({ tls, limits, naming, onSocket: on.stream })
    // Those seated, strangers before and in the TLS handshake, those asked to go, and as many as can arrive at once.
    server.maxConnections = limits.connections + limits.strangers * 3 + BACKLOG
    const bound = await listenOn(server, address)
    server.on('error', on.error)
    return { address: bound, close: () => new Promise((resolve) => void server.close(() => resolve())) }
  }
}

function createSecure({
  tls,
  limits,
  naming,
  onSocket,
}: {
  tls: ServerTls | LiveTls
  limits: AcceptLimits
  naming: Naming | undefined
  onSocket: (socket: Socket, identity: PeerIdentity | undefined) => void
}): Server {
  const { cert, key, ca } = isLive(tls) ? tls.current() : tls
  const options: TlsOptions = {
    ...{ cert, key, minVersion: 'TLSv1.2', handshakeTimeout: limits.handshake },
    ...(ca !== undefined && { ca, requestCert: true, rejectUnauthorized: true }),
  }
  const shaking = new Map<string, Socket>()
  const server = createTlsServer(options, (socket) => {
    shaking.delete(endOf(socket))
    onSocket(socket.setNoDelay(true), shownBy(socket, naming))
  })
  if (isLive(tls)) {
    const following = tls.changed(() => server.setSecureContext({ ...tls.current(), minVersion: 'TLSv1.2' }))
    server.on('close', following.stop)
  }
  // In its handshake a connection is a stranger as well: where there are too many, the oldest goes.
  server.on('connection', (socket: Socket) => {
    const end = endOf(socket)
    shaking.set(end, socket)
    socket.on('close', () => shaking.get(end) === socket && shaking.delete(end))
    if (shaking.size <= limits.strangers) return
    for (const oldest of shaking.values()) return void oldest.destroy()
  })
  // A stranger who fails the handshake is no event of ours.
  server.on('tlsClientError', (_error, socket) => socket.destroy())
  return server
}

/**
 * Connections that the system takes before this process does. Node takes one of them a turn of its event loop: in a longer
 * queue callers would wait longer than they have patience for, and it would be full of those who have left.
 */
const BACKLOG = 256

/** Unix sockets have no address; their callers are this user's own. */
function endOf(socket: Socket): string {
  return `${socket.remoteAddress}:${socket.remotePort}`
}

/** Listens; a socket file that a dead process left behind is taken over, one that somebody listens on is not. */
async function listenOn(server: Server, address: Address): Promise<Address> {
  if (address.kind !== 'unix') {
    await listening(server, { host: address.host, port: address.port })
    const bound = server.address()
    return { ...address, port: typeof bound === 'object' && bound !== null ? bound.port : address.port }
  }
  try {
    await listening(server, { path: address.path })
  } catch (error) {
    if ((error as { code?: string }).code !== 'EADDRINUSE' || (await answers(address))) throw error
    await unlink(address.path)
    await listening(server, { path: address.path })
  }
  // Only this user's processes may call.
  await chmod(address.path, 0o600)
  return address
}

function listening(server: Server, options: { host?: string; port?: number; path?: string }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ ...options, backlog: BACKLOG }, () => {
      server.removeListener('error', reject)
      resolve()
    })
  })
}

function answers(address: Address): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = dialWith(undefined)(address, () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}
