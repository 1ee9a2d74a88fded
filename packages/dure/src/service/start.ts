import { type Client } from '../call/call.ts'
import { clientFactory, createGuards, createLocalTransport } from '../call/internal.ts'
import { CallError, type AnyContract } from '../contract/contract.ts'
import { copyName } from '../contract/internal.ts'
import type { Registry } from '../discovery/discovery.ts'
import { createDeadlines, realRuntime, type Runtime } from '../runtime/runtime.ts'
import { aliveFor, checkNumbers, COUNT, standardError, WAIT_OR_NONE } from '../runtime/internal.ts'
import { createLogger, foldRepeats, type Logger, type LogLevel, type RecordAct } from '../telemetry/telemetry.ts'
import {
  createActs,
  createLogGate,
  createLogTap,
  openTelemetry,
  safeLogger,
  type Acts,
  type LogGate,
} from '../telemetry/internal.ts'
import { callerFor, createAuthenticate, createDoorCalls, type OnBehalf } from '../door/door.ts'
import { announceDoor } from './announce-door.ts'
import { callersOf } from './allow.ts'
import { alone } from './copies.ts'
import { withExternal } from './with-external.ts'
import { callsOf, createHealth, pulseOf, statusOf } from './health.ts'
import { lagOf, readersOf } from './lag.ts'
import { lagReadings } from './readings.ts'
import { storeAdapters } from './service-data.ts'
import { namesOf, networkWires, openProcess, type NetworkOptions, type Wires } from './process/process.ts'
import {
  auditServiceOf,
  type DoorHost,
  type Health,
  type OpenDoor,
  type Running,
  type System,
  type SystemReaction,
  type World,
} from './system.ts'
import { BROKER } from './placement.ts'
import { ownBroker } from './own-broker.ts'
import { createDisposables, type Disposables } from './disposables.ts'
import { announceSchemas } from './announce-schemas.ts'
import { createDiagnoses, createDiagnostics } from './diagnostics.ts'
import { privateNames } from './private-names.ts'
import { openHosted } from './hosted.ts'
import { openServiceInstance } from './service-instance.ts'
import { openSettings } from './settings.ts'

export type StartOptions = {
  /** Where the embedded parts keep their files. */
  readonly directory: string
  /** Default: the real world. */
  readonly runtime?: Runtime
  /** Default: JSON lines on standard error. */
  readonly log?: Logger
  /**
   * What is logged while nobody changes it (`dure log level`): lines of this level and above. Default `info`; with a `log` of your own,
   * all, and that decides.
   */
  readonly logLevel?: LogLevel
  /** Milliseconds a stop takes in all: what is under way has until then, and is ended after that. Default 10,000. */
  readonly shutdownTimeout?: number
  /**
   * What runs in this process, when the rest of the system runs in others on the same directory: names of services,
   * `broker`, `doors`. Default: everything, with nobody else.
   */
  readonly part?: readonly string[]
  /**
   * Has this part and those on other hosts call each other over TCP, with a registry and a broker that all of them reach
   * (`SystemOptions.registry`, `broker`). Default: the other parts are on this machine and on the same directory.
   */
  readonly network?: NetworkOptions | undefined
  /** What connects the processes of a split system. Default: Unix sockets in the directory, or `network`. */
  readonly wires?: Wires | undefined
  /** Listening sockets that a supervisor holds for this process, by the name of their door (`Supervised.sockets`). */
  readonly sockets?: ReadonlyMap<string, number> | undefined
  /** Which copy of its part this process is, from 1 on (`Supervised.copy`): the second of `orders` is called `orders#2`. Default 1. */
  readonly copy?: number | undefined
  /** What callers may choose this process by, in the registry: `{ zone: 'seoul-a', weight: '2' }`. Default: nothing. */
  readonly metadata?: Readonly<Record<string, string>> | undefined
}

