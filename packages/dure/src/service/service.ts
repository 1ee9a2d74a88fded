/**
 * The chassis: a service is a contract and its handlers, its own database, its subscriptions, and
 * what it needs. `service` defines one, `system` puts several together, `start` runs them.
 */
import { answering, isRequest, repliesTo, requestExtensions } from './requests.ts'
import { keyedKind, keyedOperations } from './keyed/keyed.ts'
import { retentionOf } from './retention.ts'
import type { AnyContract, AnyEvent, Operations } from '../contract/contract.ts'
import { checkPolicies, type OwnPolicies } from '../call/internal.ts'
import { retryPolicy } from '../messaging/messaging.ts'
import { checkNumbers, COUNT, KEEP } from '../runtime/internal.ts'
import type { Needs, React, Reaction, ReactionOptions, Service, ServiceOptions } from './definition.ts'
import type { Extension, JoinedOf } from './definition.ts'

export type {
  EffectContext,
  HandlerContext,
  Handlers,
  InboxOptions,
  Needs,
  React,
  Reaction,
  ReactionOptions,
  ReceivedEvent,
  Reply,
  Service,
  ServiceContext,
  ServiceOptions,
  StoreAdapter,
} from './definition.ts'
export type { Extension } from './definition.ts'
export { configOf } from './context.ts'
export { keyedState, type KeyedState, type KeyedStateOptions } from './keyed/keyed.ts'
export type { Authenticate, Credentials, DoorCallOptions, OnBehalf, Security } from '../door/door.ts'
export { SystemError } from '../contract/internal.ts'
export type { CopyLevel, Diagnostics } from './diagnostics.ts'
export type { DependencyHealth } from './dependencies.ts'
export type { ConsumerLag, Lag, OutboxLag } from './lag.ts'
export type { Bounds, RetainedReading, RetentionOptions } from './retention.ts'
export { groupsOf, parseReplicas, type Group, type Placement } from './placement.ts'
export { socketsOf } from './sockets.ts'
export type { External, ExternalWorld } from './external.ts'
export type { EventSchemas, RefusedSchema } from './schemas.ts'
export { start, type StartOptions } from './start.ts'
export type { Certificates, Listener, NetworkOptions, ProcessCertificates, Wires } from './process/process.ts'
export type { Allow } from './allow.ts'
export type { ServiceStory, StoryCall, StoryDecision, StoryParked, StoryQuestion } from './story.ts'
export type { SettingsHost } from './settings-host.ts'
export { system } from './system.ts'
export type {
  ActLog,
  Adapter,
  AnnouncedDoor,
  Door,
  DoorHost,
  CopyReading,
  PeerReading,
  Health,
  OpenDoor,
  Pulse,
  Running,
  ServiceHealth,
  ServicePulse,
  ServiceStatus,
  StopOptions,
  System,
  SystemOptions,
  SystemReaction,
  SystemStatus,
  World,
} from './system.ts'

/**
 * Defines a service: a contract with its handlers, and what else it needs.
 * @throws {TypeError} when a number in its options cannot be used, a policy makes no sense, or operations have a key and it has no database
 *
 * @example
 * ```ts
 * import { contract, query } from 'dure/contract'
 * import { service } from 'dure/service'
 * import { z } from 'zod'
 *
 * const Greeter = contract('greeter', {
 *   version: '1.0.0',
 *   owner: 'team-greetings',
 *   operations: { greet: query({ input: z.string(), output: z.string() }) },
 * })
 * const greeter = service(Greeter, { handlers: { greet: (name) => `Hello, ${name}` } })
 * console.log(greeter.contract.name) // → greeter
 * ```
 */
export function service<
  C extends AnyContract,
  N extends Needs = {},
  Tables = undefined,
  const Extensions extends readonly Extension[] = readonly [],
  Config = undefined,
