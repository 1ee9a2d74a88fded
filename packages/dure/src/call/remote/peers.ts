import type { Address } from '../../discovery/discovery.ts'
import { createBulkhead, type Bulkhead } from '../../resilience/resilience.ts'
import type { Clock, Deadlines } from '../../runtime/runtime.ts'
import type { Logger } from '../../telemetry/telemetry.ts'
import type { ConnectPeer, Peer } from '../peer.ts'
import type { RemotePolicy } from './policy.ts'

/** One process on the other side, shared by all services that run there, with the places it has for our calls. */
export type PeerSlot = {
  readonly key: string
  readonly peer: Peer
  readonly bulkhead: Bulkhead
  /** Who has taken it and not released it. */
  users: number
  /** Its connection closes. */
  ending: Promise<void> | undefined
  /** Gives a place back; the last call of a peer that nobody lists any more ends its connection. */
  readonly leave: () => void
}

export type Peers = {
  /** The peer at an address; each `take` needs one `release`. */
  readonly take: (address: Address) => PeerSlot
  readonly release: (slot: PeerSlot) => void
  readonly stop: () => Promise<void>
}

export function createPeers(options: {
  connect: ConnectPeer
  policy: RemotePolicy
  clock: Clock
  deadlines: Deadlines
  log: Logger
}): Peers {
  const { connect, policy, clock, deadlines, log } = options
  const slots = new Map<string, PeerSlot>()
  /** Let go, with calls under way or a connection still closing. */
  const leaving = new Set<PeerSlot>()

  const end = (slot: PeerSlot): Promise<void> =>
    (slot.ending ??= slot.peer
      .stop()
      .catch((error: unknown) => log.warn('Closing the connection to a peer failed', { peer: slot.key, error }))
      .finally(() => leaving.delete(slot)))

  const make = (key: string, address: Address): PeerSlot => {
    const { concurrency: limit, queue } = policy
    const bulkhead = createBulkhead({ name: `peer ${key}`, limit, queue, clock, deadlines })
    const slot: PeerSlot = {
      ...{ key, peer: connect(address), bulkhead, users: 0, ending: undefined },
      leave: () => {
        bulkhead.leave()
        if (slot.users === 0 && bulkhead.inside() === 0) void end(slot)
      },
    }
    slots.set(key, slot)
    return slot
  }

  return {
    take: (address) => {
      const key = keyOf(address)
      const slot = slots.get(key) ?? make(key, address)
      slot.users++
      return slot
    },
    release: (slot) => {
      if (--slot.users > 0) return
      slots.delete(slot.key)
      // What is under way there is answered first: an instance leaves the registry before it drains.
      leaving.add(slot)
      if (slot.bulkhead.inside() === 0) void end(slot)
    },
    stop: async () => {
      const all = [...slots.values(), ...leaving]
      slots.clear()
      await Promise.all(all.map(end))
    },
  }
}

export function keyOf(address: Address): string {
  return address.kind === 'unix' ? `unix:${address.path}` : `${address.host}:${address.port}`
}
