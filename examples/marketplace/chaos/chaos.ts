import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { LocalServer } from '@dure/postgres/server'
import { seededRandom, type Random } from 'dure/runtime'
import type { Kind } from '../brokers.ts'
import { SERVER_SETTINGS } from '../databases.ts'
import { createDriver, type Driver } from '../workload/driver.ts'
import { doorClient, type DoorClient } from '../workload/door.ts'
import type { Invariant } from '../workload/invariants.ts'
import type { Mix } from '../workload/mix.ts'
import type { SessionOptions } from '../workload/session.ts'
import { judgeEffects } from '../witness/effects.ts'
import { readWitnesses } from '../witness/read.ts'
import { verify } from '../workload/verify.ts'
import { startBroker, type Carrier } from './broker.ts'
import { createChild, type Child } from './child.ts'
import { startApart, type TelemetryResult } from './collector-apart.ts'
import { freePort } from '@dure/testing/servers'
import { createOutages } from './outages.ts'
import { createPlacing, describeMove, type Move } from './placing.ts'
import { processesOf, type Processes } from './processes.ts'
import { createRolling, createSaid, type Said } from './rolling.ts'
import type { RoundsOptions } from './rounds.ts'
import { createScaling, dureCommand } from './scaling.ts'
import { createSplitStorm } from './split-storm.ts'
import { createStorm, type Frozen, type Outage, type Storm, type StormResult } from './storm.ts'
import { judge, type ProviderBooks, type Verdict } from './verdict.ts'
import { beginVisits } from './visitors.ts'
import { createWaits, type Waited, type Waits } from './waits.ts'

export type ChaosOptions = {
  readonly directory: string
  readonly kills: number
  readonly seconds: number
  /** A process for each service; the kills go through all of them, the supervisor included. */
  readonly split?: boolean
  /** Splits it, and freezes each service in turn instead. */
  readonly freeze?: boolean
  /** Splits it, and has every process replaced this many times instead. */
  readonly rolling?: number
  /** Splits it, and scales it up and down this many times instead. */
  readonly scale?: number
  /** Splits it, and moves the order service into the process of another and out again, so many moves in all, instead. */
  readonly place?: number
  /** Splits it, with so many copies of services. */
  readonly replicas?: Readonly<Record<string, number>> | undefined
  /** Where the services keep their data. Default 'sqlite'; 'postgres' is a server of its own, beside the marketplace. */
  readonly database?: 'sqlite' | 'postgres'
  /** How events leave PostgreSQL. */
  readonly outbox?: 'polling' | 'wal'
  /** What carries events. Default 'embedded'; another is a server of its own, beside the marketplace. */
  readonly broker?: 'embedded' | Kind
  /** Takes PostgreSQL (or the broker, where that is a server) away for `seconds`, again and again, instead of killing anything else. */
  readonly outages?: boolean
  /** Runs the collector as a process of its own with a small store, and takes that away for `seconds` instead. */
  readonly collector?: boolean
  /** Runs the service that says what events mean over time as well. */
  readonly insight?: boolean
  readonly seed: number
  readonly concurrency: number
  readonly products: number
  readonly customers: number
  readonly mix: Mix
  readonly sessions: SessionOptions
  /** Seconds to wait for quiet at the end. */
  readonly quiet: number
  readonly signal: AbortSignal
  /** Told what happens as it happens. */
  readonly say: (line: string) => void
  /** Given what there is to show while it runs. */
  readonly watch: (look: () => ChaosProgress) => void
}

export type ChaosProgress = {
  readonly up: boolean
  readonly kills: number
  readonly finished: number
  readonly accepted: number
  readonly unknown: number
}

export type ChaosResult = Verdict &
  StormResult & {
    readonly finished: number
    readonly accepted: number
    readonly unknown: number
    readonly books: ProviderBooks
    readonly invariants: readonly Invariant[]
    /** The workload's calls while processes were replaced, and the answers it had not hoped for. */
    /** Of a storm that takes the collector away. */
    readonly telemetry?: TelemetryResult
    readonly calls?: Waited & { readonly complaints: Readonly<Record<string, number>> }
  }

const MARKETPLACE = fileURLToPath(new URL('../main.ts', import.meta.url))
const PROVIDER = fileURLToPath(new URL('../provider/main.ts', import.meta.url))
/** Seconds of load after the last restart. */
const AFTERMATH = 2

/**
 * Runs the marketplace and its payment provider as processes, sends transactions, kills both over and over, and
 * then looks for what was lost and what was doubled. No process is left behind, however it ends.
 * @throws {ChildError} when the marketplace does not come back
 * @throws {NotQuietError} when it does not come to rest
 */
