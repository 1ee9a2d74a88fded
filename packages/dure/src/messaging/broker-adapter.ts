import { inTime } from '../runtime/internal.ts'
import type { AsyncServers } from '../contract/contract.ts'
import type { Timers } from '../runtime/runtime.ts'
import type { Capabilities } from './capabilities.ts'

/** What an adapter to a broker says of itself, whichever of the two ports it serves. */
export type BrokerAdapter = {
  /** Name of the adapter, for messages and health. */
  readonly name: string
  readonly capabilities: Capabilities
  /** What each group has still to read, and each queue (as group 'queue') has still to do: for health, metrics and waiting for quiet. */
  readonly lag: () => Promise<readonly GroupLag[]>
  /** Waits for what is in hand, up to `timeout` milliseconds (default 10,000), and ends. What is left then comes again. */
  readonly stop: (options?: { readonly timeout?: number }) => Promise<void>
}

/**
 * Who can reach what an adapter is made of, said by what makes it: this process alone (which then serves it to the others of
 * the system), or every process directly, over the network. Default `process`.
 */
export type Reach = {
  readonly reach?: 'process' | 'network'
  /** For documents: where programs of others find it. Absent where they cannot. */
  readonly place?: BrokerPlace
}

/** Servers by name, with AsyncAPI's word for their protocol (`kafka`, `nats`, `amqp`, `redis`), and what topics, queues and groups are called there. */
export type BrokerPlace = {
  readonly servers: AsyncServers
  /** Default: as they are called in contracts. */
  readonly address?: (what: 'topic' | 'queue' | 'group', name: string) => string
}

/**
 * The place of a broker with these servers (`host:port`).
 *
 * @example
 * ```ts
 * import { placeOf } from 'dure/messaging/adapter'
 *
 * console.log(Object.keys(placeOf('nats', ['a:4222', 'b:4222']).servers)) // → [ 'nats', 'nats-2' ]
 * ```
 */
export function placeOf(protocol: string, hosts: readonly string[], address?: BrokerPlace['address']): BrokerPlace {
  const servers = hosts.map((host, at) => [at === 0 ? protocol : `${protocol}-${at + 1}`, { host, protocol }] as const)
  return { servers: Object.fromEntries(servers), ...(address && { address }) }
}

/**
 * Milliseconds that a stop waits for what is in hand, unless it is told.
 */
export const STOP_TIMEOUT = 10_000

/**
 * The same request, whose listener cannot throw: it is told of trouble, and must not be more of it.
 */
export function quietly<Request extends { readonly onError?: (error: unknown) => void }>(request: Request): Request {
  const { onError } = request
  if (onError === undefined) return request
  return {
    ...request,
    onError: (error: unknown) => {
      try {
        onError(error)
      } catch {
        // Nobody else is there to be told.
      }
    },
  }
}

export type Subscription = {
  /**
   * Takes nothing new, waits for what is in hand, commits positions, leaves the group. What takes longer than `timeout`
   * milliseconds (default 10,000; Infinity: no bound) is not waited for: its place in the group is given up when it ends.
   */
  readonly stop: (options?: { readonly timeout?: number }) => Promise<void>
}

/**
 * A subscription that leaves once, however often it is stopped, each time for no longer than is said.
 */
export function subscriptionOf(timers: Timers, leave: () => Promise<void>): Subscription {
  let left: Promise<void> | undefined
  return {
    stop: ({ timeout = STOP_TIMEOUT } = {}) => {
      left ??= leave()
      return timeout === Infinity ? left : inTime(timers, timeout, left, () => {})
    },
  }
}

/**
 * For whoever bounds the whole of a stop already.
 */
export const UNBOUNDED: { readonly timeout: number } = { timeout: Infinity }

export type GroupLag = {
  readonly group: string
  readonly topic: string
  readonly partition: number
  /** Messages not yet read. */
  readonly lag: number
  /** Who reads: members of the group, or receivers of the queue. With none and in no release, a group is to be forgotten. */
  readonly members?: number | undefined
  /** Messages that retention threw away before the group had read them, so far. */
  readonly lost?: number | undefined
  /** When the first of them was published (milliseconds since the epoch), where that is known. */
  readonly since?: number | undefined
}
