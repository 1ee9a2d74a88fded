import { CallError } from '../../contract/contract.ts'
import type { Registry } from '../../discovery/discovery.ts'
import { createEjection, createRetryBudget, type Ejection, type RetryBudget } from '../../resilience/resilience.ts'
import type { Deadlines, Runtime } from '../../runtime/runtime.ts'
import type { Logger } from '../../telemetry/telemetry.ts'
import { cancelledError, NOT_BEGUN } from '../failure.ts'
import type { CallContext } from '../context.ts'
import type { Grant, Member } from './member.ts'
import type { RemoteCall } from './remote-call.ts'
import { createChoices, type Choice } from './choices.ts'
import { callersByZone, type CallingProcess } from './calling-process.ts'
import { createMembers, type Members } from './members.ts'
import type { Peers } from './peers.ts'
import type { RemotePolicies, RemotePolicy } from './policy.ts'
import { createWaitQueue } from './wait-queue.ts'

/** All instances of one service, as far as they are known here, and who of them takes the next call. */
export type Pool = {
  readonly service: string
  readonly budget: () => RetryBudget
  /** Of one of its operations. */
  readonly policyOf: (operation: string) => RemotePolicy
  /** Looks at what is said of it now. */
  readonly renew: () => void
  readonly runtime: Runtime
  readonly deadlines: Deadlines
  /** Who takes the calls of one of its operations. */
  readonly choiceOf: (operation: string) => Choice
  /** A member with a place taken, found without waiting and without looking around; undefined when it takes more than that. */
  readonly quickly: (now: number, choice: Choice, key: string | undefined) => Member | undefined
  /**
   * A member with a place taken: waits for an instance to appear and for a place in it, probes who is to be probed, and
   * passes by those in `tried` when there are others.
   * @throws {CallError} UNAVAILABLE, RESOURCE_EXHAUSTED, DEADLINE_EXCEEDED or CANCELLED
   */
  readonly admit: (call: RemoteCall) => Promise<Grant>
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
  policies: RemotePolicies
  here: CallingProcess
  runtime: Runtime
  deadlines: Deadlines
  log: Logger
}): Pool {
  const { service, registry, peers, policies, here, runtime, deadlines, log } = options
  const { clock } = runtime
  const policy = (): RemotePolicy => policies.of(service)
  const { ejection, budget, renew } = changingParts(policy, runtime)
  const counts = { retries: 0, refused: 0, ejections: 0 }
  const queue = createWaitQueue({ service, policy, clock, deadlines })
  const members = createMembers({
    service,
    registry,
    peers,
    ejection,
    log,
    onEjected: () => counts.ejections++,
    subset: () => policy().balance.subset,
    caller: here.name,
    onMembers: queue.open,
  })
  const callers = callersByZone({ service, registry, here, changed: members.renew })
  const choices = createChoices({
    ...{ policyOf: (operation: string) => policies.of(service, operation).balance, runtime, zone: here.zone },
    callers: callers.byZone,
  })
  const lingering = createLinger(policy, runtime)
  let stopped = false

  const quickly = (now: number, { balancer }: Choice, key: string | undefined): Member | undefined => {
    if (now >= ejection.nextProbe()) return undefined
    const member = balancer.choose(members.ready(), key)
    if (member === undefined || member.slot.peer.state() === 'down') return undefined
    if (!member.slot.bulkhead.enter()) return undefined
    member.sent(now)
    return member
  }

  const checkTime = ({ context, place }: RemoteCall): void => {
    const reason = context.cancellation?.reason ?? (clock.monotonic() >= context.deadline ? 'deadline' : undefined)
    if (reason !== undefined) throw cancelledError(place, reason)
  }

  const grant = (member: Member, probe: boolean): Grant => {
    const at = clock.monotonic()
    member.sent(at)
    return { member, probe, at }
  }

  const admit = async (call: RemoteCall): Promise<Grant> => {
    const { context } = call
    for (;;) {
      if (stopped) throw stoppedError(call.place)
      checkTime(call)
      const probe = findProbe(members, ejection, clock.monotonic(), call.repeatable)
      if (probe !== undefined) return grant(probe, true)
      const among = candidates(members.ready(), call.tried)
      const chosen = call.choice.balancer.choose(among, call.key, call.tried.length > 0)
      if (chosen === undefined) {
        if (members.areDrained()) throw allDrained(call.place, service, members.size())
        if (members.size() > 0) throw allOut(call.place, service, members.size(), ejection.nextProbe() - clock.monotonic())
        await queue.wait(call)
        continue
      }
      const free = chosen.slot.bulkhead.enter() ? chosen : among.find(({ slot }) => slot.bulkhead.enter())
      if (free !== undefined) return grant(free, false)
      const { bulkhead } = chosen.slot
      const admission = await bulkhead.wait(context.deadline, context.cancellation?.signal)
      if (admission === 'entered') {
        if (chosen.listed && chosen.health.state() === 'in') return grant(chosen, false)
        chosen.slot.leave()
      } else if (admission === 'ended') checkTime(call)
      else if (admission !== 'moved') throw bulkhead.refusal(admission)
    }
  }

  members.follow()

  return {
    service,
    budget,
    policyOf: (operation) => policies.of(service, operation),
    renew: () => {
      renew()
      choices.renew()
      members.renew()
    },
    choiceOf: choices.of,
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
    hasOther: (tried) => members.ready().some((member) => !tried.includes(member) && member.slot.peer.state() !== 'down'),
    linger: lingering.linger,
    counts,
    members: () => [...members.all()],
    waiting: () => queue.waiting() + lingering.count(),
    stop: () => {
      stopped = true
      queue.open()
      callers.stop()
      members.stop()
    },
  }
}

