import { DURE } from 'dure/discovery/internal'
import { clientFactory, createGuards, type Guards } from 'dure/call/internal'
import type { Client } from 'dure/call'
import type { AnyContract } from 'dure/contract'
import { sqlite } from 'dure/data'
import { embeddedBroker } from 'dure/messaging'
import { seededRandom } from 'dure/runtime'
import type { Running, System } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import {
  type Chance,
  createChance,
  createEngine,
  createProcess,
  createTrace,
  type Engine,
  mix,
  type Process,
  type Trace,
} from '../kernel/kernel.ts'
import { createNetwork, createRegistryHub, type Network } from '../network/network.ts'
import { simulatedBroker, simulatedDatabase } from '../ports/ports.ts'
import { createServers, serverStore, type Servers } from '../server/server.ts'
import { createFaults, FAULTS, usualFaults, type FaultKind, type Faults } from './faults.ts'
import type { Folder } from './folder.ts'
import { createLoad, type RunningLoad } from './load.ts'
import { createNemesis, type Nemesis } from './nemesis.ts'
import type { CheckWorld, LoadWorld, Only, Placed, Simulation, SystemSource } from './options.ts'
import { placeServices } from './placement.ts'
import type { Release } from './slot.ts'
import { createSlots, type Slots } from './slots.ts'
import { beginMarks } from './sometimes.ts'
import { messageOf } from './violation.ts'

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

/** Everything that a run is made of. */
export type World = {
  readonly engine: Engine
  readonly trace: Trace
  readonly placed: Placed
  readonly faults: Faults
  readonly nemesis: Nemesis
  readonly network: Network
  readonly servers: Servers
  readonly slots: Slots
  readonly load: RunningLoad
  /** What is asked from outside of all processes: a check waits for no breaker. */
  readonly outside: LoadWorld
  /** What users have, also while they are set up: the same, with policies around their calls as at the doors of the system. */
  readonly guarded: LoadWorld
  /** Of their calls. */
  readonly guards: Guards
  /** A system that is up, of whichever process. */
  readonly running: () => Running | undefined
  /** How often each rare thing was seen. */
  readonly marks: Map<string, number>
  readonly sometimes: (what: string) => void
  /** Why processes could not be started while nothing had befallen them. */
  readonly failedStarts: readonly string[]
}

/** Puts a run together from its seed; nothing of it has begun. */
export async function createWorld(options: RunOptions): Promise<World> {
  const { seed, simulation, folder, record, only, system: source } = options
  const engine = createEngine()
  const trace = createTrace({ record })
  const chance = createChance(seed)
  const marks = beginMarks()
  const sometimes = (what: string): void => void marks.set(what, (marks.get(what) ?? 0) + 1)
  const users = createProcess({
    ...{ name: 'clients', life: 1, seed: chance.seed('clients') },
    ...{ engine, trace, speaks: false, dies: () => false },
  })
  const made = typeof source === 'function' ? await source({ name: 'outside', runtime: users.runtime }) : source
  const { placed, places, many } = placeServices(made, simulation, chance)
  const { before } = simulation
  if (before !== undefined)
    checkReleases(made, typeof before === 'function' ? await before({ name: 'outside', runtime: users.runtime }) : before)
  const faults = createFaults({
    seed,
    slots: places.map(({ name }) => name),
    copies: places.filter(({ members }) => members?.some((name) => many.has(name))).map(({ name }) => name),
    from: 500,
    span: durationOf(simulation),
    kinds: (options.faults ?? simulation.faults ?? usualFaults(many.size > 0)).filter((kind) => FAULTS.includes(kind)),
    only: only?.faults,
    pins: only?.pins,
    slack: only?.slack?.ms ?? 0,
    now: engine.now,
    onFault: (fault) => {
      sometimes(`fault: ${fault.kind}`)
      trace.add(fault.time, 'fault', `${fault.number}. ${fault.kind}`, fault.text)
    },
  })
  const nemesis = createNemesis({ faults, engine, chance, sometimes, slack: only?.slack })
  const network = createNetwork(nemesis.network)
  const hub = createRegistryHub({
    now: engine.now,
    at: (time, owner, task) => void engine.at(time, owner, task),
    later: (delay, task) => void engine.at(engine.now() + delay, undefined, task),
    news: nemesis.news,
  })
  const owners = new Map<string, Process>()
  const servers = createServers({
    directory: folder.path,
    world: { now: engine.now, later: (ms, task) => void engine.at(engine.now() + ms, undefined, task) },
    sometimes,
  })
  const failedStarts: string[] = []
  const slots = createSlots({
    ...{ places, engine, trace, chance, directory: folder.path, fetch: simulation.fetch, speaks: record },
    release: before === undefined ? 'own' : 'before',
    systemFor: systemsOf({ source, simulation, engine, chance, nemesis, sometimes, owners, many, servers, hub }),
    wiresFor: network.wires,
    open: async (owner, running) => {
      const id = owner.runtime.ids.next()
      const listener = await network.listen(owner, id, running.transport)
      const registry = hub.open(owner)
      for (const { name: service, version } of made.services.map(({ contract }) => contract))
        await registry.register({ service, id, version, status: 'up', endpoints: { [DURE]: listener.address }, metadata: {} })
    },
    dies: nemesis.dies,
    died: (owner, silent) => {
      for (const [service, holder] of owners) if (holder === owner) owners.delete(service)
      network.died(owner, silent)
      servers.died(owner, silent)
      hub.forget(owner, silent ? 3_000 : 300)
    },
    onFailedStart: (slot, error) => {
      if (faults.happened().length === 0) failedStarts.push(`${slot.name}: ${messageOf(error)}`)
    },
  })
  const guards = createGuards({ source: made.policies, runtime: users.runtime, log: silentLogger() })
  const wire = network.wires(users).connect({ registry: hub.open(users), ...users })
  const outside = usersWorld(users, wire)
  const guarded = usersWorld(users, guards.around(wire, undefined))
  const running = (): Running | undefined =>
    slots.all.find((slot) => slot.running !== undefined && slot.process?.state === 'alive')?.running
  const load = createLoad({
    ...{
      simulation,
      world: { ...guarded, ...askedOf(running) },
      chance,
      trace,
      now: engine.now,
      only: only?.steps,
    },
    random: (name) => seededRandom(mix(chance.seed(name), 1)),
  })
  return {
    engine,
    trace,
    placed,
    faults,
    nemesis,
    network,
    servers,
    slots,
    load,
    outside,
    guarded,
    guards,
    running,
    marks,
    sometimes,
    failedStarts,
  }
}