/**
 * Runs a system, or a part of it, in this process: adapters, then services in order of their needs, then reactions to events, then
 * doors. If anything cannot start, what has started is stopped again and the error says what and why.
 *
 * @example
 * ```ts
 * import { contract, query } from 'dure/contract'
 * import { service, start, system } from 'dure/service'
 * import { silentLogger } from 'dure/telemetry'
 * import { z } from 'zod'
 *
 * const Greeter = contract('greeter', {
 *   version: '1.0.0',
 *   owner: 'team-greetings',
 *   operations: { greet: query({ input: z.string(), output: z.string() }) },
 * })
 * const greeter = service(Greeter, { handlers: { greet: (name) => `Hello, ${name}` } })
 * const running = await start(system('greetings', { services: [greeter] }), { directory: '.dure', log: silentLogger() })
 * console.log(await running.client(Greeter).greet('Sori')) // → Hello, Sori
 * await running.stop()
 * ```
 */
export async function start(system: System, options: StartOptions): Promise<Running> {
  checkNumbers(`start system "${system.name}"`, options, { shutdownTimeout: WAIT_OR_NONE, copy: COUNT })
  if (options.network !== undefined && options.part === undefined)
    throw new TypeError(`Cannot start system "${system.name}" with "network": all of it runs here; say which part is to ("part")`)
  const runtime = options.runtime ?? realRuntime()
  return aliveFor(runtime.timers, () => startOrDispose(system, { ...options, runtime }))
}

async function startOrDispose(system: System, options: StartOptions & { readonly runtime: Runtime }): Promise<Running> {
  const { runtime, directory, sockets, copy, metadata, network, shutdownTimeout = 10_000 } = options
  const own = createLogger({ clock: runtime.clock, write: standardError, level: 'debug', fields: { system: system.name } })
  const gate = createLogGate(runtime, options.logLevel ?? (options.log === undefined ? 'info' : 'debug'))
  const tap = createLogTap(runtime.clock, (service) => gate.levelOf(service).until !== undefined)
  const said = options.log === undefined ? own : safeLogger(options.log, own)
  // Whatever is written, and told of, has passed the gate.
  const log = foldRepeats(gate.around(tap.around(said)), runtime)
  const telemetry = openTelemetry(system.telemetry, {
    system: system.name,
    directory,
    runtime,
    log,
    copy,
    process: nameOf(options),
  })
  tap.to((line) => telemetry?.log(line))
  const scope = network && (network.system ?? system.name)
  const world: World = { directory, runtime, log, telemetry, sockets, copy, metadata, scope }
  const disposables = createDisposables({ runtime, log, shutdownTimeout })
  if (telemetry !== undefined) disposables.add('telemetry', ({ timeout }) => telemetry.stop({ timeout }))
  try {
    return await startAll(system, { ...options, gate }, world, disposables)
  } catch (error) {
    await disposables.dispose()
    throw error
  }
}

/** What this process is called among those of its system; undefined: it is the only one. */
function nameOf({ part, copy = 1 }: StartOptions): string | undefined {
  return part && copyName(part.join('+'), copy)
}

