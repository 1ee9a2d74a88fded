import type { Registry } from '../../discovery/discovery.ts'
import { createDeadlines, type Runtime } from '../../runtime/runtime.ts'
import type { Logger } from '../../telemetry/telemetry.ts'
import type { ConnectPeer, Peer } from '../peer.ts'
import type { Route, Target, Transport } from '../transport.ts'
import { createPeers } from './peers.ts'
import { instanceRoutes } from './instance-route.ts'
import { callingProcess, type CallingProcess } from './calling-process.ts'
import { completePolicy, remotePolicies, type RemoteChanges, type RemotePolicy } from './policy.ts'
import { createPool, stoppedError, type Pool } from './pool.ts'
import { RemoteRoute } from './route.ts'

export type { BalancePolicy } from './balance.ts'
export type { CallingProcess } from './calling-process.ts'
export { completePolicy, type ChangingPolicy, type RemoteChanges } from './policy.ts'
export { isSafeToRepeat } from './outcome.ts'

/**
 * The way to services in other processes: follows the registry, keeps one connection a process, spreads the calls over a
 * service's instances, leaves out those that fail or stall, and sends again what may safely be sent again.
 */
export type RemoteTransport = Transport & {
  readonly status: () => RemoteStatus
  /** Ends all connections; what is under way fails UNAVAILABLE. Idempotent. */
  readonly stop: () => Promise<void>
}

export type RemoteStatus = { readonly services: readonly RemoteService[] }

export type RemoteService = {
  readonly service: string
  readonly instances: readonly RemoteInstance[]
  /** Calls waiting for a first instance, or for one to be reached. */
  readonly waiting: number
  /** Retries that the budget has left. */
  readonly retriesLeft: number
  /** Since the start: calls sent again, calls that found no place or nobody, instances left out. */
  readonly retries: number
  readonly refused: number
  readonly ejections: number
}

export type RemoteInstance = {
  readonly id: string
  /** The peer's address: `127.0.0.1:7001` or `unix:/run/orders.sock`. */
  readonly address: string
  readonly connection: ReturnType<Peer['state']>
  /** `out` is left out after failures; `probing` has one call that decides. */
  readonly health: 'in' | 'out' | 'probing'
  /** Calls under way to its process, and calls waiting for a place there. */
  readonly pending: number
  readonly queued: number
}

export function createRemoteTransport(options: {
  registry: Registry
  connect: ConnectPeer
  runtime: Runtime
  log: Logger
  policy?: Partial<RemotePolicy>
  /** What a system says of its services and operations, before `policy`; it may change. */
  changes?: RemoteChanges | undefined
  /** What is chosen by of this process itself. */
  here?: Partial<CallingProcess> | undefined
}): RemoteTransport {
  const { registry, connect, runtime, log } = options
  const policy = completePolicy(options.policy)
  const policies = remotePolicies({
    base: options.policy,
    changes: options.changes,
    changed: () => {
      for (const pool of pools.values()) pool.renew()
    },
  })
  const here = callingProcess(options.here, runtime)
  const deadlines = createDeadlines({ clock: runtime.clock, timers: runtime.timers })
  const peers = createPeers({ connect, policy, clock: runtime.clock, deadlines, log })
  const pools = new Map<string, Pool>()
  const routes = new Map<string, RemoteRoute>()
  let stopping: Promise<void> | undefined

  const poolOf = (service: string): Pool => {
    let pool = pools.get(service)
    if (pool === undefined) {
      pool = createPool({ service, registry, peers, policies, here, runtime, deadlines, log })
      pools.set(service, pool)
    }
    return pool
  }

  const routeToInstance = instanceRoutes({ registry, peers })
  const stop = async (): Promise<void> => {
    policies.stop()
    for (const pool of pools.values()) pool.stop()
    await peers.stop()
    deadlines.stop()
  }

  return {
    route: (target: Target) => {
      if (target.instance !== undefined) return stopping === undefined ? routeToInstance(target) : closedRoute(target)
      // A target that may be repeated and the same that may not are two ways.
      const key = `${target.service}.${target.operation}.${target.repeatable === true}`
      let route = routes.get(key)
      if (route === undefined) {
        if (stopping !== undefined) return closedRoute(target)
        route = new RemoteRoute(poolOf(target.service), target, routes.size)
        routes.set(key, route)
      }
      return route
    },
    status: () => ({ services: [...pools.values()].map(describe) }),
    stop: () => (stopping ??= stop()),
  }
}

/** For who comes after the stop: refused like everybody else. */
function closedRoute({ service, operation }: Target): Route {
  const refuse = (): Promise<never> => Promise.reject(stoppedError(`${service}.${operation}`))
  return { call: refuse, stream: () => ({ [Symbol.asyncIterator]: () => ({ next: refuse }) }) }
}

function describe(pool: Pool): RemoteService {
  return {
    service: pool.service,
    instances: pool.members().map(({ instance, slot, health }) => ({
      id: instance.id,
      address: slot.key,
      connection: slot.peer.state(),
      health: health.state(),
      pending: slot.bulkhead.inside(),
      queued: slot.bulkhead.waiting(),
    })),
    waiting: pool.waiting(),
    retriesLeft: pool.budget().left(),
    ...pool.counts,
  }
}
