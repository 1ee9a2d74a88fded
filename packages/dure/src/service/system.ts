import {
  livePolicies,
  type CallPolicies,
  type CallReading,
  type Client,
  type PolicySource,
  type Transport,
} from '../call/call.ts'
import type { RemoteService } from '../call/internal.ts'
import type { ConfigAdapter, ConfigOptions, ConfigStatus } from '../config/config.ts'
import type { AnyContract, AnyEvent, AnyOperation, Operations } from '../contract/contract.ts'
import { needsPrincipal, SystemError } from '../contract/internal.ts'
import { embeddedRegistry, type Address, type Registry } from '../discovery/discovery.ts'
import type { Broker, DeadLetters, GroupLag, Reach } from '../messaging/messaging.ts'
import { checkNumbers, SHARE, WAIT_OR_NONE } from '../runtime/internal.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { Logger, RecordAct, Telemetry, TelemetryOptions } from '../telemetry/telemetry.ts'
import { embeddedBroker } from '../messaging/messaging.ts'
import { sqlite } from '../data/data.ts'
import type { Extension, Service, StoreAdapter } from './definition.ts'
import type { DoorCalls, OnBehalf, Security } from '../door/door.ts'
import type { DependencyHealth } from './dependencies.ts'
import type { Diagnostics } from './diagnostics.ts'
import type { Lag } from './lag.ts'
import type { ExtensionQuestion } from './extensions.ts'
import type { External } from './external.ts'
import { allowProblems, type Allow } from './allow.ts'
import { findProblems, storeProblems } from './order.ts'
import { placementProblems, type Placement } from './placement.ts'
import type { EventSchemas } from './schemas.ts'
import type { SettingsHost } from './settings-host.ts'
import type { ServiceStory, StoryQuestion } from './story.ts'

/** What every adapter is given when the system starts: a directory for its files, the runtime, the logger, telemetry. */
export type World = {
  /** A folder of the system's own; made when it is not there. */
  readonly directory: string
  readonly runtime: Runtime
  readonly log: Logger
  /** Spans and metrics; undefined when the system makes none. */
  readonly telemetry?: Telemetry | undefined
  /** Listening sockets that this process was handed, as file descriptors by the name of the door that is to work on them. */
  readonly sockets?: ReadonlyMap<string, number> | undefined
  /** Which copy of what it runs this process is, from 1 on; undefined: the first, or the only one. */
  readonly copy?: number | undefined
  /** What its instances say of themselves in the registry, which others choose by: `zone`, `weight`. */
  readonly metadata?: Readonly<Record<string, string>> | undefined
  /**
   * By what the parts of this system know each other where others are known as well, when they are on several hosts; undefined: they
   * are those on this directory.
   */
  readonly scope?: string | undefined
}

/** One way to serve a port, made when the system starts. */
export type Adapter<Port> = (world: World) => Port | Promise<Port>

