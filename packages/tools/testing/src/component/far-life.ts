import type { AnyEvent } from 'dure/contract'
import { embeddedBroker, type Broker } from 'dure/messaging'
import { realRuntime } from 'dure/runtime'
import { start, type Adapter, type Running, type System } from 'dure/service'
import { openTraces, type Logger, type Span } from 'dure/telemetry'
import { STOP, type Life } from './life.ts'
import type { Place, Placed } from './place.ts'
import type { Recorded } from './recorded.ts'

/** Lives of services under test that run somewhere else: here are the fakes, the broker and the doors, as another part of one system. */
export type FarLives = {
  readonly begin: () => Promise<Life>
  /** Ends what is here. */
  readonly over: () => Promise<void>
  /** What they have written of what they did. */
  readonly spans: () => readonly Span[]
  /** Waits until what they did is written. */
  readonly written: () => Promise<void>
}

export type FarOptions = {
  readonly system: System
  readonly place: Place
  /** Services that are not here. */
  readonly services: readonly string[]
  readonly directory: string
  readonly log: Logger
  readonly recorded: Recorded
  /** Default: the embedded one. */
  readonly broker: Adapter<Broker> | undefined
  /** Told of each line that the services write. */
  readonly onLine: (line: string) => void
}

/** Milliseconds until they must be ready. A container that has to be unpacked takes some. */
const READY = 60_000
/** Milliseconds between two looks. */
const PAUSE = 20
/** Milliseconds after which spans are written at the latest, as the store has it, and some more. */
const UNWRITTEN = 700

export function farLives(options: FarOptions): FarLives {
  const { system, place, services, directory, recorded } = options
  const runtime = realRuntime()
  let here: Promise<{ readonly running: Running; readonly broker: Broker }> | undefined

  const openHere = async (): Promise<Awaited<NonNullable<typeof here>>> => {
    let broker: Broker | undefined
    const given = options.broker ?? embeddedBroker({ durability: 'process' })
    const own: System = {
      ...{ ...system, schemas: undefined },
      // Without its reach: whoever has no broker of its own has this one through here.
      broker: async (world) => recorded.around((broker = await given(world))),
    }
    const fakes = system.services.map(({ contract }) => contract.name).filter((name) => !services.includes(name))
    const part = [...fakes, 'broker', ...(system.doors.length > 0 ? ['doors'] : [])]
    const running = await start(own, { directory, part, log: options.log, shutdownTimeout: STOP })
    // Who reaches a broker by itself is heard there.
    if (options.broker !== undefined) await listen(broker!, { system, services, recorded })
    return { running, broker: broker! }
  }

  const ready = async ({ ended }: Placed, running: Running): Promise<void> => {
    let why: string | undefined
    void ended.then((said) => (why = said))
    const until = runtime.clock.monotonic() + READY
    for (;;) {
      const { services: told } = await running.health()
      const waited = services.filter((name) => !told.some((one) => one.service === name && one.ready))
      if (waited.length === 0) return
      if (why === undefined && runtime.clock.monotonic() > until)
        why = `${waited.join(', ')} did not answer within ${READY} ms: ${told.flatMap(({ reasons }) => reasons).join('; ')}`
      if (why !== undefined) throw new Error(`Cannot test "${system.name}" in ${place.name}: ${why}`)
      await runtime.timers.sleep(PAUSE)
    }
  }

  const spans = (): readonly Span[] => {
    const traces = openTraces(directory)
    try {
      const all = (traces?.recent(MOST_TRACES) ?? []).flatMap(({ traceId }) => traces!.trace(traceId))
      return all.filter(({ service }) => services.includes(service)).sort((a, b) => a.start - b.start)
    } finally {
      traces?.close()
    }
  }

  return {
    begin: async () => {
      const { running, broker } = await (here ??= openHere())
      const placed = await place.begin({ directory, services, onLine: options.onLine })
      try {
        await ready(placed, running)
      } catch (error) {
        await placed.kill()
        throw error
      }
      let over = false
      return {
        running,
        broker,
        inside: (work) => work(),
        kill: async () => {
          over = true
          await placed.kill()
        },
        end: async () => {
          if (!over) await placed.stop(STOP)
        },
        freeze: placed.freeze,
        thaw: placed.thaw,
      }
    },
    over: async () => (await here)?.running.stop(),
    spans,
    written: async () => {
      let before = -1
      for (let now = spans().length; now !== before; now = spans().length) {
        before = now
        await runtime.timers.sleep(UNWRITTEN)
      }
    },
  }
}

const MOST_TRACES = 10_000

/** Hears what services announce to a broker that they reach by themselves. */
async function listen(
  broker: Broker,
  { system, services, recorded }: Pick<FarOptions, 'system' | 'services' | 'recorded'>,
): Promise<void> {
  const events = system.services
    .filter(({ contract }) => services.includes(contract.name))
    .flatMap(({ contract }) => contract.events)
  const topics = [...new Set(events.map((event: AnyEvent) => event.topic))]
  if (topics.length === 0) return
  await broker.subscribe({
    ...{ group: 'dure-component-test', topics },
    deliver: async (batch) =>
      recorded.note(batch.map(({ message }) => message).filter(({ source }) => services.includes(source))),
  })
}

/** What only the test's own process can do. */
export function refuseFar(name: string, place: Place, given: Readonly<Record<string, unknown>>): void {
  const [option] = Object.entries(given).find(([, value]) => value !== undefined && value !== 'real') ?? []
  if (option !== undefined)
    throw new TypeError(
      `Cannot test "${name}" in ${place.name} with "${option}": that process has its own, which its system file says; leave it out`,
    )
}