/** Milliseconds of virtual time for which users are at work. */
export function durationOf({ load }: Simulation): number {
  return load.duration ?? 60_000
}

/** Partitions of topics: with more than one, keys overtake each other. */
export function partitionsOf(chance: Chance): number {
  return 1 + Math.floor(chance.site('partitions')() * 3)
}

/** @throws {TypeError} when a service is of one release alone: then nobody could say where it runs */
function checkReleases(own: System, before: System): void {
  const [now, then] = [own, before].map(({ services }) => services.map(({ contract }) => contract.name).toSorted())
  if (now!.join() === then!.join()) return
  throw new TypeError(
    `Cannot simulate: the release before has the services ${then!.join(', ')}, and the system has ${now!.join(', ')}; give both the same`,
  )
}

/** The system for one life of one process: its own, on the real parts, with what may befall them in between. */
function systemsOf(options: {
  readonly source: SystemSource
  readonly simulation: Simulation
  readonly engine: Engine
  readonly chance: Chance
  readonly nemesis: Nemesis
  readonly sometimes: (what: string) => void
  readonly owners: Map<string, Process>
  /** Services with copies: their stores are at a server. */
  readonly many: ReadonlySet<string>
  readonly servers: Servers
  readonly hub: ReturnType<typeof createRegistryHub>
}): (owner: Process, release: Release) => Promise<System> {
  const { simulation, engine, nemesis, sometimes, owners, many, servers, hub } = options
  const partitions = partitionsOf(options.chance)
  return async (process, release) => {
    const source = release === 'before' ? simulation.before! : options.source
    const given = typeof source === 'function' ? source(process) : source
    const own = given instanceof Promise ? await engine.aside(given) : given
    return {
      ...own,
      doors: [],
      telemetry: false,
      stores: {},
      schemas: undefined,
      registry: () => hub.open(process),
      database: simulatedDatabase({
        ...{ process, owners, between: simulation.store, fate: { ...nemesis.store, sometimes } },
        adapter: (world) => {
          const file = sqlite({ durability: 'process' })(world)
          const server = serverStore({ process, servers, latency: nemesis.server, sometimes })(world)
          return { name: file.name, open: (service, definition) => (many.has(service) ? server : file).open(service, definition) }
        },
      }),
      broker: simulatedBroker({
        ...{ process, between: simulation.broker, fate: { ...nemesis.broker, sometimes } },
        adapter: embeddedBroker({ durability: 'process', partitions }),
      }),
    }
  }
}

function usersWorld({ runtime, pause }: Process, transport: Parameters<typeof clientFactory>[0]['transport']): LoadWorld {
  const clients = new Map<AnyContract, unknown>()
  return {
    client: <C extends AnyContract>(contract: C) => {
      if (!clients.has(contract)) clients.set(contract, clientFactory({ contract, transport, runtime })({ service: undefined }))
      return clients.get(contract) as Client<C>
    },
    runtime,
    sleep: pause,
  }
}

/** What people ask of services, through whichever process is up. */
export function askedOf(running: () => Running | undefined): Pick<CheckWorld, 'deadLetters' | 'ask'> {
  return {
    deadLetters: (service) => running()?.deadLetters(service),
    ask: async (service, question) => running()?.ask(service, question),
  }
}
