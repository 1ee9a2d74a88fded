/** A program that waits for one thing, named by its first word, with nothing else that keeps the process alive. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readlinkSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { z } from 'zod'
import { command, contract, event, query, stream } from '../contract/contract.ts'
import { database, sqlite } from '../data/data.ts'
import { embeddedBroker, queue } from '../messaging/messaging.ts'
import { keepAlive, realRuntime } from '../runtime/runtime.ts'
import { otlp, silentLogger, type TelemetryOptions } from '../telemetry/telemetry.ts'
import { service, start, system, type Door, type Running } from './service.ts'

const [scene, directory] = process.argv.slice(2) as [keyof typeof SCENES, string]
const runtime = realRuntime()
const log = silentLogger()
const hang = (): Promise<never> => new Promise<never>(() => {})
const Said = event('said', { schema: z.object({}), key: () => 'k' })
const Chores = queue('chores', { schema: z.object({}), key: () => 'k' })
const Slow = contract('slow', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    lost: query({ deadline: 60_000 }),
    soon: query({ deadline: 300 }),
    ticks: stream({ output: z.object({}), deadline: 60_000 }),
    transaction: query({ deadline: 60_000 }),
    snapshot: query({ deadline: 60_000 }),
    say: command({}),
    ask: command({}),
  },
  events: [Said],
})

let began = Promise.withResolvers<void>()
const hanging = (): Promise<never> => {
  began.resolve()
  return hang()
}

type Reacting = 'handle' | 'prepare' | 'worker' | undefined
const slow = (reacting?: Reacting, ready?: () => Promise<never>) =>
  service(Slow, {
    database: database<{ t: { id: number } }>({ migrations: { '001': 'CREATE TABLE t (id INTEGER)' } }),
    handlers: {
      lost: hanging,
      soon: hanging,
      ticks: async function* () {
        yield {}
        await hanging()
      },
      transaction: (_input, { database }) => database.transaction(hanging, { timeout: 60_000 }),
      snapshot: (_input, { database }) => database.snapshot(hanging),
      say: (_input, { database }) => database.transaction((tx) => tx.publish(Said, {})),
      ask: (_input, { database }) => database.transaction((tx) => tx.send(Chores, {})),
    },
    subscriptions: ({ on, work }) => {
      if (reacting === 'handle') return [on(Said, hanging)]
      if (reacting === 'prepare') return [on(Said, { prepare: hanging, handle: () => {} })]
      return reacting === 'worker' ? [work(Chores, hanging)] : []
    },
    ready,
  })

type Wish = { reacting?: Reacting; ready?: () => Promise<never>; doors?: Door[]; telemetry?: TelemetryOptions | false }
const systemOf = ({ reacting, ready, doors = [], telemetry = false }: Wish = {}) =>
  system('alone', { services: [slow(reacting, ready)], doors, telemetry })
const run = (wish: Wish = {}): Promise<Running> => start(systemOf(wish), { directory, log, shutdownTimeout: 200 })
const clientOf = (running: Running) => running.client(Slow)

/** Stops once `begin` has led to something that hangs. */
const stopWith = async (begin: (running: Running) => Promise<unknown>, wish: Wish = {}): Promise<void> => {
  const running = await run(wish)
  begin(running).catch(() => {})
  await began.promise
  await running.stop()
}

/** Takes connections and says nothing. */
const mute = async (): Promise<number> => {
  const server = createServer((socket) => socket.unref())
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  server.unref()
  return (server.address() as AddressInfo).port
}

/** Holds the file of the service as another program would. */
const lock = (): (() => void) => {
  const other = new DatabaseSync(join(directory, 'slow.db'))
  other.exec('BEGIN IMMEDIATE')
  return () => other.close()
}

const hangingSubscriber = async () => {
  const broker = await embeddedBroker()({ directory, runtime, log })
  await broker.declareTopic('said')
  const subscription = await broker.subscribe({ group: 'g', topics: ['said'], deliver: hanging })
  const about = { id: '1', type: 'said', source: 's', key: 'k', time: 0, schemaVersion: 1, correlationId: 'c', data: '{}' }
  await broker.publish([{ ...about, causationId: undefined, traceparent: undefined }])
  await began.promise
  return { broker, subscription }
}

/** The bound of a stop, in waits of 100 ms: 200 of its own, 1,000 for what hangs, and 100 for each further step. A busy machine stretches both. */
const walk = async (): Promise<void> => {
  for (let step = 0; step < 20; step++) await new Promise<void>((resolve) => void runtime.timers.after(100, resolve))
}

