import { type Client } from 'dure/call'
import { clientFactory } from 'dure/call/internal'
import type { AnyContract } from 'dure/contract'
import { sqlite } from 'dure/data'
import { embeddedBroker } from 'dure/messaging'
import { seededRandom } from 'dure/runtime'
import type { Running, System, SystemStatus } from 'dure/service'
import {
  type Chance,
  createChance,
  createEngine,
  createProcess,
  createTrace,
  mix,
  type Process,
  watchEscapes,
} from '../kernel/kernel.ts'
import { createNetwork, createRegistryHub } from '../network/network.ts'
import { simulatedBroker, simulatedDatabase } from '../ports/ports.ts'
import { createFaults, FAULTS, type FaultKind } from './faults.ts'
import type { Folder } from './folder.ts'
import { busyWith, comesFromClosed, createReaders } from './found.ts'
import { createLoad } from './load.ts'
import { createNemesis } from './nemesis.ts'
import type { CheckWorld, LoadWorld, Only, Simulation, SystemSource } from './options.ts'
import type { Outcome, Told } from './outcome.ts'
import { arrange } from './placing.ts'
import { createSlots } from './slots.ts'
import { beginMarks, endMarks } from './sometimes.ts'
import { messageOf, Violation } from './violation.ts'

export type RunOptions = {
  readonly seed: number
  readonly system: SystemSource
  readonly simulation: Simulation
  readonly folder: Folder
  /** The stores as they are before the first start of the run. */
  readonly files: ReadonlyMap<string, Uint8Array>
  readonly record: boolean
  readonly only?: Only | undefined
  readonly faults?: readonly FaultKind[] | undefined
}

/** Milliseconds of virtual time: to come up, to come to rest when everything is healed, and to be checked. */
const [START, REST, CHECK] = [60_000, 240_000, 60_000]
/** Times that dead letters are tried again at the end: those left then are dead for a reason of their own. */
const TRIES = 2
/** Tasks of one run: more is a loop that goes nowhere. */
const MOST_TASKS = 5_000_000