export type SystemOptions = {
  readonly services: readonly Service[]
  /** Services that others run and these need: `httpService(Billing, { url })` of `@dure/rest`, … Default: none. */
  readonly external?: readonly External[]
  /** Which services share a process when the system is split; `together` unless told. */
  readonly placement?: Placement
  /** Where services keep their data that say nothing else. Default: `sqlite()`, one file a service. */
  readonly database?: StoreAdapter
  /** The same for single services, by name: `{ orders: postgres({ url }) }`. Goes before what a service itself says. */
  readonly stores?: Readonly<Record<string, StoreAdapter>>
  /**
   * Where the settings of its services come from, the first goes before the others: `[environment({ prefix }), folder({ path })]`; with
   * keys where values are encrypted. They change while it runs. Default: none, and services have what their schemas say by default.
   */
  readonly config?: readonly ConfigAdapter[] | ConfigOptions
  /** Default: `embeddedBroker()`. */
  readonly broker?: Adapter<Broker> & Reach
  /** Who is where, when the system is split. Default: `embeddedRegistry()`, for one machine. */
  readonly registry?: Adapter<Registry> & Pick<Reach, 'reach'>
  /** Ways in from outside: `rest({ port: 8080 })`, … */
  readonly doors?: readonly Door[]
  /**
   * Who finds out who calls, when operations are not for anybody (scope, roles, access, authorize): `{ authenticate }`, or `'off'`,
   * and anybody may do anything. A system with such operations and doors has to say one of both.
   */
  readonly security?: Security
  /**
   * Where operators' acts are written: dead letters that were decided about, groups forgotten, what was done to sagas and schedules.
   * A log of `dure/audit` that one of its services lists among its `extensions`. Default: nowhere.
   */
  readonly audit?: ActLog
  /**
   * Who may call whom: by service, the services that may call it, and `doors` for whoever comes in from outside:
   * `{ order: ['cart', 'doors'] }`. What is not named may be called by nobody. Default: each service may call each other one.
   */
  readonly allow?: Allow
  /**
   * Where the schemas of what its services announce are told, and compared with those before, when it starts: `registry({ url })` of
   * `@dure/registry-schemas`. What breaks a consumer is refused before anything is published. Default: nowhere.
   */
  readonly schemas?: Adapter<EventSchemas>
  /**
   * How calls between its services are guarded, by `'orders.place'`, `'orders'`, `'*'`: before what services themselves say. With
   * `livePolicies` it can change while the system runs. Default: nothing beyond that.
   */
  readonly policies?: CallPolicies | PolicySource
  /** Sampling and exporters. Default: metrics, 1 % of traces and whatever fails, kept in the system's directory; false for none. */
  readonly telemetry?: TelemetryOptions | false
}

/** A log of operators' acts, as `auditLog` makes it. */
export type ActLog = Extension & {
  /** Gives it its way to the service that keeps it, until it is called off. */
  readonly connect: (record: RecordAct) => () => void
}

/** Services, their placement, their adapters, their policies: one typed value. */
export type System = Required<Omit<SystemOptions, 'security' | 'audit' | 'schemas' | 'policies' | 'config' | 'allow'>> & {
  readonly name: string
  /** Undefined: nobody has said; what needs a scope is refused to whoever calls from outside. */
  readonly security: Security | undefined
  readonly audit?: ActLog | undefined
  /** Undefined: each service may call each other one. */
  readonly allow?: Allow | undefined
  readonly schemas?: Adapter<EventSchemas> | undefined
  readonly policies: PolicySource
  readonly config: ConfigOptions
}

/**
 * Puts services together.
 * @throws {SystemError} naming everything that keeps them from being one system: two services of one name, a
 * need nobody serves, a circle of needs, a missing handler, a subscription to what nobody announces, a placement that
 * cannot be, scopes and doors without a word on security
 * @throws {TypeError} when a policy makes no sense
 *
 * @example
 * ```ts
 * import { contract, query } from 'dure/contract'
 * import { service, system } from 'dure/service'
 * import { z } from 'zod'
 *
 * const Clock = contract('clock', { version: '1.0.0', owner: 'team-time', operations: { now: query({ output: z.date() }) } })
 * const clock = service(Clock, { handlers: { now: (_, { clock }) => new Date(clock.now()) } })
 * const time = system('time', { services: [clock] }) // an application exports it by default from system.ts
 * console.log(time.name, time.services.length, time.placement) // → time 1 together
 * ```
 */
export function system(name: string, options: SystemOptions): System {
  const { services, external = [], placement = 'together', stores = {} } = options
  const problems = [
    ...findProblems(services, external),
    ...placementProblems(placement, services),
    ...storeProblems(services, stores),
    ...openToAnybody(options),
    ...logProblems(options),
    ...allowProblems(options.allow, services),
  ]
  if (problems.length > 0) throw new SystemError(`Cannot put system "${name}" together`, problems)
  return Object.freeze({
    name,
    services: Object.freeze([...services]),
    external: Object.freeze([...external]),
    placement,
    database: options.database ?? sqlite(),
    stores: Object.freeze({ ...storesOf(services), ...stores }),
    broker: options.broker ?? embeddedBroker(),
    registry: options.registry ?? embeddedRegistry(),
    doors: Object.freeze([...(options.doors ?? [])]),
    security: options.security,
    audit: options.audit,
    allow: options.allow,
    schemas: options.schemas,
    policies: sourceOf(options.policies),
    config: configOptionsOf(options.config),
    telemetry: options.telemetry ?? {},
  })
}

