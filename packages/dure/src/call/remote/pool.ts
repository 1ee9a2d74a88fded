import { CallError } from '../../contract/contract.ts'
import type { Address, Instance, Registry } from '../../discovery/discovery.ts'
import { callAddress } from '../../discovery/internal.ts'
import { createEjection, createRetryBudget, leastOfTwo, type RetryBudget } from '../../resilience/resilience.ts'
import type { Deadlines, Runtime } from '../../runtime/runtime.ts'
import type { Logger } from '../../telemetry/telemetry.ts'
import { cancelledError, NOT_BEGUN } from '../failure.ts'
import type { CallContext } from '../context.ts'
import type { Admitted, Grant } from './admission.ts'
import { Member } from './member.ts'
import { keyOf, type Peers } from './peers.ts'
import type { RemotePolicy } from './policy.ts'
import { createWaitQueue } from './wait-queue.ts'

/** All instances of one service, as far as they are known here, and who of them takes the next call. */
export type Pool = {
  readonly service: string
  readonly budget: RetryBudget
  readonly policy: RemotePolicy
  readonly runtime: Runtime
  readonly deadlines: Deadlines
  /** A member with a place taken, found without waiting and without looking around; undefined when it takes more than that. */
  readonly quickly: (now: number) => Member | undefined
  /**
   * A member with a place taken: waits for an instance to appear and for a place in it, probes who is to be probed, and
   * passes by those in `tried` when there are others.
   * @throws {CallError} UNAVAILABLE, RESOURCE_EXHAUSTED, DEADLINE_EXCEEDED or CANCELLED
   */
  readonly admit: (call: Admitted) => Promise<Grant>
  /** Whether somebody who is well and connected has not been tried yet. */
  readonly hasOther: (tried: readonly Member[]) => boolean
  /**
   * Waits a little for a connection to come back, as calls wait for a first instance.
   * @throws `failure` when patience or the deadline would end, or when too many wait
   */
  readonly linger: (failure: unknown, context: CallContext) => Promise<void>
  readonly counts: { retries: number; refused: number; ejections: number }
  readonly members: () => readonly Member[]
  readonly waiting: () => number
  readonly stop: () => void
}