export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const { directory, seed, products, customers, say } = options
  const { split: asked = false, freeze = false, rolling = 0, scale = 0, place = 0, replicas } = options
  const split = asked || freeze || rolling > 0 || scale > 0 || place > 0 || replicas !== undefined
  const copies = Object.entries(replicas ?? {}).map(([name, count]) => `${name}=${count}`)
  const said = createSaid()
  const [port, providerPort] = [await freePort(), await freePort()]
  const providerUrl = `http://127.0.0.1:${providerPort}`
  const provider = createChild({
    name: 'The payment provider',
    words: [PROVIDER, '--port', `${providerPort}`, '--seed', `${seed}`, '--file', join(directory, 'provider', 'charges.sqlite')],
    ready: /Payment provider at/,
  })
  const { broker = 'embedded' } = options
  const carrier = broker === 'embedded' ? undefined : await startBroker({ ...options, kind: broker })
  const wantsPostgres = options.database === 'postgres' || (options.outages === true && carrier === undefined)
  const server = wantsPostgres ? await startPostgres(directory) : undefined
  const marketplace = createChild({
    name: 'The marketplace',
    words: [
      ...[MARKETPLACE, '--port', `${port}`, '--data', join(directory, 'marketplace'), '--provider', providerUrl],
      ...['--products', `${products}`, '--customers', `${customers}`, '--seed', `${seed}`],
      ...(split ? ['--split'] : []),
      ...(copies.length > 0 ? ['--replicas', copies.join(',')] : []),
      ...(carrier ? ['--broker', carrier.url] : []),
      ...(options.collector ? ['--collector-apart'] : []),
      ...(options.insight ? ['--insight'] : []),
      ...(server ? ['--database', server.url(), '--outbox', options.outbox ?? 'polling'] : ['--witness']),
    ],
    ready: /^ready$/m,
    onLine: said.hear,
    // Each trace is told of, so that there is much to tell.
    ...(options.collector && { env: { OTEL_TRACES_SAMPLER_ARG: '1' } }),
  })
  // Where one process may stand still, it is the deadline of calls that ends them, and not this client's patience.
  const plain = doorClient({
    ...{ url: `http://127.0.0.1:${port}`, connections: options.concurrency },
    timeout: split ? 20_000 : 5_000,
  })
  const waits = split ? createWaits() : undefined
  const door = waits?.watch(plain) ?? plain
  const alive = (): Promise<boolean> => plain.send('GET', '/health/live').then(({ kind }) => kind === 'answer')
  const processes = processesOf({
    directory: join(directory, 'marketplace'),
    doorsAnswer: alive,
    hostsBroker: carrier === undefined,
  })
  const apart = options.collector ? await startApart(join(directory, 'marketplace')) : undefined
  const end = async (): Promise<void> => {
    await Promise.all([marketplace.kill(), provider.kill()])
    if (split) await processes.gone()
  }
  try {
    await provider.start()
    say(`Marketplace at ${door.url}, started in ${Math.round(await marketplace.start())} ms, data in ${directory}`)
    return await underLoad({
      ...options,
      door,
      waits,
      said,
      processes,
      provider,
      marketplace,
      providerUrl,
      server,
      carrier,
      apart,
      end,
    })
  } finally {
    await door.close()
    await end()
    await apart?.close()
    await server?.stop()
    await carrier?.close()
  }
}

/** In the directory, where as root somebody else must reach it, whom PostgreSQL then runs as. */
async function startPostgres(directory: string): Promise<LocalServer> {
  const { startServer } = await import('@dure/postgres/server')
  chmodSync(directory, 0o755)
  return startServer({ directory: join(directory, 'postgres'), password: 'chaos', settings: SERVER_SETTINGS })
}

type Staged = ChaosOptions & {
  readonly door: DoorClient
  readonly waits: Waits | undefined
  readonly said: Said
  readonly processes: Processes
  readonly provider: Child
  readonly marketplace: Child
  readonly providerUrl: string
  readonly server: LocalServer | undefined
  readonly carrier: Carrier | undefined
  readonly apart: Awaited<ReturnType<typeof startApart>> | undefined
  /** Ends every process of the marketplace. */
  readonly end: () => Promise<void>
}

