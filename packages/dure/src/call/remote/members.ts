import type { Address, Instance, Registry } from '../../discovery/discovery.ts'
import { callAddress } from '../../discovery/internal.ts'
import { subsetOf, type Ejection } from '../../resilience/resilience.ts'
import type { Logger } from '../../telemetry/telemetry.ts'
import { Member, weightOf } from './member.ts'
import { keyOf, type Peers } from './peers.ts'

/** The instances of a service that the registry knows, each with its peer and its health. */
export type Members = {
  /** Those who take ordinary calls: kept, not computed, because every call chooses from it. */
  readonly ready: () => readonly Member[]
  readonly all: () => Iterable<Member>
  readonly size: () => number
  /** Whether there are some and all are told to take no new calls: their weight is 0. */
  readonly areDrained: () => boolean
  /** Begins to follow the registry. */
  readonly follow: () => void
  /** Looks again at who is there. */
  readonly renew: () => void
  readonly stop: () => void
}

export function createMembers(options: {
  service: string
  registry: Registry
  peers: Peers
  ejection: Ejection
  log: Logger
  onEjected: () => void
  /** How many of the instances are members at most, and by which name this process chooses its own. */
  subset: () => number | undefined
  caller: () => string
  /** There is somebody. */
  onMembers: () => void
}): Members {
  const { service, registry, peers, ejection, log } = options
  const members = new Map<string, Member>()
  let ready: readonly Member[] = []
  let watching: { readonly stop: () => void } | undefined
  let stopped = false

  const findReady = (): void => {
    ready = [...members.values()].filter(({ health, weight }) => weight > 0 && health.state() === 'in')
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

  /** Those that take calls, or so many of them; who takes no new ones is no use to who has only a few. */
  const chosen = (instances: readonly Instance[]): readonly { instance: Instance; address: Address }[] => {
    const up = instances.flatMap((instance) => {
      const address = callAddress(instance)
      return address === undefined ? [] : [{ instance, address }]
    })
    const size = options.subset()
    if (size === undefined || up.length <= size) return up
    const open = up.filter(({ instance }) => weightOf(instance) > 0)
    const name = (one: { instance: Instance }): string => one.instance.id
    const zone = (one: { instance: Instance }): string | undefined => one.instance.metadata['zone']
    return subsetOf(open.length > 0 ? open : up, { size, caller: options.caller(), name, zone })
  }

  const update = (instances: readonly Instance[]): void => {
    if (stopped) return
    const listed = new Map<string, string>()
    // Newcomers first: a peer that changes hands keeps its connection.
    for (const { instance, address } of chosen(instances)) {
      listed.set(instance.id, keyOf(address))
      const known = members.get(instance.id)
      if (known !== undefined && known.slot.key !== keyOf(address)) part(known)
      if (known === undefined || !known.listed) join(instance, address)
      else known.changed(instance)
    }
    for (const member of members.values()) if (!listed.has(member.instance.id)) part(member)
    findReady()
    if (members.size > 0) options.onMembers()
  }

  return {
    ready: () => ready,
    all: () => members.values(),
    size: () => members.size,
    areDrained: () => members.size > 0 && [...members.values()].every(({ weight }) => weight === 0),
    renew: () => update(registry.instances(service)),
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
