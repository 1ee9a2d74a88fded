import type { Address, Instance, Registry } from '../../discovery/discovery.ts'
import { callAddress } from '../../discovery/internal.ts'
import type { Ejection } from '../../resilience/resilience.ts'
import type { Logger } from '../../telemetry/telemetry.ts'
import { Member } from './member.ts'
import { keyOf, type Peers } from './peers.ts'

/** The instances of a service that the registry knows, each with its peer and its health. */
export type Members = {
  /** Those who take ordinary calls: kept, not computed, because every call chooses from it. */
  readonly ready: () => readonly Member[]
  readonly all: () => Iterable<Member>
  readonly size: () => number
  /** Begins to follow the registry. */
  readonly follow: () => void
  readonly stop: () => void
}

export function createMembers(options: {
  service: string
  registry: Registry
  peers: Peers
  ejection: Ejection
  log: Logger
  onEjected: () => void
  /** There is somebody. */
  onMembers: () => void
}): Members {
  const { service, registry, peers, ejection, log } = options
  const members = new Map<string, Member>()
  let ready: readonly Member[] = []
  let watching: { readonly stop: () => void } | undefined
  let stopped = false

  const findReady = (): void => {
    ready = [...members.values()].filter(({ health }) => health.state() === 'in')
  }

  const join = (instance: Instance, address: Address): void => {
    const slot = peers.take(address)
    const about = { service, instance: instance.id, address: keyOf(address) }
    const health = ejection.join((change) => {
      findReady()
      if (change === 'returned') return log.info('An instance is back and takes calls', about)
      options.onEjected()
      log.warn('An instance fails or stalls and is left out for a while', { ...about, ejections: health.ejections() })
      slot.bulkhead.move()
    })
    members.set(instance.id, new Member(instance, slot, health))
  }

  const part = (member: Member): void => {
    members.delete(member.instance.id)
    member.listed = false
    ejection.leave(member.health)
    peers.release(member.slot)
    member.slot.bulkhead.move()
  }

  const update = (instances: readonly Instance[]): void => {
    if (stopped) return
    const listed = new Map<string, string>()
    // Newcomers first: a peer that changes hands keeps its connection.
    for (const instance of instances) {
      const address = callAddress(instance)
      if (address === undefined) continue
      listed.set(instance.id, keyOf(address))
      const known = members.get(instance.id)
      if (known !== undefined && known.slot.key !== keyOf(address)) part(known)
      if (known === undefined || !known.listed) join(instance, address)
    }
    for (const member of members.values()) if (!listed.has(member.instance.id)) part(member)
    findReady()
    if (members.size > 0) options.onMembers()
  }

  return {
    ready: () => ready,
    all: () => members.values(),
    size: () => members.size,
    follow: () => {
      watching = registry.watch(service, update)
      update(registry.instances(service))
    },
    stop: () => {
      stopped = true
      watching?.stop()
      for (const member of members.values()) part(member)
      findReady()
    },
  }
}