/** One run of one seed. */
export async function run(options: RunOptions): Promise<Outcome> {
  const { seed, simulation, folder, files, record } = options
  const engine = createEngine()
  const trace = createTrace({ record })
  const chance = createChance(seed)
  const marks = beginMarks()
  const sometimes = (what: string): void => void marks.set(what, (marks.get(what) ?? 0) + 1)
  const { duration = 60_000 } = simulation.load

  const outside = createProcess({
    name: 'clients',
    life: 1,
    seed: chance.seed('clients'),
    engine,
    trace,
    speaks: false,
    dies: () => false,
  })
  const source = options.system
  const made = typeof source === 'function' ? await source({ name: 'outside', runtime: outside.runtime }) : source
  const { placed, slots: parts } = arrange(made, simulation.placements, chance)
  const { slack } = options.only ?? {}
  const faults = createFaults({
    seed,
    slots: parts.map(({ name }) => name),
    from: 500,
    span: duration,
    kinds: (options.faults ?? simulation.faults ?? FAULTS).filter((kind) => FAULTS.includes(kind)),
    only: options.only?.faults,
    pins: options.only?.pins,
    slack: slack?.ms ?? 0,
    now: engine.now,
    onFault: (fault) => {
      sometimes(`fault: ${fault.kind}`)
      trace.add(fault.time, 'fault', `${fault.number}. ${fault.kind}`, fault.text)
    },
  })
  const nemesis = createNemesis({ faults, engine, chance, sometimes, slack })
  const network = createNetwork(nemesis.network)
  const hub = createRegistryHub({
    now: engine.now,
    at: (time, owner, task) => void engine.at(time, owner, task),
    later: (delay, task) => void engine.at(engine.now() + delay, undefined, task),
    news: nemesis.news,
  })
  const owners = new Map<string, Process>()
  const partitions = partitionsOf(chance)
  const failed: string[] = []

  const systemFor = async (owner: Process): Promise<System> => {
    const given = typeof source === 'function' ? source(owner) : source
    const own = given instanceof Promise ? await engine.aside(given) : given
    return {
      ...own,
      doors: [],
      telemetry: false,
      registry: () => hub.open(owner),
      database: simulatedDatabase({
        process: owner,
        owners,
        fate: { ...nemesis.store, sometimes },
        adapter: sqlite({ durability: 'process' }),
      }),
      broker: simulatedBroker({
        process: owner,
        fate: { ...nemesis.broker, sometimes },
        adapter: embeddedBroker({ durability: 'process', partitions }),
      }),
    }
  }

  const slots = createSlots({
    slots: parts,
    engine,
    trace,
    chance,
    directory: folder.path,
    fetch: simulation.fetch,
    speaks: record,
    systemFor,
    wiresFor: network.wires,
    open: async (owner, running) => {
      const id = owner.runtime.ids.next()
      const listener = network.listen(owner, id, running.transport)
      const registry = hub.open(owner)
      for (const { contract } of made.services) {
        await registry.register({ service: contract.name, id, version: contract.version, address: listener.address })
      }
    },
    dies: nemesis.dies,
    died: (owner, silent) => {
      for (const [service, holder] of owners) if (holder === owner) owners.delete(service)
      network.died(owner, silent)
      hub.forget(owner, silent ? 3_000 : 300)
    },
    onFailedStart: (slot, error) => void (faults.happened().length === 0 && failed.push(`${slot.name}: ${messageOf(error)}`)),
  })

  const registry = hub.open(outside)
  const transport = network.wires(outside).connect({ registry, runtime: outside.runtime, log: outside.log })
  const clients = new Map<AnyContract, unknown>()
  const world: LoadWorld = {
    client: <C extends AnyContract>(contract: C) => {
      let client = clients.get(contract) as Client<C> | undefined
      if (client === undefined) {
        client = clientFactory({ contract, transport, runtime: outside.runtime })({ service: undefined })
        clients.set(contract, client)
      }
      return client
    },
    runtime: outside.runtime,
    sleep: outside.pause,
  }
  const load = createLoad({
    simulation,
    world,
    chance,
    trace,
    now: engine.now,
    only: options.only?.steps,
    random: (name) => seededRandom(mix(chance.seed(name), 1)),
  })

  const running = (): Running | undefined =>
    slots.all.find((slot) => slot.running !== undefined && slot.process?.state === 'alive')?.running
  const status = async (): Promise<SystemStatus | undefined> => running()?.status()

  const readers = createReaders(folder.path)
  let phase = 'coming up'
  let checking = ''
  let last: SystemStatus | undefined
  const until = async (condition: () => boolean | Promise<boolean>, every = 100): Promise<void> => {
    while (!(await condition())) await outside.pause(every)
  }

  const scenario = async (): Promise<void> => {
    for (const slot of slots.all) slots.start(slot)
    await until(slots.ready, 20)
    // The news of who is where takes a moment to get about.
    await outside.pause(500)
    phase = 'setting up'
    await simulation.load.setup?.(world)
    phase = 'load'
    nemesis.begin(slots)
    const users = load.begin(engine.now() + duration)
    await outside.pause(duration)
    phase = 'healing'
    faults.heal()
    nemesis.heal(slots)
    network.heal()
    await until(slots.ready)
    phase = 'coming to rest'
    await users
    let tries = 0
    for (let calm = 0; calm < 2;) {
      await outside.pause(500)
      last = await status()
      calm = last?.quiet === true ? calm + 1 : 0
      const dead = last?.services.filter((one) => one.dead > 0) ?? []
      if (calm < 2 || dead.length === 0 || tries === TRIES) continue
      // What died of the faults is tried again, as somebody would who has mended them.
      tries++
      calm = 0
      for (const { service } of dead) {
        sometimes('a dead letter was tried again')
        await running()?.deadLetters(service)?.retry()
      }
    }
    phase = 'checking'
    for (const [name, check] of Object.entries(simulation.invariants)) {
      checking = ` "${name}"`
      try {
        const deadLetters: CheckWorld['deadLetters'] = (service) => running()?.deadLetters(service)
        await check({ ...world, rows: readers.rows, status: async () => (await status())!, deadLetters })
      } catch (error) {
        throw new Violation(name, messageOf(error))
      }
    }
  }

  const told = (): Told => ({
    seed,
    hash: trace.hash(),
    placed,
    kinds: [...faults.kinds],
    faults: faults.happened(),
    sometimes: Object.fromEntries(marks),
    steps: load.made(),
    refused: load.refused(),
    virtual: engine.now(),
    tasks: engine.count(),
    lines: trace.lines(),
  })

  const unseen: unknown[] = []
  // What runs on in a dead process comes upon files that were closed.
  const onUnseen = (error: unknown): void => void (comesFromClosed(error) || unseen.push(error))
  process.on('unhandledRejection', onUnseen)
  folder.reset(files)
  const escapes = watchEscapes(engine.isAside)
  try {
    let result: { readonly error: unknown } | undefined
    scenario().then(
      () => void (result = { error: undefined }),
      (error: unknown) => void (result = { error }),
    )
    const ended = await engine.run({
      done: () => result !== undefined || load.violation() !== undefined,
      until: START + duration + REST + CHECK,
      most: MOST_TASKS,
    })
    const escaped = escapes.stop()
    const { retries, ejections } = network.counts()
    if (retries > 0) marks.set('a call was sent again', retries)
    if (ejections > 0) marks.set('an instance was left out', ejections)
    // Rejections that nobody has looked at are told when the event loop turns.
    await new Promise((resolve) => void setImmediate(resolve))
    const error = load.violation() ?? result?.error
    if (escaped.length > 0) return { kind: 'escaped', message: escaped.join(', '), ...told() }
    if (error instanceof Violation) return { kind: 'violated', invariant: error.invariant, message: error.message, ...told() }
    if (error !== undefined) return { kind: 'failed', message: messageOf(error), ...told() }
    if (ended !== 'done') {
      const why = failed.length > 0 ? `; ${failed[0]}` : ''
      const hanging = load.inHand()
      const users = phase === 'coming to rest' && hanging.length > 0 ? `; never ended: ${hanging.join(', ')}` : ''
      return {
        kind: 'stuck',
        phase,
        message: `It is still ${phase}${checking} after ${howLong(ended, engine.now(), engine.count())}${why}${users}${checking === '' ? busyWith(last) : ''}`,
        ...told(),
      }
    }
    if (unseen.length > 0)
      return { kind: 'failed', message: `A rejection that nobody looked at: ${messageOf(unseen[0])}`, ...told() }
    return { kind: 'held', ...told() }
  } finally {
    escapes.stop()
    process.off('unhandledRejection', onUnseen)
    endMarks()
    readers.close()
    // Without the files there is no log to be written back when they are closed.
    folder.reset(new Map())
    slots.stop()
  }
}

function howLong(ended: 'idle' | 'late' | 'busy', now: number, tasks: number): string {
  const seconds = `${Math.round(now / 1_000)} s of virtual time`
  if (ended === 'idle') return `${seconds}, with nothing left to happen`
  return ended === 'busy' ? `${seconds} and ${tasks} tasks` : seconds
}

/** Partitions of topics: with more than one, keys overtake each other. */
export function partitionsOf(chance: Chance): number {
  return 1 + Math.floor(chance.site('partitions')() * 3)
}
