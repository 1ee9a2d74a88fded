import { type Client } from '../call/call.ts'
import { clientFactory, createLocalTransport } from '../call/internal.ts'
import type { AnyContract } from '../contract/contract.ts'
import type { DatabaseAdapter } from '../data/data.ts'
import { createDeadlines, realRuntime, type Runtime } from '../runtime/runtime.ts'
import { aliveFor, checkNumbers, standardError, WAIT_OR_NONE } from '../runtime/internal.ts'
import { createLogger, foldRepeats, openTelemetry, safeLogger, type Logger } from '../telemetry/telemetry.ts'
import { healthOf, statusOf } from './health.ts'
import { lagOf, readersOf } from './lag.ts'
import { lagReadings, unitReadings } from './readings.ts'
import { startOrder } from './order.ts'
import { joinPart, type Wires } from './part/part.ts'
import type { DoorHost, OpenDoor, Running, System, World } from './system.ts'
import { BROKER } from './placement.ts'
import { ownBroker } from './own-broker.ts'
import { createUndo, type Undo } from './undo.ts'
import { prepareUnit, type Unit } from './unit.ts'

export type StartOptions = {
  /** Where the embedded parts keep their files. */
  readonly directory: string
  /** Default: the real world. */
  readonly runtime?: Runtime
  /** Default: JSON lines on standard error. */
  readonly log?: Logger
  /** Milliseconds a stop takes in all: what is under way has until then, and is ended after that. Default 10,000. */
  readonly patience?: number
  /**
   * What runs in this process, when the rest of the system runs in others on the same directory: names of services,
   * `broker`, `doors`. Default: everything, with nobody else.
   */
  readonly part?: readonly string[]
  /** What connects the processes of a split system. Default: Unix sockets in the directory. */
  readonly wires?: Wires | undefined
  /** Listening sockets that a supervisor holds for this process, by the name of their door (`Supervised.sockets`). */
  readonly sockets?: ReadonlyMap<string, number> | undefined
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
  checkNumbers(`start system "${system.name}"`, options, { patience: WAIT_OR_NONE })
  const runtime = options.runtime ?? realRuntime()
  return aliveFor(runtime.timers, () => startOrUndo(system, { ...options, runtime }))
}

async function startOrUndo(system: System, options: StartOptions & { readonly runtime: Runtime }): Promise<Running> {
  const { runtime, directory, sockets, patience = 10_000 } = options
  const own = createLogger({ clock: runtime.clock, write: standardError, fields: { system: system.name } })
  const log = foldRepeats(options.log === undefined ? own : safeLogger(options.log, own), runtime)
  const telemetry = openTelemetry(system.telemetry, { system: system.name, directory, runtime, log })
  const world: World = { directory, runtime, log, telemetry, sockets }
  const undo = createUndo({ runtime, log, patience })
  if (telemetry !== undefined) undo.add('telemetry', ({ timeout }) => telemetry.stop({ timeout }))
  try {
    return await startAll(system, options, world, undo)
  } catch (error) {
    await undo.all()
    throw error
  }
}

async function startAll(system: System, options: StartOptions, world: World, undo: Undo): Promise<Running> {
  const { runtime, log, telemetry } = world
  const { part: members, wires } = options
  const database: DatabaseAdapter = await system.database(world)
  const local = createLocalTransport()
  const deadlines = createDeadlines({ clock: runtime.clock, timers: runtime.timers })
  undo.add('deadlines', async () => deadlines.stop())
  const part = members && (await joinPart({ system, members, world, local, deadlines, undo, wires }))
  const broker = part?.broker ?? (await ownBroker(system, world, undo))
  // One process tells the lag of all groups.
  if (members === undefined || members.includes(BROKER)) telemetry?.metrics.observe(() => lagReadings(broker, runtime.clock))
  const transport = part?.transport ?? local

  const units: Unit[] = []
  for (const service of startOrder(part?.services ?? system.services)) {
    const unit = await prepareUnit({ service, database, broker, local, transport, deadlines, world })
    units.push(unit)
    telemetry?.metrics.observe(() => unitReadings(unit, runtime.clock))
    undo.add(`service "${service.contract.name}"`, ({ timeout }) => unit.stop({ timeout }))
  }
  await part?.open(units)
  // Reactions may call any service, so they begin when every service answers.
  for (const unit of units) await unit.listen()

  const deadLetters: DoorHost['deadLetters'] = (service) =>
    part === undefined ? units.find(({ name }) => name === service)?.deadLetters() : part.deadLetters(units, service)
  const readers = readersOf(system.services)
  const host: DoorHost = {
    system: system.name,
    contracts: system.services.map(({ contract }) => contract),
    client: <C extends AnyContract>(contract: C): Client<C> =>
      clientFactory({ contract, transport, runtime, tracer: telemetry?.tracer })({ service: undefined }),
    health: () => part?.health(units) ?? healthOf(units),
    status: () => part?.status(units) ?? statusOf(units, () => broker.lag(), readers),
    lag: () => part?.lag(units) ?? lagOf(units, () => broker.lag(), readers),
    forget: (wish) => broker.forget(wish),
    deadLetters,
    remembers: (service) => system.services.some((one) => one.contract.name === service && one.database !== undefined),
  }
  const doors: OpenDoor[] = []
  for (const door of part?.doors ?? system.doors) {
    const open = await door.open(host, world)
    doors.push(open)
    undo.add(`door "${door.name}"`, (how) => open.close(how))
  }
  log.debug('System is ready', { services: units.length })
  return { ...host, transport, doors, stop: undo.all }
}
