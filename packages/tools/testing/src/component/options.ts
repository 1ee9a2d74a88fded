import type { Client } from 'dure/call'
import type { AnyContract, AnyEvent, EventInput } from 'dure/contract'
import type { Broker, DeadLetters } from 'dure/messaging'
import type { Adapter, Door, OnBehalf, ReceivedEvent, StoreAdapter } from 'dure/service'
import type { Span } from 'dure/telemetry'
import type { Fake } from './fake.ts'
import type { FaultKind } from './faults.ts'
import type { Place } from './place.ts'
import type { BringOptions } from './publish.ts'
import type { Tested } from './subject.ts'

export type TestSystemOptions = {
  /**
   * Services that are not there, made of their contracts. Whatever else is needed is faked as well, without an answer; events
   * that no contract at hand announces come from `outside`.
   */
  readonly fakes?: readonly Fake[]
  /**
   * Where the services run: `ownProcess({ file })`, `container({ image })`. Default: in the test's process. Elsewhere they have the database that their system
   * says, and the broker too where others reach that; else they have the test's.
   */
  readonly in?: Place
  /**
   * `real` (default): what waits, waits. `virtual`: time moves on at once to whatever comes next while a test waits for the
   * system, and stands still otherwise; for services that ask the real world nothing.
   */
  readonly time?: 'real' | 'virtual'
  /** Ways in, on ports of their own choosing: `[rest({ port: 0 })]`. Default: none. */
  readonly doors?: readonly Door[]
  /** Where services keep their data. Default: as the system says, SQLite in the test's own folder without waiting for the disk. */
  readonly database?: StoreAdapter
  /**
   * A later release, on whose schemas these services are tested: its migrations are applied first, as they are while copies of this release still run.
   * `dure test --schema-of` says it for all tests of a project.
   */
  readonly schemaOf?: Tested
  /** How services tell each other: `natsBroker({ servers })`, of a server for this test. Default: the embedded broker. */
  readonly broker?: Adapter<Broker>
  /** Whether spans are made of all that happens, for `spans()`. Default false. */
  readonly spans?: boolean
  /** What answers `context.fetch`. Default: nobody. */
  readonly fetch?: (request: Request) => Promise<Response>
  /** Told of each line of the log. Default: nobody is. */
  readonly log?: (line: string) => void
}

/** A system under test. */
export type TestSystem = AsyncDisposable & {
  /** A typed client, which lives as long as the test, whatever befalls the system. */
  readonly client: <C extends AnyContract>(contract: C, onBehalf?: OnBehalf) => Client<C>
  /** Brings an event as if the service that announces it had published it. */
  readonly publish: <E extends AnyEvent>(event: E, data: EventInput<E>, options?: BringOptions) => Promise<void>
  /** Puts work on a queue as if another service had sent it. */
  readonly send: <E extends AnyEvent>(queue: E, data: EventInput<E>, options?: BringOptions) => Promise<void>
  /**
   * What services published of an event, or sent to a queue, in the order in which the broker took it. Of services elsewhere that reach a broker by themselves
   * events alone, in the order of each key.
   */
  readonly published: <E extends AnyEvent>(event: E) => readonly ReceivedEvent<E>[]
  /**
   * Waits until nothing is under way: no call (streams apart), nothing in an outbox, no event unread or in hand or waiting for another try.
   * @throws when that has not come after `timeout` milliseconds (default 5,000; in virtual time an hour), with what still is;
   * and when a fake was asked what it cannot answer, or broke its contract
   */
  readonly settled: (options?: { readonly timeout?: number }) => Promise<void>
  /** Something befalls the calls of a service, until what it answers is called. */
  readonly fault: (service: AnyContract, kind: FaultKind) => () => void
  /** Ends the process of the system as `kill -9` does, and starts it again on what it had committed. */
  readonly kill: () => Promise<void>
  /** Nothing in the process of the system happens, until what it answers is called. */
  readonly freeze: () => () => void
  /** Lets so many milliseconds of virtual time pass. */
  readonly advance: (ms: number) => Promise<void>
  readonly deadLetters: (service: AnyContract) => DeadLetters
  /**
   * What has happened, as spans that have ended, oldest first; the last 10,000. Of services elsewhere once `settled` has come, and a kill may take
   * those of the moment before. @throws {TypeError} when it was not asked for: `spans: true`
   */
  readonly spans: () => readonly Span[]
  /** Messages that a service has committed and its broker does not have yet. */
  readonly outbox: (service: AnyContract) => Promise<number>
  /** Where its doors can be reached, in the order in which they were given. */
  readonly urls: readonly string[]
  /** Ends everything and removes the folder. Idempotent. @throws as `settled` does of fakes */
  readonly stop: () => Promise<void>
}