/** Who keeps the log of acts is one of its own services. */
export function auditServiceOf({ services, audit }: Pick<SystemOptions, 'services' | 'audit'>): string | undefined {
  return services.find(({ extensions }) => extensions.some((one) => one === audit))?.contract.name
}

function logProblems(options: SystemOptions): readonly string[] {
  if (options.audit === undefined || auditServiceOf(options) !== undefined) return []
  return [
    `Its audit log "${options.audit.name}" is kept by none of its services; list it among the \`extensions\` of the one that is to keep it`,
  ]
}

function configOptionsOf(config: SystemOptions['config'] = []): ConfigOptions {
  if ('sources' in config && typeof config.waves === 'object')
    checkNumbers('release settings in waves', config.waves, { look: WAIT_OR_NONE, failures: SHARE })
  return Object.freeze('sources' in config ? { ...config } : { sources: [...config] })
}

function sourceOf(policies: SystemOptions['policies'] = {}): PolicySource {
  return typeof policies['watch'] === 'function' ? (policies as PolicySource) : livePolicies(policies as CallPolicies)
}

function storesOf(services: readonly Service[]): Record<string, StoreAdapter> {
  return Object.fromEntries(services.flatMap(({ contract, store }) => (store === undefined ? [] : [[contract.name, store]])))
}

/** Doors do not open on scopes that nobody would ever ask about. */
function openToAnybody({ services, doors = [], security }: SystemOptions): readonly string[] {
  if (security !== undefined || doors.length === 0) return []
  const guarded = services.flatMap(({ contract }) =>
    Object.entries(contract.operations as Operations).flatMap(([name, operation]) =>
      needsPrincipal(operation) ? [`"${contract.name}.${name}" ${needs(operation)}`] : [],
    ),
  )
  if (guarded.length === 0) return []
  const more = guarded.length === 1 ? '' : ` (and ${guarded.length - 1} more are not for anybody)`
  return [
    `${guarded[0]}${more}, and nobody finds out who comes in at its doors; ` +
      "give it `security: { authenticate }`, or write `security: 'off'` to let anybody do anything",
  ]
}

function needs({ scope, roles }: AnyOperation): string {
  if (scope !== undefined) return `needs the scope "${scope}"`
  return roles === undefined ? 'needs a caller who says who it is' : `needs one of the roles "${roles.join('", "')}"`
}

/** A way in from outside, opened when every service is ready and closed before any stops. */
export type Door = {
  readonly name: string
  /** Works on the socket that the world has for it, if there is one, rather than on one of its own. */
  readonly open: (host: DoorHost, world: World) => Promise<OpenDoor>
  /**
   * Where it would listen for a system in this directory, at one address or several. A door that says so, and takes such sockets
   * (of several: by `socketName`), can be handed over. Datagrams cannot be: who has sockets of `udp` leaves before its successor comes.
   */
  readonly listens?: (directory: string) => Address | readonly Address[]
}