export function createPool(options: {
  service: string
  registry: Registry
  peers: Peers
  policy: RemotePolicy
  runtime: Runtime
  deadlines: Deadlines
  log: Logger
}): Pool {
  const { service, registry, peers, policy, runtime, deadlines, log } = options
  const { clock, random, timers } = runtime
  const ejection = createEjection({ clock, random, policy: policy.ejection })
  const members = new Map<string, Member>()
  const counts = { retries: 0, refused: 0, ejections: 0 }
  const queue = createWaitQueue({ service, policy, clock, deadlines })
  /** Those who take ordinary calls: kept, not computed, because every call chooses from it. */
  let ready: Member[] = []
  let stopped = false
  let lingering = 0

  const findReady = (): void => {
    ready = [...members.values()].filter(({ health }) => health.state() === 'in')
  }

  const join = (instance: Instance, address: Address): void => {
    const slot = peers.take(address)
    const about = { service, instance: instance.id, address: keyOf(address) }
    const health = ejection.join((change) => {
      findReady()
      if (change === 'returned') return log.info('An instance is back and takes calls', about)
      counts.ejections++
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

  const follow = (instances: readonly Instance[]): void => {
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
    if (members.size > 0) queue.open()
  }

  const quickly = (now: number): Member | undefined => {
    if (now >= ejection.nextProbe()) return undefined
    const member = leastOfTwo(ready, random)
    if (member === undefined || member.slot.peer.state() === 'down') return undefined
    return member.slot.bulkhead.enter() ? member : undefined
  }

  /** Calls that may be sent again go first as probes; others only when the probe is overdue or nobody else is left. */
  const findProbe = (now: number, repeatable: boolean): Member | undefined => {
    if (now < ejection.nextProbe()) return undefined
    for (const member of members.values()) {
      const due = member.health.nextProbe()
      if (now < due || !(repeatable || ready.length === 0 || now - due >= OVERDUE)) continue
      if (!member.slot.bulkhead.enter()) continue
      if (member.health.probe(now)) return member
      member.slot.leave()
    }
    return undefined
  }

  const candidates = (tried: readonly Member[]): Member[] => {
    const up = ready.filter(({ slot }) => slot.peer.state() !== 'down')
    const reachable = up.length > 0 ? up : ready
    const fresh = reachable.filter((member) => !tried.includes(member))
    return fresh.length > 0 ? fresh : reachable
  }

  const checkTime = ({ context, place }: Admitted): void => {
    const reason = context.cancellation?.reason ?? (clock.monotonic() >= context.deadline ? 'deadline' : undefined)
    if (reason !== undefined) throw cancelledError(place, reason)
  }

  const admit = async (call: Admitted): Promise<Grant> => {
    const { context } = call
    for (;;) {
      if (stopped) throw stoppedError(call.place)
      checkTime(call)
      const probe = findProbe(clock.monotonic(), call.repeatable)
      if (probe !== undefined) return { member: probe, probe: true }
      const among = candidates(call.tried)
      const chosen = leastOfTwo(among, random)
      if (chosen === undefined) {
        if (members.size > 0) throw allOut(call.place)
        await queue.wait(call)
        continue
      }
      const free = chosen.slot.bulkhead.enter() ? chosen : among.find(({ slot }) => slot.bulkhead.enter())
      if (free !== undefined) return { member: free, probe: false }
      const { bulkhead } = chosen.slot
      const admission = await bulkhead.wait(context.deadline, context.cancellation?.signal)
      if (admission === 'entered') {
        if (chosen.listed && chosen.health.state() === 'in') return { member: chosen, probe: false }
        chosen.slot.leave()
      } else if (admission === 'ended') checkTime(call)
      else if (admission !== 'moved') throw bulkhead.refusal(admission)
    }
  }

  const linger = async (failure: unknown, context: CallContext): Promise<void> => {
    const now = clock.monotonic()
    const delay = (LINGER * (1 + random.number())) / 2
    const end = Math.min(context.deadline, context.sentAt + policy.patience)
    if (now + delay >= end || lingering >= policy.waiters) throw failure
    lingering++
    await timers.sleep(delay, context.cancellation?.signal)
    lingering--
  }

  const allOut = (place: string): CallError => {
    const wait = Math.max(0, Math.ceil(ejection.nextProbe() - clock.monotonic()))
    const next = Number.isFinite(wait) ? `the first is tried again in ${wait} ms` : 'one is being tried right now'
    return new CallError(
      'UNAVAILABLE',
      `Call to ${place} failed: all ${members.size} instances of service "${service}" failed or stalled lately and are left out; ${next}`,
      { details: NOT_BEGUN, inside: true },
    )
  }

  const watching = registry.watch(service, follow)
  follow(registry.instances(service))

  return {
    service,
    budget: createRetryBudget({ clock, policy: policy.budget }),
    policy,
    runtime,
    deadlines,
    quickly,
    admit: async (call) => {
      try {
        return await admit(call)
      } catch (error) {
        counts.refused++
        throw error
      }
    },
    hasOther: (tried) => ready.some((member) => !tried.includes(member) && member.slot.peer.state() !== 'down'),
    linger,
    counts,
    members: () => [...members.values()],
    waiting: () => queue.waiting() + lingering,
    stop: () => {
      stopped = true
      watching.stop()
      queue.open()
      for (const member of members.values()) part(member)
      findReady()
    },
  }
}

/** Milliseconds between two looks at a connection that is down, at most. */
const LINGER = 100

/** Milliseconds after which a probe is made with any call. */
const OVERDUE = 1_000

export function stoppedError(place: string): CallError {
  return new CallError('UNAVAILABLE', `Call to ${place} failed: the way to other processes has been closed here`, {
    details: NOT_BEGUN,
    inside: true,
  })
}