async function underLoad(options: Staged): Promise<ChaosResult> {
  const { door, waits, provider, providerUrl, seed, seconds, signal, watch } = options
  const random = seededRandom(seed)
  let kills = 0
  let up = (): boolean => true
  const driver = await createDriver({
    ...options,
    // A transaction that met a broken connection waits here until the marketplace is back.
    available: async () => {
      do await sleep(20)
      while (!up())
    },
    // Asking again must not double what happened, and not asking again must not lose what was acknowledged: both are tried.
    insist: () => random.integer(2) === 0,
  })
  const { ledger, population } = driver
  const over = new AbortController()
  const storm = stormOf({ ...options, random, driver, onKill: (now) => (kills = now) })
  up = storm.up
  watch(() => progressOf(driver, up(), kills))
  try {
    waits?.begin()
    const load = driver.run(seconds * 100 + 3600, AbortSignal.any([signal, over.signal]))
    const stormed = await storm.run().finally(async () => {
      await sleep(AFTERMATH * 1000, undefined, { signal }).catch(() => {})
      over.abort()
      await load
    })
    const calls = stormed.unnoticed && waits ? { ...waits.end(), complaints: Object.fromEntries(ledger.complaints()) } : undefined
    if (!provider.running()) await provider.start()
    const telemetry = await options.apart?.result(door.url)
    const { invariants, facts } = await verify({ door, run: { ledger, before: population }, seconds: options.quiet })
    const books = (await (await fetch(`${providerUrl}/totals`)).json()) as ProviderBooks
    // While they run, the stores are theirs alone.
    await options.end()
    const testimony = readWitnesses(join(options.directory, 'marketplace'))
    const effects = testimony && judgeEffects(testimony)
    const verdict = judge({ facts, observed: ledger.observed(population), updates: ledger.updates, books, effects })
    const { finished, accepted, unknown } = progressOf(driver, false, kills)
    return {
      ...stormed,
      ...(calls && { calls }),
      ...(telemetry && { telemetry }),
      ...verdict,
      finished,
      accepted,
      unknown,
      books,
      invariants,
    }
  } finally {
    over.abort()
    await driver.stop()
  }
}

/** What is done to the marketplace while it works. */
function stormOf(
  options: Staged & { readonly random: Random; readonly driver: Driver; readonly onKill: (kills: number) => void },
): Storm {
  const {
    waits,
    door,
    driver,
    server,
    carrier,
    apart,
    random,
    rolling = 0,
    scale = 0,
    place = 0,
    freeze = false,
    kills,
    say,
    onKill,
  } = options
  const common = { ...options, finished: driver.ledger.total }
  const taken = apart?.taken(driver.ledger.total) ?? (options.outages === true ? (carrier ?? server) : undefined)
  if (taken !== undefined) {
    const name = apart ? 'The collector' : carrier === undefined ? 'PostgreSQL' : `The broker (${options.broker})`
    let count = 0
    return createOutages({
      ...common,
      server: taken,
      onEvent: (outage) => {
        onKill(++count)
        say(describeOutage(name, outage))
      },
    })
  }
  if (waits === undefined) {
    let last = 0
    return createStorm({
      ...common,
      onEvent: (event) => {
        if (event.kind === 'killed') onKill((last = event.kills))
        else if (event.kind === 'restarted') say(`Kill ${last} of ${kills}: back after ${Math.round(event.ms)} ms`)
        else say('The payment provider was killed')
      },
    })
  }
  if (rolling + scale + place > 0) {
    const paths = driver.population.products.map(({ seller, product }) => `/product/${seller}/${product}`)
    const rounds = {
      ...common,
      rounds: rolling + scale + place,
      visit: () => beginVisits({ url: door.url, paths, random }),
      onEvent: ({ round, steps }: Parameters<RoundsOptions['onEvent']>[0]) =>
        say(`Round ${round} of ${rounds.rounds}: ${steps.map(({ name, ms }) => `${name} ${ms} ms`).join(', ')}`),
    }
    const { replicas = {}, directory } = options
    const data = join(directory, 'marketplace')
    if (rolling > 0) return createRolling(rounds)
    if (place > 0)
      return createPlacing({
        ...rounds,
        place: async (wanted) => JSON.parse(await dureCommand(['place', '--yes', '--json'], data)(wanted)) as Move,
        onMove: (move) => say(describeMove(move)),
      })
    return createScaling({ ...rounds, replicas, scale: dureCommand(['scale'], data) })
  }
  let last = 0
  return createSplitStorm({
    ...common,
    waits,
    freeze,
    onEvent: (event) => {
      if (event.kind === 'killed') onKill((last = event.kills))
      else if (event.kind === 'back') say(`Kill ${last} of ${kills}: ${event.name} is back after ${Math.round(event.ms)} ms`)
      else say(describeFrozen(event))
    },
  })
}

function progressOf({ ledger }: Driver, up: boolean, kills: number): ChaosProgress {
  const { acceptedCheckouts, acceptedUpdates, unknown } = ledger
  return { up, kills, finished: ledger.total(), accepted: acceptedCheckouts.size + acceptedUpdates.size, unknown: unknown.size }
}

const BEFELL: Readonly<Record<Outage['how'], string>> = {
  killed: 'was killed',
  stopped: 'was stopped',
  frozen: 'stood still',
  cut: 'was cut off in the midst of an event',
  unheard: 'was not heard when it answered',
  full: 'had no space on its disk',
}

function describeOutage(name: string, { how, away, recovered }: Outage): string {
  const [gone, back] = [away, recovered].map((ms) => Math.round(ms).toLocaleString('en'))
  return `${name} ${BEFELL[how]}: ${gone} ms; at work again after ${back} ms`
}

export function describeFrozen({ name, requests, failed, longest }: Frozen): string {
  return `${name} frozen: of ${requests} requests ${failed} failed, the longest took ${longest} ms`
}