/** What a door may use: the contracts there are, and a way to call them. */
export type DoorHost = DoorCalls & {
  readonly system: string
  readonly contracts: readonly AnyContract[]
  /** Of services that others run: they are called as those of the system are. */
  readonly external: readonly AnyContract[]
  /** A typed client, for whoever it is said. */
  readonly client: <C extends AnyContract>(contract: C, onBehalf?: OnBehalf) => Client<C>
  /** Who is where; opened when it is first asked for. A system in one process has nobody there. */
  readonly registry: () => Promise<Registry>
  /** How the calls that leave the services, and the doors, of this process stand: breakers, and how calls ended. */
  readonly calls: () => readonly CallReading[]
  /** The same of the services of all processes, as far as they answer, and of the doors of this one. */
  readonly callsEverywhere: () => Promise<readonly CopyReading[]>
  /** How each process sees the instances of services that it calls: who is left out, what the retry budget has left. Of one process alone: nothing. */
  readonly peers: () => Promise<readonly PeerReading[]>
  readonly health: () => Promise<Health>
  /** Of what this process hosts, asked here: whoever sends calls to it must not stop because another one is away. */
  readonly readiness: () => Promise<Health>
  /** Of this process alone, told at once. */
  readonly pulse: () => Pulse
  readonly status: () => Promise<SystemStatus>
  /** Looks into the processes of the system while they run, and changes how much they log. */
  readonly diagnostics: Diagnostics
  /** How far every consumer is behind, over all processes. */
  readonly lag: () => Promise<Lag>
  /** How the settings of this process stand, and what they are; secrets are left out. */
  readonly config: () => ConfigStatus
  /** The settings of the system, and changes of them. */
  readonly settings: SettingsHost
  /** What is on the broker, from any process: how a topic is divided and how far it is read, what is in it, and a message put there. */
  readonly topics: Pick<Broker, 'partitions' | 'browse' | 'find' | 'publish' | 'lag'>
  /** Has the broker forget a group that no service has any more: what retires it, and why, is kept. */
  readonly forget: Broker['forget']
  /** A service's dead letters: to list, retry, edit or discard. Undefined when it has no database. */
  readonly deadLetters: (service: string) => DeadLetters | undefined
  /** What services have beside their handlers: sagas, schedules, …, by kind and name. */
  readonly extensions: readonly { readonly service: string; readonly kind: string; readonly name: string }[]
  /** Asks a service's extensions of one kind, or has something done to them. */
  readonly ask: (service: string, question: ExtensionQuestion) => Promise<unknown>
  /** What the store of a service says of messages. @throws {CallError} when the system has no such service, or it does not answer */
  readonly story: (service: string, question: StoryQuestion) => Promise<ServiceStory>
  /** What its services react to, in order of their names. */
  readonly reactions: readonly SystemReaction[]
  /** Writes an act to the system's audit log, wherever it is kept; undefined when it has none. @throws {CallError} when it cannot be written */
  readonly record: RecordAct | undefined
  /** Whether a service has a database: without one it cannot know an idempotency key again. */
  readonly remembers: (service: string) => boolean
}

/** A reaction of a service: `consumer` is `<service>/<reaction>`, as inbox, dead letters and groups have it. */
export type SystemReaction = {
  readonly service: string
  readonly consumer: string
  readonly kind: 'topic' | 'queue'
  readonly event: AnyEvent
  /** Services that it may call before its transaction. */
  readonly calls: readonly string[]
}

export type OpenDoor = {
  /** Where it can be reached, when it has an address. */
  readonly url: string | undefined
  /** Where it listens, of several addresses, with the ports it was given. */
  readonly addresses?: readonly Address[]
  /** Where a person reads, in a browser, what it serves. */
  readonly page?: string
  /** What a registry is to be told of it, for callers who know nothing of Dure. */
  readonly announced?: AnnouncedDoor | undefined
  /** Takes nothing new, answers what is under way, closes. */
  readonly close: (options?: StopOptions) => Promise<void>
}

/** Where services are reached through a door. `asked`: in any registry; else in one that others use, beyond this machine. */
export type AnnouncedDoor = { readonly door: string; readonly asked: boolean } & (
  | {
      readonly endpoint: 'http' | 'https'
      readonly address: Address
      readonly services: readonly AnyContract[]
      readonly metadata: Readonly<Record<string, string>>
    }
  /** Why nobody could reach it where it listens, and what to do. */
  | { readonly unreachable: string }
)

