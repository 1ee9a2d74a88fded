import type { Client } from 'dure/call'
import type { AnyContract } from 'dure/contract'
import type { SqlRow, SqlValue, Store } from 'dure/data'
import type { Broker, DeadLetters } from 'dure/messaging'
import type { Random, Runtime } from 'dure/runtime'
import type { DoorHost, System, SystemStatus } from 'dure/service'
import type { StoryRecord } from 'dure/story'
import type { FaultKind, Pin } from './faults.ts'

/** What is done to a system, and what must be true of it afterwards. */
export type Simulation = {
  /** The system, when the file's own is not to be used. */
  readonly system?: SystemSource
  readonly load: Load
  /** By name, in words that say what must hold; each throws when it does not. */
  readonly invariants: Readonly<Record<string, (world: CheckWorld) => Promise<void> | void>>
  /**
   * Servers of others, which its services reach by `context.fetch`: what each request of a process is answered with. Throws
   * where the network would. Default: no service may ask anybody.
   */
  readonly fetch?: (request: Request, process: { readonly name: string; readonly runtime: Runtime }) => Promise<Response>
  /** Kinds of faults that may befall it. Default: all. */
  readonly faults?: readonly FaultKind[]
  /** Where its services may run. Default: all three, by chance; with copies, all but `together`. */
  readonly placements?: readonly Placed[]
  /** Stands between the services of a process and their stores: shows whether a mistake of a store's adapter is found. */
  readonly store?: ((store: Store, process: { readonly name: string; readonly runtime: Runtime }) => Store) | undefined
  /** Stands between the processes and their broker, in the one that has it: the same for a broker's adapter. */
  readonly broker?: ((broker: Broker, process: { readonly name: string; readonly runtime: Runtime }) => Broker) | undefined
  /**
   * The release before, with the same services: everything starts with it, and is replaced while users are at work, one process
   * after another, each at a moment of its own. So old and new run side by side, and one that dies early starts again as it was.
   */
  readonly before?: SystemSource | undefined
  /** How many copies of services run, 1 to 64 of each: processes of their own that share the calls. Default: one of each. */
  readonly replicas?: Replicas | undefined
  /** Times that what is dead, or has paused, is tried again when all is healed. Default 2. */
  readonly tries?: number | undefined
  /** What is there before a story that is played (`playStory`), made from what the story says. Default: `load.setup`. */
  readonly story?: ((world: LoadWorld, story: StoryRecord) => Promise<void>) | undefined
  /** What `sometimes` is to be called with over many runs: reports name what was never seen. */
  readonly expects?: readonly string[]
}

/** Copies by name of a service. */
export type Replicas = Readonly<Record<string, number>>

/** All in one process, the broker with them; each in a process of its own; or groups, made by chance. */
export type Placed = 'together' | 'each' | 'groups'

/**
 * A system, or what makes it for one life of one process: what it keeps in memory is then gone when that process dies.
 * Made with the process's own clock, timers, chance and ids.
 */
export type SystemSource = System | ((process: { readonly name: string; readonly runtime: Runtime }) => System | Promise<System>)

/** A simulation, or what makes a new one for each run: what it remembers is then of that run alone. */
export type SimulationSource = Simulation | (() => Simulation | Promise<Simulation>)

/** A part of a run: for making a failing one smaller. */
export type Only = {
  /** Keys of the faults that may happen (`Happened.key`). */
  readonly faults?: ReadonlySet<string>
  /** By the key of a fault: where it is to come, whatever else is left out (`Happened.pin`). */
  readonly pins?: ReadonlyMap<string, Pin>
  /** Milliseconds by which it may come earlier; a crash then lets so many steps of its kind pass. Default: neither. */
  readonly slack?: { readonly ms: number; readonly skip: number } | undefined
  /** The steps that users make (`user 0 step 3`). */
  readonly steps?: ReadonlySet<string>
}

export type Load = {
  /** Milliseconds of virtual time for which it lasts. Default 60,000. */
  readonly duration?: number
  /** Users at once. Default 4. */
  readonly clients?: number
  /** Milliseconds that a user waits between two steps, about. Default 1,000. */
  readonly pause?: number
  /** Before everything else, while nothing fails yet. */
  readonly setup?: (world: LoadWorld) => Promise<void>
  /**
   * One thing that one user does. Calls that fail with a status (UNAVAILABLE, DEADLINE_EXCEEDED, …) may be let through:
   * the user has then seen a failure. Any other error ends the run as a violation.
   */
  readonly step: (world: StepWorld) => Promise<void>
}

/** What users have: clients that reach the system from outside, and time. */
export type LoadWorld = {
  readonly client: <C extends AnyContract>(contract: C) => Client<C>
  readonly runtime: Runtime
  readonly sleep: (ms: number) => Promise<void>
}

export type StepWorld = LoadWorld & {
  /** Of this step alone: leaving other steps out does not change what it does. */
  readonly random: Random
  /** Which user, from 0, and which of their steps, from 0. */
  readonly user: number
  readonly number: number
  readonly deadLetters: CheckWorld['deadLetters']
  readonly ask: CheckWorld['ask']
}

/** What an invariant may look at, once everything has come to rest. */
export type CheckWorld = LoadWorld & {
  /** Rows of a service's own database as they are committed, read beside the service. */
  readonly rows: (service: string, sql: string, parameters?: readonly SqlValue[]) => readonly SqlRow[]
  readonly status: () => Promise<SystemStatus>
  /** Dead letters of a service that reacts to something, through whichever process is up; undefined when none is. */
  readonly deadLetters: (service: string) => DeadLetters | undefined
  /** Asks the extensions of a service (sagas, schedules, …), through whichever process is up; undefined when none is. */
  readonly ask: DoorHost['ask']
}
