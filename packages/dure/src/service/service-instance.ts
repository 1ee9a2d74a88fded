import type { CallContext, CallReading, Transport } from '../call/call.ts'
import {
  Cancellation,
  createEndpoint,
  createAdmission,
  type Admission,
  type Guards,
  createOperationMetrics,
  type LocalTransport,
  type OperationMetrics,
  Pending,
} from '../call/internal.ts'
import { CallError, type AnyOperation } from '../contract/contract.ts'
import { copyName, partOf } from '../contract/internal.ts'
import type { CommandKey, DatabaseAdapter, SqlStore } from '../data/data.ts'
import { bindTransaction } from '../data/internal.ts'
import { createConsumer, type Broker, type Consumer, type DeadLetters, type ReactionReading } from '../messaging/messaging.ts'
import { deadLetters, joinedDeadLetters, recordedLetters } from '../messaging/internal.ts'
import { type Deadlines, type Runtime } from '../runtime/runtime.ts'
import { inTime, timeLeft } from '../runtime/internal.ts'
import { type Logger, type MetricFamily, type Reading } from '../telemetry/telemetry.ts'
import { createMeter, plainLogger, traceIdOf, type Acts } from '../telemetry/internal.ts'
import type { Looked } from '../config/internal.ts'
import { contextFactory, type MakeContext, type Settings as OwnSettings } from './context.ts'
import type { ExtensionHost, Service } from './definition.ts'
import { undiagnosed, type DiagnoseCopy } from './diagnostics.ts'
import { type Idempotency, type KeyedCall, rememberedKey } from './idempotency.ts'
import { openExtensions, type Extensions } from './extensions.ts'
import { HANDED_ON, keyedIn, type Keyed } from './keyed/keyed.ts'
import { isAskedAgain } from './prepared-keys.ts'
import { releaseKeys, releasing } from './release.ts'
import { openData, type ServiceData } from './service-data.ts'
import { reactionsOf } from './reactions.ts'
import { createServiceHealth } from './service-health.ts'
import { familiesOf } from './readings.ts'
import { createSettled } from './settled.ts'
import { createSettingsCheck } from './settings-check.ts'
import type { Settings } from './settings-host.ts'
import { createTidying, retentionOf, type RetainedReading } from './retention.ts'
import { tellStory, type ServiceStory, type StoryQuestion } from './story.ts'
import type { ServiceHealth, ServicePulse, ServiceStatus, World } from './system.ts'

/** `outboxAge`: milliseconds since the oldest event in the outbox was published; `outboxSize`: bytes of their data. */
type ServiceCounts = ServiceStatus & { readonly published: number; readonly outboxAge: number; readonly outboxSize: number }

/** One running service: its store, its endpoints, its reactions, and how to stop it without losing anything. */
export type ServiceInstance = {
  readonly name: string
  /** What this copy of it is called: `orders`, `orders#2`. */
  readonly copy: string
  /** Begins to react to events. */
  readonly listen: () => Promise<void>
  /** Waits until all that it has committed by now is with the broker, and no longer in its outbox. */
  readonly flush: () => Promise<void>
  readonly health: () => Promise<ServiceHealth>
  /** Whether it does its work, without asking anybody else. */
  readonly pulse: () => ServicePulse
  readonly counts: () => ServiceCounts
  /** The same, with an outbox above 0 as well where not all is known to be delivered. */
  readonly status: () => Promise<ServiceCounts>
  /** How each of its reactions stands. */
  readonly readings: () => Promise<readonly ReactionReading[]>
  /** What its outbox tells of itself, beyond depth and age. */
  readonly dataReadings?: () => Promise<readonly Reading[]>
  /** What is kept in its store for a time. */
  readonly retained: () => Promise<readonly RetainedReading[]>
  readonly deadLetters: () => DeadLetters | undefined
  /** What its store says of messages. */
  readonly story: (question: StoryQuestion) => Promise<ServiceStory>
  /** Asks its extensions of one kind. */
  readonly ask: Extensions['ask']
  /** Looks into the process that it runs in, or changes how much it logs. */
  readonly diagnose: DiagnoseCopy
  /** What is measured of it. */
  readonly metrics: () => Promise<readonly MetricFamily[]>
  /** How the calls that leave it stand. */
  readonly calls: () => readonly CallReading[]
  /** What is asked about the settings of its process, and how it itself stands with them. */
  readonly settings: Settings['answer']
  readonly look: () => Promise<Looked>
  /**
   * Ends what is still under way after `timeout` milliseconds. `moved`: another process runs it from now on, and callers of this
   * one go there.
   */
  readonly stop: (options: { readonly timeout: number; readonly moved?: boolean }) => Promise<void>
}