export type StopOptions = {
  /** Milliseconds until what is still under way is ended. Default: as the system was started with. */
  readonly timeout?: number
  /** All other processes of the system stop as well, so who hosts the broker leaves last. */
  readonly everything?: boolean
  /** Another process takes its place: who is connected is answered until the connection can be ended without harm. */
  readonly replaced?: boolean
}

/** A system that runs. */
export type Running = DoorHost & {
  readonly doors: readonly OpenDoor[]
  readonly transport: Transport
  /**
   * While the system runs in several processes: begins to run one more of its services in this one (`in`), or hands one over
   * (`out`): callers go to another process or wait for one, what is under way is finished within `timeout` milliseconds (default
   * 5,000), its store is closed. Nothing where it is so already. For who supervises the processes.
   * @throws {CallError} FAILED_PRECONDITION when there is none of that name, or one process alone; what its start throws
   */
  readonly place: (service: string, where: 'in' | 'out', options?: { readonly timeout?: number }) => Promise<void>
  /**
   * Resolves when all that the services here have committed by now is with the broker, or set aside, and no longer in their outboxes:
   * for who is not sure to run on. While the broker is away it waits. Rejects with UNAVAILABLE when the system stops meanwhile.
   */
  readonly flush: () => Promise<void>
  /** Drains and stops everything here, last started first. Idempotent. */
  readonly stop: (options?: StopOptions) => Promise<void>
}

/** Of the calls of one copy of a service: `orders`, `orders#2`; undefined: of a door. */
export type CopyReading = CallReading & { readonly copy: string | undefined }

/** How one process sees the instances of a service that it calls. */
export type PeerReading = RemoteService & {
  /** What runs in the process that calls: `cart+order`. */
  readonly from: string
}

/** Health, with reasons (O1). */
export type Health = {
  /** This process does its work; a supervisor restarts what is not live. */
  readonly live: boolean
  /** Of every service that was asked a copy can take calls now. */
  readonly ready: boolean
  /** Of each copy of each service. */
  readonly services: readonly ServiceHealth[]
}

/** What a process knows of itself without asking anybody: whoever would restart it must not do so because another is away. */
export type Pulse = {
  readonly live: boolean
  /** Everything that runs in this process has started. */
  readonly started: boolean
  readonly services: readonly ServicePulse[]
}

export type ServicePulse = {
  readonly service: string
  /** `orders`, `orders#2`. */
  readonly copy: string
  readonly state: 'starting' | 'running' | 'draining' | 'stopped'
  readonly live: boolean
  readonly started: boolean
}

export type ServiceHealth = ServicePulse & {
  readonly ready: boolean
  /** What it needs from outside itself: its store, the broker, other services. None where it cannot be asked. */
  readonly dependencies: readonly DependencyHealth[]
  /** Why it is not, in words; empty when all is well. */
  readonly reasons: readonly string[]
  /** What is not as it should be though it takes calls: settings that may be old, a change of them that was refused. */
  readonly warnings?: readonly string[]
}

/** Numbers a person or a waiting test may ask for: is anything still on its way? */
export type SystemStatus = {
  /** True when every outbox is empty, every subscriber has read everything and nothing is parked or in hand. */
  readonly quiet: boolean
  readonly services: readonly ServiceStatus[]
  readonly lag: readonly GroupLag[]
  /** What nobody is going to read: of groups that no service has any more and that have no member. It keeps nobody from being quiet. */
  readonly abandoned: readonly GroupLag[]
}

/** Of one copy. What is kept in the store of its service, all its copies tell alike. */
export type ServiceStatus = {
  readonly service: string
  /** `orders`, `orders#2`. */
  readonly copy: string
  readonly callsInFlight: number
  /** Events committed but not yet with the broker. */
  readonly outbox: number
  /** Events being worked on. */
  readonly inHand: number
  /** Events waiting for another try, and those waiting behind them; what the broker did not take of its outbox as well. */
  readonly waiting: number
  /** Dead letters, and events held behind them; those of its outbox as well. */
  readonly dead: number
}

export type { Runtime }