/** Stops beside another process of the system, which takes no step any more. */
const stopBesideFrozen = async (there: string, here: string, begin: (running: Running) => Promise<unknown>): Promise<void> => {
  const words = ['--conditions=dure-source', process.argv[1]!, 'be another process', directory, there]
  const other = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    // The one that hosts the broker is there first.
    const joined = there === 'broker' ? undefined : start(systemOf(), { directory, log, part: [here], shutdownTimeout: 200 })
    await once(other.stdout, 'data')
    const running = await (joined ?? start(systemOf(), { directory, log, part: [here], shutdownTimeout: 200 }))
    other.kill('SIGSTOP')
    begin(running).catch(() => {})
    const slower = { over: false }
    void walk().then(() => (slower.over = true))
    await running.stop()
    if (slower.over) throw new Error('The stop took longer than its time, a second, and a moment for each of its steps')
  } finally {
    other.kill('SIGKILL')
  }
  await once(other, 'close')
}

const SCENES = {
  'stop beside a frozen process that hosts the broker': () => stopBesideFrozen('broker', 'slow', (one) => clientOf(one).say()),
  'stop with a call to a frozen process, whose broker is here': () =>
    stopBesideFrozen('slow', 'broker', (one) => clientOf(one).lost()),
  'stop with a call whose promise is lost': () => stopWith((running) => clientOf(running).lost()),
  'stop with an iterator that is open': async () => {
    const running = await run()
    await clientOf(running).ticks()[Symbol.asyncIterator]().next()
    await running.stop()
  },
  'stop with a silent stream': () =>
    stopWith(async (running) => {
      for await (const _ of clientOf(running).ticks()) continue
    }),
  'stop with a transaction that hangs': () => stopWith((running) => clientOf(running).transaction()),
  'stop with a snapshot that hangs': () => stopWith((running) => clientOf(running).snapshot()),
  'stop with a reaction that hangs': () => stopWith((running) => clientOf(running).say(), { reacting: 'handle' }),
  'stop with a preparation that hangs': () => stopWith((running) => clientOf(running).say(), { reacting: 'prepare' }),
  'stop with a worker that hangs': () => stopWith((running) => clientOf(running).ask(), { reacting: 'worker' }),
  'stop with a door that never closes': async () => {
    const door: Door = { name: 'stuck', open: async () => ({ url: undefined, close: hang }) }
    await (await run({ doors: [door] })).stop()
  },
  'stop with a receiver of telemetry that is mute': async () => {
    const exporters = [otlp({ endpoint: `http://127.0.0.1:${await mute()}` })]
    const running = await run({ telemetry: { sampling: 1, exporters } })
    await clientOf(running).say()
    await running.stop()
  },
  'a call that runs out of time': async () => {
    const running = await run()
    await clientOf(running)
      .soon()
      .catch(() => {})
    await running.stop()
  },
  'the health of a service that does not say': async () => {
    const running = await run({ ready: hang })
    const { ready, services } = await running.health()
    if (ready || services[0]!.reasons.length !== 1) throw new Error('It should not be ready, for one reason')
    await running.stop()
  },
  'the start of a part before the one that hosts the broker': async () => {
    let host: Promise<Running> | undefined
    runtime.timers.after(200, () => void (host = start(systemOf(), { directory, log, part: ['broker'], shutdownTimeout: 200 })))
    const part = await start(systemOf(), { directory, log, part: ['slow'], shutdownTimeout: 200 })
    await part.stop()
    await (await host!).stop()
  },
  'a transaction that takes too long': async () => {
    const store = await sqlite()({ directory, runtime, log }).open('slow', database({ migrations: {} }))
    await store.transaction(hang, { timeout: 200 }).catch(() => {})
    await store.stop()
  },
  'the start on a SQLite file that another program has locked': async () => {
    await (await run()).stop()
    const unlock = lock()
    const running = await run().catch(() => undefined)
    unlock()
    await running?.stop()
  },
  'the stop on a SQLite file that another program has locked': async () => {
    const running = await run()
    const unlock = lock()
    clientOf(running)
      .say()
      .catch(() => {})
    await running.stop()
    unlock()
  },
  'the stop of a broker whose subscriber hangs': async () => (await hangingSubscriber()).broker.stop({ timeout: 200 }),
  'the stop of a subscription whose handler hangs': async () => {
    const { broker, subscription } = await hangingSubscriber()
    await subscription.stop({ timeout: 200 })
    await broker.stop({ timeout: 200 })
  },
} as const satisfies Readonly<Record<string, () => Promise<unknown>>>

if ((scene as string) === 'be another process') {
  const alive = keepAlive()
  await start(systemOf(), { directory, log, part: [process.argv[4]!], shutdownTimeout: 200 })
  console.log('ready')
  // Until it is killed.
  await hang().finally(alive.stop)
} else if (scene === undefined) for (const name of Object.keys(SCENES)) console.log(name)
else {
  began = Promise.withResolvers<void>()
  await SCENES[scene]()
  console.log(JSON.stringify({ settled: true, open: openFiles() }))
}

/** Files of the directory that are still open, where the system can tell. */
function openFiles(): readonly string[] {
  const all = process.platform === 'linux' ? readdirSync('/proc/self/fd') : []
  return all.flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)].filter((path) => path.startsWith(directory))
    } catch {
      return []
    }
  })
}