async function startAll(
  system: System,
  options: StartOptions & { readonly gate: LogGate },
  world: World,
  disposables: Disposables,
): Promise<Running> {
  const { runtime, log, telemetry } = world
  const { part: members, network } = options
  for (const service of system.services) options.gate.hide(service.contract.name, privateNames(service))
  // Those of a part begin with what the others have.
  const own = members === undefined ? await openSettings(system, world, disposables, undefined) : undefined
  const databaseOf = storeAdapters(system, world)
  const local = createLocalTransport()
  const deadlines = createDeadlines({ clock: runtime.clock, timers: runtime.timers })
  disposables.add('deadlines', async () => deadlines.stop())
  const names = namesOf(members ?? [])
  const wires =
    options.wires ?? (network && (await networkWires(network, { system, members: members ?? [], names, world, disposables })))
  const part = members && (await openProcess({ system, members, world, local, deadlines, disposables, wires }))
  const settings = own ?? (await openSettings(system, world, disposables, part!.fleet))
  await announceSchemas(system, part?.services ?? system.services, world)
  const broker = part?.broker ?? (await ownBroker(system, world, disposables))
  // One process tells the lag of all groups.
  if (members === undefined || members.includes(BROKER)) telemetry?.metrics.observe(() => lagReadings(broker, runtime.clock))
  let opened: Promise<Registry> | undefined
  const registry = (): Promise<Registry> =>
    (opened ??= part === undefined ? ownRegistry(system, world, disposables) : Promise.resolve(part.registry))
  const ways = { runtime, log, policies: system.policies, registry }
  const transport = await withExternal(system.external, part?.transport ?? local, ways, disposables)
  const guards = createGuards({ source: system.policies, runtime, log, tracer: telemetry?.tracer })
  disposables.add('policies of calls', async () => guards.stop())
  telemetry?.metrics.observe(guards.metrics)
  const outside = guards.around(transport, undefined)

  const record = actsOf(system, (service, question) => host.ask(service, question))
  const acts = createActs({ record, runtime, log })
  const ended = new AbortController()
  const diagnoses = createDiagnoses({ runtime, gate: options.gate, ended: ended.signal })
  disposables.add('diagnoses', async () => {
    ended.abort()
    options.gate.stop()
  })
  const secured = system.security !== 'off'
  const { instances, place } = await openHosted({
    ...{ system, process: part, services: part?.services ?? system.services, runtime, telemetry, disposables },
    open: async (service) => {
      const database = await databaseOf(service)
      return openServiceInstance({
        ...{ service, database, broker, local, transport, guards, deadlines, world, acts, secured, settings },
        callers: callersOf(system.allow, service.contract.name),
        ...{ instance: part?.id, diagnoses },
      })
    },
  })
  await part?.open(instances)
  // Reactions may call any service, so they begin when every service answers.
  for (const instance of instances) await instance.listen()
  settings.begin({ instances, acts })

  const deadLetters: DoorHost['deadLetters'] = (service) =>
    part === undefined ? instances.find(({ name }) => name === service)?.deadLetters() : part.deadLetters(instances, service)
  const readers = readersOf(system.services)
  const healthOf = createHealth({ services: system.services, runtime })
  // Who reads that it is ready may end it at once: by then all of it has begun.
  const onceBegun = (health: Health): Health => (begun ? health : { ...health, ready: false })
  const contracts = system.services.map(({ contract }) => contract)
  const tracer = telemetry?.tracer
  const external = system.external.map(({ contract }) => contract)
  const host: DoorHost = {
    system: system.name,
    ...{ contracts, external },
    client: <C extends AnyContract>(contract: C, onBehalf: OnBehalf = {}): Client<C> =>
      clientFactory({ contract, transport: outside, runtime, tracer })(callerFor(`make a client of ${contract.name}`, onBehalf)),
    ...createDoorCalls({ contracts: [...contracts, ...external], transport: outside, runtime, tracer }),
    calls: guards.readings,
    callsEverywhere: async () => {
      const here = guards.readings().filter(({ caller }) => caller === undefined)
      return [
        ...here.map((one) => ({ ...one, copy: undefined })),
        ...(await (part?.calls(instances) ?? callsOf(alone(instances)))),
      ]
    },
    ...{ authenticate: createAuthenticate(system.security), peers: async () => (await part?.peers()) ?? [] },
    registry,
    health: async () => onceBegun(await (part?.health(instances) ?? healthOf(alone(instances)))),
    readiness: async () => onceBegun(await healthOf(alone(instances))),
    pulse: () => pulseOf(instances),
    diagnostics: createDiagnostics({ copies: () => part?.copies(instances) ?? alone(instances), acts }),
    status: () => part?.status(instances) ?? statusOf(alone(instances), () => broker.lag(), readers),
    lag: () => part?.lag(instances) ?? lagOf(alone(instances), () => broker.lag(), readers),
    ...{ config: settings.configuration.status, settings: settings.host },
    topics: broker,
    forget: ({ reason, by, ...about }) =>
      acts.first({ action: 'group.forget', actor: by ?? '', subject: about.group, about, personal: { reason } }, () =>
        broker.forget({ ...about, reason, by }),
      ),
    deadLetters,
    extensions: system.services.flatMap(({ contract, extensions }) =>
      extensions.map(({ kind, name }) => ({ service: contract.name, kind: kind.name, name })),
    ),
    ask: (service, question) => {
      const here = instances.find(({ name }) => name === service)
      if (here !== undefined) return here.ask(question)
      if (part !== undefined && system.services.some(({ contract }) => contract.name === service))
        return part.ask(service, question)
      throw new CallError('NOT_FOUND', `Cannot ask service "${service}": the system has none of that name`)
    },
    story: async (service, question) => {
      const here = instances.find(({ name }) => name === service)
      if (here !== undefined) return here.story(question)
      if (part !== undefined && contracts.some(({ name }) => name === service)) return part.story(service, question)
      throw new CallError('NOT_FOUND', `Cannot ask service "${service}": the system has none of that name`)
    },
    reactions: system.services.flatMap(systemReactions),
    record,
    remembers: (service) => system.services.some((one) => one.contract.name === service && one.database !== undefined),
  }
  if (record !== undefined) disposables.add('audit log', connected(system, { record, acts, runtime }))
  let begun = false
  const announced = { reach: system.registry.reach, registry, health: host.health, world, disposables }
  const doors = await openDoors(part?.doors ?? system.doors, host, announced)
  begun = true
  log.debug('System is ready', { services: instances.length })
  const flush = async (): Promise<void> => void (await Promise.all(instances.map((instance) => instance.flush())))
  return { ...host, transport, doors, place, flush, stop: disposables.dispose }
}

