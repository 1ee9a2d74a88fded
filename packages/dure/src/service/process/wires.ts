import type { PolicySource } from '../../call/call.ts'
import {
  createRemoteTransport,
  listenSocket,
  remoteChanges,
  socketPeers,
  type CallingProcess,
  type LocalTransport,
  type RemoteTransport,
} from '../../call/internal.ts'
import { type Address, type Registry } from '../../discovery/discovery.ts'
import { socketIn } from '../../discovery/internal.ts'
import type { Runtime } from '../../runtime/runtime.ts'
import type { Logger } from '../../telemetry/telemetry.ts'

/** What connects the processes of a system. */
export type Wires = {
  /** Has this process known, by its certificate, for what it runs: names of services, `doors`. */
  readonly certify?: ((names: readonly string[]) => Promise<void>) | undefined
  /** The way to whatever the registry knows. */
  readonly connect: (options: {
    readonly registry: Registry
    readonly runtime: Runtime
    readonly log: Logger
    /** What the system says of calls. */
    readonly policies?: PolicySource
    /** What the choice of an instance goes by, of this process itself. */
    readonly here?: Partial<CallingProcess>
  }) => Pick<RemoteTransport, 'route' | 'status' | 'stop'>
  /** The way from others to what runs here. */
  readonly listen: (options: {
    readonly directory: string
    /** Unique for this process. */
    readonly id: string
    readonly transport: LocalTransport
    readonly runtime: Runtime
    readonly log: Logger
  }) => Promise<Listener>
}

/** Takes calls for the services of this process. */
export type Listener = {
  readonly address: Address
  /** Takes nothing new, answers what it has. */
  readonly drain: () => Promise<void>
  readonly stop: () => Promise<void>
}

/** Unix sockets in the system's directory: for the processes of one machine, and of one user. */
export const sockets: Wires = {
  connect: ({ registry, runtime, log, policies, here }) =>
    createRemoteTransport({
      ...{ registry, connect: socketPeers({ runtime, log }), runtime, log },
      changes: policies && remoteChanges(policies),
      here,
    }),
  listen: ({ directory, id, transport, runtime, log }) =>
    listenSocket({ address: socketIn(directory, id), transport, runtime, log }),
}