export type ServiceInstanceOptions = {
  readonly service: Service
  /** How its store is opened, when it has a database. */
  readonly database: DatabaseAdapter | undefined
  readonly broker: Broker
  /** Where its endpoints are added. */
  readonly local: LocalTransport
  /** The way to what it needs. */
  readonly transport: Transport
  /** What stands around its calls; undefined: nothing. */
  readonly guards?: Guards
  readonly deadlines: Deadlines
  readonly world: World
  /** Writes down what operators do with it. */
  readonly acts: Acts
  /** Whether it matters who calls. */
  readonly secured: boolean
  /** Services that may call it, and `doors`. Default: each. */
  readonly callers?: readonly string[] | undefined
  /** What its settings are, where it has some. */
  readonly settings: Settings
  /** Looks into this process on behalf of a service. Default: nobody does. */
  readonly diagnoses?: (service: string) => DiagnoseCopy
  /** Its id in the registry, where other processes can call it. */
  readonly instance?: string | undefined
}

/** Calls one service works on at once before it turns others away. */
const CAPACITY = 10_000

/** What cannot go on closes the store that is open, and fails as it did. */
const stopping =
  (data: Awaited<ReturnType<typeof openOwnData>>) =>
  async (error: unknown): Promise<never> => {
    await data?.stop(() => 0)
    throw error
  }