async function openDoors(
  doors: System['doors'],
  host: DoorHost,
  announced: Parameters<typeof announceDoor>[1],
): Promise<readonly OpenDoor[]> {
  const opened: OpenDoor[] = []
  for (const door of doors) {
    const open = await door.open(host, announced.world)
    opened.push(open)
    announced.disposables.add(`door "${door.name}"`, (how) => open.close(how))
    await announceDoor(open, announced)
  }
  return opened
}

async function ownRegistry(system: System, world: World, disposables: Disposables): Promise<Registry> {
  const registry = await system.registry(world)
  disposables.add('registry', () => registry.stop())
  return registry
}

function systemReactions({ contract, needs, reactions }: System['services'][number]): readonly SystemReaction[] {
  const { name: service } = contract
  const called = Object.values(needs).map(({ name }) => name)
  return reactions.map(({ kind, event, name, prepare }) => {
    return { service, consumer: `${service}/${name}`, kind, event, calls: prepare === undefined ? [] : called }
  })
}

/** The way to the system's audit log, which is with one of its services. */
function actsOf(system: System, ask: DoorHost['ask']): RecordAct | undefined {
  const { audit } = system
  const service = audit && auditServiceOf(system)
  if (audit === undefined || service === undefined) return undefined
  return async (act) => void (await ask(service, { kind: audit.kind.name, method: 'record', input: { log: audit.name, act } }))
}

/** Lets what was made before the system write to its log; gives how that ends. */
function connected(
  { audit }: System,
  { record, acts, runtime }: { readonly record: RecordAct; readonly acts: Acts; readonly runtime: Runtime },
): () => Promise<void> {
  const open = new Set<Promise<void>>()
  const off = audit!.connect((act) => {
    const written: Promise<void> = record(act).finally(() => open.delete(written))
    open.add(written)
    return written
  })
  return async () => {
    await acts.settled()
    while (open.size > 0) {
      await Promise.allSettled(open)
      // Whoever has more to write begins with it in the turn in which this was done.
      await new Promise<void>((resolve) => void runtime.timers.soon(resolve))
    }
    off()
  }
}
