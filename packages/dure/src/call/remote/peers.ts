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
  const users = new Map<PeerSlot, number>()
  /** Let go, with calls under way or a connection still closing. */
  const leaving = new Map<PeerSlot, Promise<void> | undefined>()

  const end = (slot: PeerSlot): Promise<void> => {
    const ending = slot.peer
      .stop()
      .catch((error: unknown) => log.warn('Closing the connection to a peer failed', { peer: slot.key, error }))
      .finally(() => leaving.delete(slot))
    leaving.set(slot, ending)
    return ending
  }

  const make = (key: string, address: Address): PeerSlot => {
    const bulkhead = createBulkhead({
      name: `peer ${key}`,
      limit: policy.concurrency,
      queue: policy.queue,
      clock,
      deadlines,
    })
    const slot: PeerSlot = {
      key,
      peer: connect(address),
      bulkhead,
      leave: () => {
        bulkhead.leave()
        if (leaving.size > 0 && bulkhead.inside() === 0 && leaving.has(slot) && leaving.get(slot) === undefined) void end(slot)
      },
    }
    return slot
  }

  return {
    take: (address) => {
      const key = keyOf(address)
      let slot = slots.get(key)
      if (slot === undefined) {
        slot = make(key, address)
        slots.set(key, slot)
      }
      users.set(slot, (users.get(slot) ?? 0) + 1)
      return slot
    },
    release: (slot) => {
      const left = users.get(slot)! - 1
      if (left > 0) return void users.set(slot, left)
      users.delete(slot)
      slots.delete(slot.key)
      // What is under way there is answered first: an instance leaves the registry before it drains.
      leaving.set(slot, undefined)
      if (slot.bulkhead.inside() === 0) void end(slot)
    },
    stop: async () => {
      const all = [...slots.values(), ...leaving.keys()]
      slots.clear()
      users.clear()
      await Promise.all(all.map((slot) => leaving.get(slot) ?? end(slot)))
    },
  }
}

export function keyOf(address: Address): string {
  return address.kind === 'unix' ? `unix:${address.path}` : `${address.host}:${address.port}`
}