/** Calls that may be sent again go first as probes; others only when the probe is overdue or nobody else is left. */
function findProbe(members: Members, ejection: Ejection, now: number, repeatable: boolean): Member | undefined {
  if (now < ejection.nextProbe()) return undefined
  for (const member of members.all()) {
    const due = member.weight === 0 ? Number.POSITIVE_INFINITY : member.health.nextProbe()
    if (now < due || !(repeatable || members.ready().length === 0 || now - due >= OVERDUE)) continue
    if (!member.slot.bulkhead.enter()) continue
    if (member.health.probe(now)) return member
    member.slot.leave()
  }
  return undefined
}

function candidates(ready: readonly Member[], tried: readonly Member[]): readonly Member[] {
  const up = ready.filter(({ slot }) => slot.peer.state() !== 'down')
  const reachable = up.length > 0 ? up : ready
  const fresh = reachable.filter((member) => !tried.includes(member))
  return fresh.length > 0 ? fresh : reachable
}

/** Milliseconds between two looks at a connection that is down, at most. */
const LINGER = 100

/** Milliseconds after which a probe is made with any call. */
const OVERDUE = 1_000

/** What is made of a policy, and made anew when that has changed. */
function changingParts(policy: () => RemotePolicy, { clock, random }: Runtime) {
  let said = policy()
  const ejection = createEjection({ clock, random, policy: said.ejection })
  let budget = createRetryBudget({ clock, policy: said.budget })
  const renew = (): void => {
    const next = policy()
    ejection.use(next.ejection)
    if (JSON.stringify(next.budget) !== JSON.stringify(said.budget)) budget = createRetryBudget({ clock, policy: next.budget })
    said = next
  }
  return { ejection, budget: () => budget, renew }
}

/** Calls that wait for a connection to come back. */
function createLinger(policy: () => RemotePolicy, { clock, random, timers }: Runtime) {
  let lingering = 0
  const linger = async (failure: unknown, context: CallContext): Promise<void> => {
    const now = clock.monotonic()
    const delay = (LINGER * (1 + random.number())) / 2
    const end = Math.min(context.deadline, context.sentAt + policy().patience)
    if (now + delay >= end || lingering >= policy().waiters) throw failure
    lingering++
    await timers.sleep(delay, context.cancellation?.signal)
    lingering--
  }
  return { linger, count: () => lingering }
}

function allOut(place: string, service: string, size: number, untilProbe: number): CallError {
  const wait = Math.max(0, Math.ceil(untilProbe))
  const next = Number.isFinite(wait) ? `the first is tried again in ${wait} ms` : 'one is being tried right now'
  return new CallError(
    'UNAVAILABLE',
    `Call to ${place} failed: all ${size} instances of service "${service}" failed or stalled lately and are left out; ${next}`,
    { details: NOT_BEGUN, inside: true },
  )
}

function allDrained(place: string, service: string, size: number): CallError {
  return new CallError(
    'UNAVAILABLE',
    `Call to ${place} failed: all ${size} instances of service "${service}" have the weight 0 and take no new calls; give one a weight`,
    { details: NOT_BEGUN, inside: true },
  )
}

export function stoppedError(place: string): CallError {
  return new CallError('UNAVAILABLE', `Call to ${place} failed: the way to other processes has been closed here`, {
    details: NOT_BEGUN,
    inside: true,
  })
}
