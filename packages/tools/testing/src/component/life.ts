import { createProcess, kill, simulatedBroker, simulatedDatabase, thaw, type Process } from '@dure/simulation/internal'
import { sqlite, type DatabaseAdapter, type DatabaseWorld, type Store } from 'dure/data'
import { embeddedBroker, type Broker } from 'dure/messaging'
import { realRuntime, type Runtime, type Timers } from 'dure/runtime'
import { start, type Adapter, type Running, type StoreAdapter, type System } from 'dure/service'
import type { Logger } from 'dure/telemetry'
import type { Recorded } from './recorded.ts'
import { migrateAhead, type NextRelease } from './schema-of.ts'
import type { Time } from './time.ts'

/** One life of the process in which the system runs: from a start to a stop, or to its death. */
export type Life = {
  readonly running: Running
  /** Goes in and comes out again as tasks of the process: not while it stands still, and never when it is dead. */
  readonly inside: <T>(work: () => Promise<T>) => Promise<T>
  /** The one that its services publish to, with nobody listening in. */
  readonly broker: Broker
  /** Ends it as `kill -9` does, and closes what the operating system would. */
  readonly kill: () => Promise<void>
  /** Has it finish what is under way, and end. */
  readonly end: () => Promise<void>
  /** Nothing in it happens, until it is told to go on. */
  readonly freeze: () => void
  readonly thaw: () => void
}

export type LifeOptions = {
  readonly system: System
  readonly directory: string
  readonly time: Time
  readonly log: Logger
  readonly recorded: Recorded
  readonly fetch: ((request: Request) => Promise<Response>) | undefined
  /** Default: the embedded one. */
  readonly broker: Adapter<Broker> | undefined
  /** Which life it is, from 1 on. */
  readonly number: number
  /** Whose schemas its stores have from the first life on; default: their own. */
  readonly next: NextRelease | undefined
}

/** What has sessions at a server. */
type Session = Pick<Store, 'stop'>

/** Milliseconds that a stop takes at most. */
export const STOP = 2_000

export async function beginLife(options: LifeOptions): Promise<Life> {
  const { system, directory, time, log, recorded } = options
  const process = makeProcess({ ...options, name: system.name })
  let broker: Broker | undefined
  /** What an operating system does not close of a process that has not died: sessions at a database server. */
  const sessions = new Set<Session>()
  const adapted = (adapter: StoreAdapter): StoreAdapter => storeIn(process, adapter, { system: system.name, time, sessions })
  const given = options.broker
  if (given !== undefined && time.virtual)
    throw new TypeError(
      `Cannot test "${system.name}" in virtual time: its broker lives in real time; leave "broker" out, or give \`time: 'real'\``,
    )
  const embedded = embeddedBroker({ durability: 'process' })
  const death = async (): Promise<void> => {
    kill(process)
    await Promise.allSettled([...sessions].map((session) => session.stop({ timeout: 0 })))
  }
  const own: System = {
    ...system,
    schemas: undefined,
    database: adapted(system.database),
    stores: Object.fromEntries(Object.entries(system.stores).map(([name, adapter]) => [name, adapted(adapter)])),
    broker: simulatedBroker({
      ...{ process, fate: NO_FATE },
      adapter: async (world) => {
        if (given === undefined) return recorded.around((broker = await embedded(world)))
        const opened = (broker = await given({ ...world, runtime: outliving(process, world.runtime) }))
        sessions.add(opened)
        return recorded.around(opened)
      },
    }),
  }
  try {
    if (options.number === 1 && options.next !== undefined)
      await migrateAhead(own, options.next, { directory, runtime: process.runtime, log })
    const running = await start(own, { directory, runtime: process.runtime, log, shutdownTimeout: STOP })
    const killed = async (): Promise<void> => {
      // A door holds sockets of this process, which would go on.
      await Promise.allSettled(running.doors.map((door) => door.close({ timeout: 0 })))
      await death()
    }
    return {
      running,
      broker: broker!,
      kill: killed,
      end: async () => {
        await running.stop()
        await killed()
      },
      inside: (work) =>
        new Promise((resolve, reject) => {
          const task = (run: () => void): void => void time.at(time.now(), process, run)
          task(() => {
            work().then(
              (value) => task(() => resolve(value)),
              (error: unknown) => task(() => reject(error as Error)),
            )
          })
        }),
      freeze: () => {
        if (process.state === 'alive') process.state = 'frozen'
      },
      thaw: () => thaw(process, time),
    }
  } catch (error) {
    await death()
    throw error
  }
}

/** A process on the time of the test; by the wall clock it is now, or, in virtual time, always the same moment. */
export function makeProcess({
  time,
  name,
  number,
  fetch,
}: Pick<LifeOptions, 'time' | 'number' | 'fetch'> & { readonly name: string }): Process {
  const made = createProcess({
    ...{ name, life: number, engine: time, trace: UNTOLD, speaks: false, dies: () => false },
    seed: time.virtual ? number : realRuntime().random.word(),
    fetch: (request) => (fetch ?? nobody)(request),
  })
  if (!time.virtual) made.clockOffset = realRuntime().clock.now() - made.runtime.clock.now()
  return made
}

async function nobody({ url }: Request): Promise<Response> {
  throw new Error(`"${new URL(url).host}" is not there in a test; give \`testSystem\` a "fetch" that answers in its place`)
}

/** The adapter, with what a kill leaves of its stores; SQLite without waiting for the disk, since a test ends with its folder. */
function storeIn(
  process: Process,
  adapter: StoreAdapter,
  { system, time, sessions }: { readonly system: string; readonly time: Time; readonly sessions: Set<Session> },
): StoreAdapter {
  const quick = sqlite({ durability: 'process' })
  return simulatedDatabase({
    ...{ process, owners: new Map(), fate: NO_FATE },
    adapter: async (world: DatabaseWorld): Promise<DatabaseAdapter> => {
      const given = await adapter({ ...world, runtime: outliving(process, world.runtime) })
      if (given.name === 'sqlite') return quick(world)
      if (time.virtual)
        throw new TypeError(
          `Cannot test "${system}" in virtual time: it keeps data in "${given.name}", which lives in real time; ` +
            "give `database: sqlite()`, or `time: 'real'`",
        )
      return {
        name: given.name,
        open: async (service, definition) => {
          const store = await given.open(service, definition)
          const { outbox } = store
          const listed = <T extends Session>(session: T): T => {
            sessions.add(session)
            return session
          }
          if (outbox === undefined) return listed(store)
          const open: Store['outbox'] = async (options) =>
            listed(await outbox({ ...options, runtime: outliving(process, options.runtime) }))
          return listed({ ...store, outbox: open })
        },
      }
    },
  })
}

/** With timers that go on when the process has died: what closes its sessions at a server has to end in time. */
function outliving(process: Process, runtime: Runtime): Runtime {
  const real = realRuntime().timers
  const timers = (): Timers => (process.state === 'dead' ? real : runtime.timers)
  return {
    ...runtime,
    timers: {
      ...runtime.timers,
      after: (ms, task, how) => timers().after(ms, task, how),
      sleep: (ms, signal) => timers().sleep(ms, signal),
      soon: (task) => timers().soon(task),
    },
  }
}

/** Nothing befalls it by itself. */
const NO_FATE = {
  unavailable: () => false,
  answerLost: () => false,
  again: () => false,
  delay: () => 0,
  slowness: () => 0,
  full: () => false,
  sometimes: () => {},
}

const UNTOLD = { add: () => {}, note: () => {}, hash: () => '', lines: () => [] }
