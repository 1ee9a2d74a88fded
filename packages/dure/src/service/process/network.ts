import { listenSocket, socketPeers, createRemoteTransport, remoteChanges, type Tls } from '../../call/internal.ts'
import { SystemError } from '../errors.ts'
import type { Wires } from './wires.ts'

/** How this process and those of other hosts reach each other. */
export type NetworkOptions = {
  /** Where calls of others are taken. Default: `127.0.0.1`, a free port. `0.0.0.0` and `::` need `advertise`. */
  readonly host?: string
  readonly port?: number
  /** The host that others are told. Default: `host`. */
  readonly advertise?: string
  /**
   * Certificates, in PEM: of this process, and of who is trusted. Both ends show theirs, and call nobody whose certificate `ca` has not
   * signed or that does not bear the host's name or address.
   */
  readonly tls?: Tls
  /** Listens beyond this machine without TLS: whoever reaches the port may call. Default false. */
  readonly insecure?: boolean
  /**
   * The name under which the parts of this system know each other in a registry that is used by others too. Default: the system's
   * name; two of one name, such as for tests and for users, need two.
   */
  readonly system?: string
}

/**
 * TCP, for the processes of several hosts. Without TLS callers are believed only that they call, and not on whose behalf.
 * @throws {SystemError} when strangers could call
 */
export function networkWires(options: NetworkOptions): Wires {
  const { host = '127.0.0.1', port = 0, advertise = host, tls } = options
  const problem = problemOf(options)
  if (problem !== undefined) throw new SystemError('Cannot let the processes of other hosts call', [problem])
  return {
    connect: ({ registry, runtime, log, policies }) =>
      createRemoteTransport({
        ...{ registry, connect: socketPeers({ runtime, log, tls }), runtime, log },
        changes: policies && remoteChanges(policies),
      }),
    listen: async ({ transport, runtime, log }) => {
      const listener = await listenSocket({ address: { kind: 'tcp', host, port }, transport, runtime, log, tls })
      return { ...listener, address: { ...listener.address, host: advertise } as typeof listener.address }
    },
  }
}

function problemOf({ host = '127.0.0.1', advertise = host, tls, insecure = false }: NetworkOptions): string | undefined {
  if (isAnywhere(advertise))
    return `It is to listen on "${host}", which is no address that others could call; say which they are to use (advertise)`
  if (tls !== undefined || insecure || (isLoopback(host) && isLoopback(advertise))) return undefined
  return (
    `It is to listen on "${host}" without TLS, so that anybody who reaches it could call every operation; ` +
    'give it certificates (tls), or say that the network keeps others out (insecure)'
  )
}

const isAnywhere = (host: string): boolean => host === '0.0.0.0' || host === '::' || host === ''

/** Whether only this machine comes there. A name may mean anything. */
function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host)
}
