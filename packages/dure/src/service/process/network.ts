import {
  listenSocket,
  socketPeers,
  createRemoteTransport,
  remoteChanges,
  type LiveTls,
  type Naming,
  type Tls,
} from '../../call/internal.ts'
import type { Disposables } from '../disposables.ts'
import { SystemError } from '../../contract/internal.ts'
import { BROKER } from '../placement.ts'
import type { System, World } from '../system.ts'
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
   * signed or that does not bear the host's name or address. Or what makes them while the process runs: `ownCertificates()` of
   * `dure/identity`, whose certificates name services.
   */
  readonly tls?: Tls | Certificates
  /** Listens beyond this machine without TLS: whoever reaches the port may call. Default false. */
  readonly insecure?: boolean
  /**
   * The name under which the parts of this system know each other in a registry that is used by others too. Default: the system's
   * name; two of one name, such as for tests and for users, need two.
   */
  readonly system?: string
}

/** Makes certificates for a process, and new ones before they end. */
export type Certificates = (process: {
  /** What the system is called where others are known as well: the names in certificates are its own. */
  readonly system: string
  /** What the process runs: names of services as in the registry, `doors`. */
  readonly names: readonly string[]
  readonly world: Pick<World, 'directory' | 'runtime' | 'log'>
}) => Promise<ProcessCertificates>

export type ProcessCertificates = LiveTls & {
  /** Has the process known for these from now on. */
  readonly certify: (names: readonly string[]) => Promise<void>
  readonly stop: () => void
}

/**
 * TCP, for the processes of several hosts. Without TLS callers are believed only that they call, and not on whose behalf. With
 * certificates that name services, a caller is who its certificate says.
 * @throws {SystemError} when strangers could call; what making certificates throws
 */
export async function networkWires(
  options: NetworkOptions,
  process: {
    readonly system: System
    readonly members: readonly string[]
    /** What its certificates name. */
    readonly names: readonly string[]
    readonly world: Pick<World, 'directory' | 'runtime' | 'log'>
    readonly disposables: Disposables
  },
): Promise<Wires> {
  const { host = '127.0.0.1', port = 0, advertise = host } = options
  const { system, names, world, disposables } = process
  const problem = problemOf(options) ?? unproven(options, system) ?? brokerless(options, process)
  if (problem !== undefined) throw new SystemError('Cannot let the processes of other hosts call', [problem])
  const domain = options.system ?? system.name
  const made = typeof options.tls === 'function' ? await options.tls({ system: domain, names, world }) : undefined
  if (made !== undefined) disposables.add('certificates', async () => made.stop())
  const tls = made ?? (options.tls as Tls | undefined)
  const required = made !== undefined || system.allow !== undefined
  const naming: Naming | undefined = tls && { domain, required }
  return {
    certify: made?.certify,
    connect: ({ registry, runtime, log, policies, here }) =>
      createRemoteTransport({
        ...{ registry, connect: socketPeers({ runtime, log, tls, naming }), runtime, log, here },
        changes: policies && remoteChanges(policies),
      }),
    listen: async ({ transport, runtime, log }) => {
      const listener = await listenSocket({ address: { kind: 'tcp', host, port }, transport, runtime, log, tls, naming })
      return { ...listener, address: { ...listener.address, host: advertise } as typeof listener.address }
    },
  }
}

/** Who may call whom cannot be asked of callers who are who they say. */
function unproven({ tls }: NetworkOptions, { name, allow }: Pick<System, 'name' | 'allow'>): string | undefined {
  if (allow === undefined || tls !== undefined) return undefined
  return (
    `System "${name}" says in "allow" who may call whom, and without certificates a caller is whoever it says; ` +
    'give it certificates that name services (tls)'
  )
}

/** The embedded broker in another process believes processes of the system alone, and over plain TCP nobody is known to be one. */
function brokerless(
  { tls }: NetworkOptions,
  { system, members }: { readonly system: System; readonly members: readonly string[] },
): string | undefined {
  if (tls !== undefined || members.includes(BROKER) || system.broker.reach === 'network') return undefined
  const using = system.services.find(
    ({ contract, reactions, extensions }) =>
      members.includes(contract.name) && contract.events.length + reactions.length + extensions.length > 0,
  )
  return (
    using &&
    `Service "${using.contract.name}" uses the broker of another process, which believes nobody without certificates; ` +
      'give it certificates (tls), or the system a broker of its own on the network'
  )
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