>(contract: C, options: ServiceOptions<C, N, Tables, Extensions, Config>): Service<C> {
  checkNumbers(`define service "${contract.name}"`, options.inbox ?? {}, { retention: { ...KEEP, endless: true } })
  const listed: readonly Extension[] = options.extensions ?? []
  const react = reactionsFor(contract.name)
  const own = options.subscriptions?.(react as unknown as React<N, Tables, JoinedOf<Extensions>, Config>) as
    | Service['reactions']
    | undefined
  const joined = listed.flatMap((one) => (typeof one.reactions === 'function' ? one.reactions(react) : (one.reactions ?? [])))
  const once = joined.filter(
    ({ replyTo }, i) => replyTo === undefined || joined.findIndex((one) => one.replyTo === replyTo) === i,
  )
  const reactions = [...(own ?? []), ...once]
  return Object.freeze({
    contract,
    needs: options.needs ?? {},
    database: options.database,
    store: options.store,
    config: options.config as Service['config'],
    // Untyped programs leave it out; each operation without a handler is named when the system is made.
    handlers: ((options.handlers as Service['handlers'] | undefined) ?? {}) as Service['handlers'],
    reactions,
    calls: callsOf(options),
    extensions: [
      ...listed,
      ...keyedExtensions(contract, options.database !== undefined, listed),
      ...requestExtensions(reactions),
    ],
    inbox: options.inbox,
    retention: retentionOf(contract.name, options.retention),
    requires: options.requires,
    ready: options.ready as Service['ready'],
  })
}

/** @throws {TypeError} when operations have a key and nothing says which copy has it, or there is a state of keys and no such operation */
function keyedExtensions(
  { name, operations }: AnyContract,
  hasDatabase: boolean,
  listed: readonly Extension[],
): readonly Extension[] {
  const [keyed] = Object.entries(operations as Operations).find(([, { key }]) => key !== undefined) ?? []
  const state = listed.find(({ kind }) => kind === keyedKind)
  if (keyed === undefined && state !== undefined)
    throw new TypeError(
      `Cannot define service "${name}": it lists the keyed state "${state.name}", and none of its operations has a "key"`,
    )
  if (keyed !== undefined && !hasDatabase)
    throw new TypeError(
      `Cannot define service "${name}": its operation "${keyed}" has a "key", and it has no database, which says what copy of the service has a key. To do: give it a "database", or leave the key out`,
    )
  return keyed === undefined ? [] : [keyedOperations]
}

/** What it says of its calls, by contract. */
function callsOf({
  needs = {},
  policies,
  fallbacks,
}: Pick<ServiceOptions<AnyContract, Needs, unknown>, 'needs' | 'policies' | 'fallbacks'>): OwnPolicies {
  if (policies !== undefined) checkPolicies(policies)
  const remote = Object.entries(policies ?? {}).find(([, policy]) => policy.remote !== undefined)
  if (remote !== undefined)
    throw new TypeError(
      `Cannot use the policy of "${remote[0]}": its "remote" is for all who call from a process; say it in the "policies" of the system`,
    )
  const named = Object.entries(fallbacks ?? {}).map(([need, operations]) => [needs[need]?.name ?? need, operations] as const)
  return { policies, fallbacks: Object.fromEntries(named) as NonNullable<OwnPolicies['fallbacks']> }
}

/** They are the same for every service, but for where it waits for replies; only their types differ. */
function reactionsFor(service: string): React<Needs, unknown> {
  const replies = repliesTo(service)
  return {
    on: reactTo('topic'),
    work: reactTo('queue'),
    replies: (request, handler) => {
      const reaction = replies(request, handler as Parameters<typeof replies>[1])
      return { kind: 'queue', prepare: undefined, concurrency: 16, retry: retryPolicy(), ...reaction }
    },
  }
}

function reactTo(kind: 'topic' | 'queue'): React<Needs, unknown>['on'] {
  return (event, handler) => {
    const options = typeof handler === 'function' ? { handle: handler } : handler
    const {
      name = event.name,
      prepare,
      handle,
      concurrency = 16,
      retry,
    } = options as ReactionOptions<AnyEvent, Needs, unknown, unknown>
    checkNumbers(`react to "${event.name}"`, { concurrency }, { concurrency: COUNT })
    const how = kind === 'queue' && isRequest(event) ? answering(event, handle as Parameters<typeof answering>[1]) : { handle }
    return { kind, event, name, prepare, ...how, concurrency, retry: retryPolicy(retry) } as Reaction<Needs, unknown>
  }
}
