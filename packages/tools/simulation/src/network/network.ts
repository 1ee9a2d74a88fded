import { type Transport } from 'dure/call'
import {
  createRemoteTransport,
  remoteChanges,
  listenSocket,
  socketPeers,
  type Accept,
  type ByteStream,
  type Dial,
  type RemoteService,
  type RemoteTransport,
} from 'dure/call/internal'
import type { Listener, Wires } from 'dure/service'
import type { Process } from '../kernel/kernel.ts'
import { createConnection, type Connection } from './connection.ts'
import type { NetworkWorld } from './line.ts'

export { createRegistryHub } from './registry.ts'
export type { NetworkWorld } from './line.ts'

/** The network between simulated processes: real remote calls and real sockets' frames, over byte streams of its own. */
export type Network = {
  /** What connects one process with the others. */
  readonly wires: (process: Process) => Wires
  readonly listen: (process: Process, id: string, transport: Transport) => Promise<Listener>
  /** Connections of one process to wherever somebody listens. */
  readonly dial: (process: Process) => Dial
  /** A process has died: who is connected hears at once when the system lives on, after a silence when its machine is gone. */
  readonly died: (process: Process, silently: boolean) => void
  /** Machines that were gone are back, and know nothing of the connections they had: who still holds one hears so. */
  readonly heal: () => void
  /** Calls sent again and instances left out, by all processes that ever were. */
  readonly counts: () => { readonly retries: number; readonly ejections: number }
}

const RESET = 'connection reset by the other side'

type Host = {
  readonly process: Process
  readonly onStream: (stream: ByteStream) => void
  readonly connections: Set<Connection>
  /** Told when there is no connection any more. */
  onIdle: () => void
  closed: boolean
}

export function createNetwork(world: NetworkWorld): Network {
  const hosts = new Map<string, Host>()
  const transports: RemoteTransport[] = []
  /** Connections to or from machines that are gone without a word. */
  let unheard: Connection[] = []

  const acceptAs =
    (process: Process): Accept =>
    async (address, on) => {
      const path = address.kind === 'unix' ? address.path : ''
      const host: Host = { process, onStream: on.stream, connections: new Set(), onIdle: () => {}, closed: false }
      hosts.set(path, host)
      return {
        address,
        close: () => {
          host.closed = true
          hosts.delete(path)
          if (host.connections.size === 0) return Promise.resolve()
          return new Promise((resolve) => (host.onIdle = resolve))
        },
      }
    }

  const dial: Network['dial'] = (client) => (address, onReady) => {
    const host = hosts.get(address.kind === 'unix' ? address.path : '')
    const connection = createConnection({
      ...{ world, client, server: host?.process ?? client },
      onClose: () => {
        host?.connections.delete(connection)
        if (host?.connections.size === 0) host.onIdle()
      },
    })
    const taken = (): boolean => {
      if (host === undefined || host.closed) return false
      host.connections.add(connection)
      host.onStream(connection.far)
      return true
    }
    if (host === undefined || host.process.state === 'dead') connection.refuse()
    else connection.connect(taken, onReady)
    return connection.near
  }

  const listen: Network['listen'] = (process, id, transport) => {
    const { runtime, log } = process
    return listenSocket({ address: { kind: 'unix', path: `sim/${id}` }, transport, runtime, log, accept: acceptAs(process) })
  }

  const lose = (connection: Connection, reason: string, silently: boolean): void => {
    if (silently) unheard.push(connection)
    else connection.breakOff(reason, world.latency(connection.server, connection.client))
  }

  return {
    listen,
    dial,
    counts: () => {
      const services = transports.flatMap((transport) => transport.status().services)
      const sum = (of: (service: RemoteService) => number): number => services.reduce((total, one) => total + of(one), 0)
      return { retries: sum((one) => one.retries), ejections: sum((one) => one.ejections) }
    },
    wires: (process) => ({
      connect: ({ registry, runtime, log, policies, here }) => {
        const connect = socketPeers({ runtime, log, dial: dial(process) })
        const remote = createRemoteTransport({
          registry,
          connect,
          runtime,
          log,
          changes: policies && remoteChanges(policies),
          here,
        })
        transports.push(remote)
        return remote
      },
      listen: ({ id, transport }) => listen(process, id, transport),
    }),
    died: (process, silently) => {
      for (const [path, host] of hosts) {
        // Its own connections to others end there.
        for (const connection of host.connections)
          if (host.process === process || connection.client === process)
            lose(connection, host.process === process ? RESET : 'connection reset', silently)
        if (host.process !== process) continue
        host.closed = true
        hosts.delete(path)
      }
    },
    heal: () => {
      for (const connection of unheard) lose(connection, RESET, false)
      unheard = []
    },
  }
}