/** Opens a service's store and takes its calls; events come after `listen`. */
export async function openServiceInstance(options: ServiceInstanceOptions): Promise<ServiceInstance> {
  const { service, broker, local, transport, deadlines } = options
  const { runtime, telemetry } = options.world
  const name = service.contract.name
  const copy = copyName(name, options.world.copy)
  const log = options.world.log.with({ service: name })
  // What handlers say, and what befalls single calls, is written line by line.
  const each = plainLogger(log)
  const admission = createAdmission({ service: name, capacity: CAPACITY })
  let state: ServiceHealth['state'] = 'starting'

  const offered = new Map<object, unknown>()
  const data = await openOwnData(options, log, offered)
  const guarded = options.guards?.around(transport, name, service.calls) ?? transport
  const own = createMeter({ service: name, metrics: telemetry?.metrics, clock: runtime.clock, log: each })
  const ways = { service: name, transport: guarded, runtime, log: each, database: data?.databaseFor, tracer: telemetry?.tracer }
  const outgoing = { ...ways, meter: own.meter, offered, settings: settingsOf(options) }
  const contexts = contextFactory({ ...outgoing, needs: service.needs })
  const host = data && hostOf(options, data, log, outgoing)
  const extensions = await openExtensions(service, { host, joins: data?.joins ?? [], acts: options.acts }).catch(stopping(data))

  const answered = addEndpoints({ ...options, contexts, admission, data, keyed: keyedIn(offered), log: each })
  admission.open()
  state = 'running'

  let consumer: Consumer | undefined
  const ends = new Cancellation()
  const listen = async (): Promise<void> => {
    if (data !== undefined && service.reactions.length > 0) {
      const reactions = reactionsOf({ ...outgoing, service, contexts, data, ends })
      const { store, inboxRetention } = data
      consumer = await createConsumer({ store, inboxRetention, broker, runtime, log, group: name, reactions })
    }
    await extensions.listen()
  }

  const { letters, shown } = lettersOf(options, { data, extensions, log, reload: () => consumer?.reload() })

  const tidying =
    data &&
    letters &&
    createTidying({
      ...{ store: data.store, letters, retention: service.retention ?? retentionOf(name) },
      ...{ inboxRetention: data.inboxRetention, runtime, log },
    })

  const stop: ServiceInstance['stop'] = async ({ timeout, moved = false }) => {
    if (state === 'stopped') return
    state = 'draining'
    settingsCheck.stop()
    const left = timeLeft(runtime.clock, timeout)
    // Reactions first: they may still call, and publish, while their service answers.
    await Promise.all([consumer?.stop({ timeout }), extensions.stop({ timeout })])
    if (moved) local.leave(name)
    const patient = runtime.timers.after(left(), () => expel({ admission, deadlines, moved }), 'waited')
    await admission.drain()
    patient.cancel()
    local.remove(name)
    if (tidying !== undefined) await inTime(runtime.timers, left(), tidying.stop(), () => {})
    await data?.stop(left)
    own.stop()
    ends.cancel('stopping')
    state = 'stopped'
  }

  const { health, pulse } = createServiceHealth({
    ...{ service, copy, broker, store: data?.store, contexts, configuration: options.settings.configuration, runtime, log },
    state: () => state,
    reasons: () => [...(consumer?.status().reasons ?? []), ...extensions.reasons()],
  })

  const settingsCheck = createSettingsCheck({
    ...{ service, settings: options.settings, health, answered, runtime, log },
    contextsWith: (settings) => contextFactory({ ...outgoing, needs: service.needs, settings }),
  })

  const counts = () => {
    const { waiting = 0, dead = 0, inHand = 0 } = consumer?.status() ?? {}
    const aside = data?.aside.count()
    return {
      ...{ service: name, copy },
      callsInFlight: admission.inside(),
      outbox: data?.outbox.depth() ?? 0,
      outboxSize: data?.outbox.size() ?? 0,
      outboxAge: ageOf(data?.outbox.oldest(), runtime),
      published: data?.published() ?? 0,
      inHand,
      waiting: waiting + (aside?.waiting ?? 0),
      dead: dead + (aside?.dead ?? 0),
    }
  }

  const settled = data === undefined ? async () => true : createSettled(data.outbox, runtime.timers)
  /** An outbox that cannot say so has something. */
  const status = async () => {
    const now = counts()
    // What waits in partitions of other copies, and in those that are still to be loaded, is known to the store alone.
    const stored = await readings().catch(() => undefined)
    const sum = (of: (one: ReactionReading) => number): number => stored!.reduce((total, one) => total + of(one), 0)
    const known =
      stored === undefined ? now : { ...now, waiting: sum((one) => one.waiting), dead: sum((one) => one.deadLetters + one.held) }
    const found = { ...known, waiting: known.waiting + (await extensions.busy().catch(() => 1)) }
    return found.outbox > 0 || (await settled()) ? found : { ...found, outbox: 1 }
  }

  const metrics = async (): Promise<readonly MetricFamily[]> => familiesOf((await telemetry?.metrics.read()) ?? [], name)

  const readings = async (): Promise<readonly ReactionReading[]> => [
    ...((await consumer?.readings()) ?? []),
    ...(await Promise.all(extensions.consumers().map((one) => one.readings()))).flat(),
    ...(data?.aside.readings() ?? []),
  ]

  const dataReadings = async (): Promise<readonly Reading[]> => [
    ...(data?.store.readings?.() ?? []),
    ...(data?.outbox.readings?.() ?? []),
    ...(await extensions.readings()),
  ]

  const retained: ServiceInstance['retained'] = async () => tidying?.retained() ?? []

  const calls = (): readonly CallReading[] => options.guards?.readings().filter(({ caller }) => caller === name) ?? []

  const asked = { health, pulse, counts, status, readings, dataReadings, retained, metrics, calls }
  return {
    name,
    copy,
    listen,
    // Whoever waits for it may be frozen next: what stayed in the table would be delivered again by another.
    flush: async () => data?.outbox.flush({ removed: true }),
    ...asked,
    deadLetters: () => shown,
    story: storyOf(service, data),
    ask: extensions.ask,
    ...{ settings: options.settings.answer, look: settingsCheck.look },
    diagnose: options.diagnoses?.(name) ?? undiagnosed,
    stop,
  }
}

