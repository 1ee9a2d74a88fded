import { clientFactory, createLocalTransport, type Client } from '../call/call.ts'
import type { AnyContract } from '../contract/contract.ts'
import type { DatabaseAdapter } from '../data/data.ts'
import type { Broker } from '../messaging/messaging.ts'
import { createDeadlines, realRuntime, standardError, type Runtime } from '../runtime/runtime.ts'
import { createLogger, openTelemetry, type Logger } from '../telemetry/telemetry.ts'
import { healthOf, statusOf } from './health.ts'
import { lagReadings, unitReadings } from './readings.ts'
import { startOrder } from './order.ts'
import type { DoorHost, OpenDoor, Running, System, World } from './system.ts'
import { prepareUnit, type Unit } from './unit.ts'

export type StartOptions = {
  /** Where the embedded parts keep their files. */
  readonly directory: string
  /** Default: the real world. */
  readonly runtime?: Runtime
  /** Default: JSON lines on standard error. */
  readonly log?: Logger
  /** Milliseconds a stop waits for calls under way before it ends them. Default 10,000. */
  readonly patience?: number
}

/**
 * Runs a system in this process: adapters, then services in order of their needs, then reactions to events, then
 * doors. If anything cannot start, what has started is stopped again and the error says what and why.
 */
export async function start(system: System, options: StartOptions): Promise<Running> {
  const runtime = options.runtime ?? realRuntime()
  const log = options.log ?? createLogger({ clock: runtime.clock, write: standardError, fields: { system: system.name } })
  const { directory } = options
  const telemetry = openTelemetry(system.telemetry, { system: system.name, directory, runtime, log })
  const world: World = { directory, runtime, log, telemetry }
  const undo = createUndo(log)
  if (telemetry !== undefined) undo.add('telemetry', telemetry.stop)
  try {
    return await startAll(system, world, options.patience ?? 10_000, undo)
  } catch (error) {
    await undo.all()
    throw error
  }
}

async function startAll(system: System, world: World, patience: number, undo: Undo): Promise<Running> {
  const { runtime, log, telemetry } = world
  const database: DatabaseAdapter = await system.database(world)
  const broker: Broker = await system.broker(world)
  undo.add('broker', () => broker.stop())
  telemetry?.metrics.observe(() => lagReadings(broker))

  const transport = createLocalTransport()
  const deadlines = createDeadlines({ clock: runtime.clock, timers: runtime.timers })
  undo.add('deadlines', async () => deadlines.stop())

  const units: Unit[] = []
  for (const service of startOrder(system.services)) {
    const unit = await prepareUnit({ service, database, broker, transport, deadlines, world, patience })
    units.push(unit)
    telemetry?.metrics.observe(() => unitReadings(unit))
    undo.add(`service "${service.contract.name}"`, () => unit.stop())
  }
  // Reactions may call any service, so they begin when every service answers.
  for (const unit of units) await unit.listen()

  const host: DoorHost = {
    system: system.name,
    contracts: system.services.map(({ contract }) => contract),
    client: <C extends AnyContract>(contract: C): Client<C> =>
      clientFactory({ contract, transport, runtime, tracer: telemetry?.tracer })({ service: undefined }),
    health: () => healthOf(units),
    status: () => statusOf(units, broker),
  }
  const doors: OpenDoor[] = []
  for (const door of system.doors) {
    const open = await door.open(host, world)
    doors.push(open)
    undo.add(`door "${door.name}"`, () => open.close())
  }
  log.debug('System is ready', { services: units.length })
  const deadLetters: Running['deadLetters'] = (service) => units.find(({ name }) => name === service)?.deadLetters()
  return { ...host, transport, doors, deadLetters, stop: undo.all }
}

type Undo = {
  readonly add: (what: string, step: () => Promise<void> | void) => void
  /** Takes back every step, last first; one that fails does not keep the others from happening. */
  readonly all: () => Promise<void>
}

function createUndo(log: Logger): Undo {
  const steps: { what: string; step: () => Promise<void> | void }[] = []
  let running: Promise<void> | undefined
  const run = async (): Promise<void> => {
    for (let next = steps.pop(); next !== undefined; next = steps.pop()) {
      try {
        await next.step()
      } catch (error) {
        log.error(`Could not stop ${next.what} cleanly`, { error })
      }
    }
  }
  return {
    add: (what, step) => void steps.push({ what, step }),
    all: () => (running ??= run()),
  }
}
