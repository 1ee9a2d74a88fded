import { type Transport } from 'dure/call'
import { createRemoteTransport, type RemoteService, type RemoteTransport } from 'dure/call/internal'
import type { Address } from 'dure/discovery'
import { createDeadlines } from 'dure/runtime'
import type { Listener, Wires } from 'dure/service'
import type { Process } from '../kernel/kernel.ts'
import type { Host, Link } from './link.ts'
import { simulatedPeers } from './peer.ts'
import type { NetworkWorld } from './wire.ts'

export { createRegistryHub } from './registry.ts'
export type { NetworkWorld } from './wire.ts'

/** The network between simulated processes: real remote calls (pools, retries, ejection) over connections of its own. */
export type Network = {
  /** What connects one process with the others. */
  readonly wires: (process: Process) => Wires
  readonly listen: (process: Process, id: string, transport: Transport) => Listener
  /** A process has died: who is connected hears at once when the system lives on, after a silence when its machine is gone. */
  readonly died: (process: Process, silently: boolean) => void
  /** Machines that were gone are back, and know nothing of the connections they had: who still holds one hears so. */
  readonly heal: () => void
  /** Calls sent again and instances left out, by all processes that ever were. */
  readonly counts: () => { readonly retries: number; readonly ejections: number }
}

const RESET = 'connection reset by the other side'

export function createNetwork(world: NetworkWorld): Network {
  const hosts = new Map<string, Host>()
  const transports: RemoteTransport[] = []
  /** Connections to or from machines that are gone without a word. */
  let unheard: Link[] = []
  const hostAt = (address: Address): Host | undefined => hosts.get(address.kind === 'unix' ? address.path : '')

  const listen: Network['listen'] = (process, id, transport) => {
    const path = `sim/${id}`
    const host: Host = { process, transport, links: new Set(), closed: false, leaving: false, idle: new Set() }
    hosts.set(path, host)
    const idle = (): boolean => [...host.links].every((link) => link.serving() === 0)
    return {
      address: { kind: 'unix', path },
      drain: () => {
        host.leaving = true
        for (const link of host.links) link.leave()
        return new Promise((resolve) => {
          const look = (): void => {
            if (!idle()) return
            host.idle.delete(look)
            resolve()
          }
          host.idle.add(look)
          look()
        })
      },
      stop: async () => {
        host.closed = true
        hosts.delete(path)
        for (const link of host.links) link.breakOff('it was closed by the other side', world.latency(process, link.client))
      },
    }
  }

  return {
    listen,
    counts: () => {
      const services = transports.flatMap((transport) => transport.status().services)
      const sum = (of: (service: RemoteService) => number): number => services.reduce((total, one) => total + of(one), 0)
      return { retries: sum((one) => one.retries), ejections: sum((one) => one.ejections) }
    },
    wires: (process) => ({
      connect: ({ registry, runtime, log }) => {
        const deadlines = createDeadlines({ clock: runtime.clock, timers: runtime.timers })
        const connect = simulatedPeers({ world, process, deadlines, hostAt })
        const remote = createRemoteTransport({ registry, connect, runtime, log })
        transports.push(remote)
        return remote
      },
      listen: async ({ id, transport }) => listen(process, id, transport),
    }),
    died: (process, silently) => {
      for (const [path, host] of hosts) {
        if (host.process !== process) {
          // Its own connections to others end there.
          for (const link of host.links) {
            if (link.client !== process) continue
            if (silently) unheard.push(link)
            else link.breakOff('connection reset', 0.2)
          }
          continue
        }
        hosts.delete(path)
        host.closed = true
        if (silently) unheard.push(...host.links)
        else for (const link of host.links) link.breakOff(RESET, world.latency(process, link.client))
      }
    },
    heal: () => {
      for (const link of unheard) link.breakOff(RESET, world.latency(link.host.process, link.client))
      unheard = []
    },
  }
}