function storyOf(service: Service, data: ServiceData | undefined): ServiceInstance['story'] {
  return (question) => tellStory(service, data?.store, question)
}

/** Its dead letters, and as operators decide about them: with those of its extensions, written down. */
function lettersOf(
  { service, acts, world }: ServiceInstanceOptions,
  own: {
    readonly data: ServiceData | undefined
    readonly extensions: Extensions
    readonly log: Logger
    readonly reload: () => void
  },
): { readonly letters: DeadLetters | undefined; readonly shown: DeadLetters | undefined } {
  const { data, extensions, log, reload } = own
  const { name } = service.contract
  if (data === undefined) return { letters: undefined, shown: undefined }
  const letters = deadLetters({
    // Its `retention` says how long.
    ...{ store: data.store, runtime: world.runtime, events: service.contract.events, auditRetention: Infinity },
    reactions: service.reactions.map(({ kind, event, name: reaction }) => ({ kind, event, consumer: `${name}/${reaction}` })),
    changed: () => {
      reload()
      data.aside.reload().catch((error: unknown) => log.warn('Cannot look at what the outbox has set aside', { error }))
    },
  })
  const all = joinedDeadLetters(() => [letters, ...extensions.consumers().flatMap((one) => one.deadLetters ?? [])])
  return { letters, shown: recordedLetters(all, { service: name, acts }) }
}

function settingsOf({ service, settings }: ServiceInstanceOptions): OwnSettings | undefined {
  if (service.config === undefined) return undefined
  return { schema: service.config, now: settings.configuration.of(service.contract.name) }
}

/** Ends the calls that a service has inside; the other services of the process go on when it moves. */
function expel(options: { readonly admission: Admission; readonly deadlines: Deadlines; readonly moved: boolean }): void {
  const { admission, deadlines, moved } = options
  admission.expel()
  deadlines.expireAll(moved ? (entry) => entry instanceof Pending && entry.isInside(admission) : undefined)
}

/** @param offered by the extensions of the service, once they are open */
async function openOwnData(
  options: ServiceInstanceOptions,
  log: Logger,
  offered: ReadonlyMap<object, unknown>,
): Promise<ServiceData | undefined> {
  const { database } = options
  if (database === undefined) return undefined
  return openData({ ...options, database, log, around: (call) => keyedIn(offered)?.transactionsOf(call) })
}

/** What the extensions of a service have of it. */
function hostOf(
  { service, database, broker, transport, world, instance }: ServiceInstanceOptions,
  { store, outbox, joins, beside }: ServiceData,
  log: Logger,
  outgoing: Omit<Parameters<typeof contextFactory>[0], 'needs'> & { readonly offered: Map<object, unknown> },
): ExtensionHost {
  const { name } = service.contract
  const { runtime } = world
  const tracer = world.telemetry?.tracer
  return {
    ...{ service: name, store: store as unknown as SqlStore, outbox, broker, runtime, log, tracer },
    contexts: (needs) => {
      const make = contextFactory({ ...outgoing, needs })
      return (call, cancellation, keys) => make(call, cancellation, undefined, keys)
    },
    release: (callee, keys) => releaseKeys({ service: callee, transport, runtime }, keys),
    bind: (tx, origin) => bindTransaction(tx, { outbox, runtime, origin, tracer, joins }),
    offer: (kind, value) => void outgoing.offered.set(kind, value),
    instance,
    toInstance: (id, operation) => transport.route({ service: name, operation, instance: id }),
    openStore: async (part, definition) => {
      const opened = await database!.open(`${name}--${part}`, definition)
      beside.push(opened)
      return opened as unknown as SqlStore
    },
  }
}

/** Has the local transport take the calls of a service; gives what is measured of them. */
function addEndpoints(
  options: ServiceInstanceOptions & {
    readonly contexts: MakeContext
    readonly admission: Admission
    readonly data: ServiceData | undefined
    readonly keyed: Keyed | undefined
    readonly log: Logger
  },
): readonly OperationMetrics[] {
  const { service, local, deadlines, contexts, admission, data, keyed, log } = options
  const { runtime, telemetry } = options.world
  const { name } = service.contract
  const release = async (keys: unknown): Promise<void> =>
    data?.store.transaction((tx) => data.store.records.idempotency.release(tx, keys as readonly CommandKey[]), {
      isolated: false,
    })
  const operations: Record<string, AnyOperation> = { ...service.contract.operations, ...releasing }
  const answered: OperationMetrics[] = []
  /** Who has settings is looked at when they change, with telemetry or without. */
  const measured = (operation: string): OperationMetrics | undefined => {
    if (telemetry === undefined && service.config === undefined) return undefined
    const own = createOperationMetrics(runtime.clock)
    answered.push(own)
    telemetry?.metrics.add({ service: name, operation, duration: own.duration, codes: () => own.codes })
    return own
  }
  for (const [operationName, operation] of Object.entries(operations)) {
    const own = operationName in releasing
    const endpoint = (final: boolean) =>
      createEndpoint({
        place: `${name}.${operationName}`,
        operation,
        tracer: telemetry?.tracer,
        handler: own ? release : service.handlers[operationName]!,
        context: (call, cancellation) => contexts(call, cancellation, operationName),
        keyed: operation.key && keyed?.around(operationName, operation, final),
        once: onceFor(data?.idempotency, operationName, operation),
        // What is Dure's own is never open, `security: 'off'` or not.
        secured: own || options.secured,
        callers: own ? undefined : options.callers,
        admission,
        clock: runtime.clock,
        deadlines,
        metrics: own || final ? undefined : measured(operationName),
        onFault: (place, thrown, call) =>
          log[partOf(thrown, 'inside') === true ? 'warn' : 'error'](`Call to ${place} failed`, {
            error: thrown,
            correlationId: call.correlationId,
            traceId: traceIdOf(call.traceparent),
          }),
      })
    local.add({ service: name, operation: operationName }, endpoint(false))
    // Measured where it came in.
    if (operation.key !== undefined) local.add({ service: name, operation: `${HANDED_ON}${operationName}` }, endpoint(true))
  }
  return answered
}

function ageOf(time: number | undefined, { clock }: Runtime): number {
  return time === undefined ? 0 : Math.max(0, clock.now() - time)
}

function onceFor(idempotency: Idempotency | undefined, operation: string, definition: AnyOperation) {
  if (definition.kind !== 'command') return undefined
  const keyed = (input: unknown, call: CallContext, own: Cancellation): KeyedCall => ({
    ...{ operation, definition, key: rememberedKey(call)!, input, deadline: call.deadline, own, caller: call.caller },
  })
  return (input: unknown, call: CallContext, own: Cancellation, run: () => unknown): unknown => {
    if (idempotency !== undefined) return idempotency.once(keyed(input, call, own), run)
    // Nowhere to remember the key: harmless when the command may be repeated or nobody asked, a broken promise otherwise.
    if (definition.idempotent || isAskedAgain(call.idempotencyKey!)) return run()
    throw new CallError(
      'UNIMPLEMENTED',
      `Call to "${operation}" was refused: the service has no database to honour an idempotency key with; send it without one`,
    )
  }
}
