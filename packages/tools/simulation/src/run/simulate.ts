import { createChance } from '../kernel/kernel.ts'
import { checkSimulation } from './validate.ts'
import type { FaultKind } from './faults.ts'
import { threadFolder } from './folder.ts'
import type { Replicas, Only, SimulationSource, SystemSource } from './options.ts'
import type { Outcome } from './outcome.ts'
import { run } from './scenario.ts'
import { makeTemplate } from './template.ts'
import { partitionsOf } from './world.ts'

export type SimulateOptions = {
  /** Default: the simulation's own. */
  readonly system?: SystemSource | undefined
  readonly simulation: SimulationSource
  readonly seed: number
  /** Kinds of faults that may befall it. Default: those of the simulation. */
  readonly faults?: readonly FaultKind[] | undefined
  /** Copies of services, in place of those of the simulation. */
  readonly replicas?: Replicas | undefined
  /** Keeps every line of what happens. */
  readonly record?: boolean | undefined
  /** A part of what the seed would make happen. */
  readonly only?: Only | undefined
}

type Templates = Map<number, Promise<ReadonlyMap<string, Uint8Array>>>
const templates = new WeakMap<object, Templates>()
let busy: Promise<unknown> = Promise.resolve()

/**
 * Runs a system once, from a seed. Runs of one thread happen one after another.
 * @throws when the system cannot be started even once, without any faults
 *
 * @example
 * ```ts
 * import { simulate, type Simulation } from '@dure/simulation'
 * import { contract, query } from 'dure/contract'
 * import { service, system } from 'dure/service'
 * import { z } from 'zod'
 *
 * const Clock = contract('clock', { version: '1.0.0', owner: 'team-time', operations: { now: query({ output: z.date() }) } })
 * const clock = service(Clock, { handlers: { now: (_, { clock }) => new Date(clock.now()) } })
 * const simulation: Simulation = {
 *   system: system('time', { services: [clock] }),
 *   load: { duration: 5_000, step: async ({ client }) => void (await client(Clock).now()) },
 *   invariants: {
 *     'time goes on': async ({ client }) => {
 *       if (Number(await client(Clock).now()) === 0) throw new Error('It stands still')
 *     },
 *   },
 * }
 * const outcome = await simulate({ simulation, seed: 7 })
 * console.log(outcome.kind, outcome.hash === (await simulate({ simulation, seed: 7 })).hash) // → held true
 * ```
 */
export function simulate(options: SimulateOptions): Promise<Outcome> {
  const mine = busy.then(() => simulateNow(options))
  busy = mine.catch(() => {})
  return mine
}

async function simulateNow(options: SimulateOptions): Promise<Outcome> {
  const { seed, faults, record = false, only } = options
  const given = typeof options.simulation === 'function' ? await options.simulation() : options.simulation
  const simulation = { ...given, replicas: options.replicas ?? given.replicas }
  checkSimulation(simulation)
  const system = options.system ?? simulation.system
  if (system === undefined) throw new Error('Cannot simulate: neither the options nor the simulation name a system')
  const folder = threadFolder()
  // Stores are as the first release leaves them.
  const { before } = simulation
  const key = before === undefined ? (options.system ?? options.simulation) : options.simulation
  const files = await templateOf(key, before ?? system, partitionsOf(createChance(seed)))
  return run({ seed, system, simulation, folder, files, record, only, faults })
}

function templateOf(key: object, system: SystemSource, partitions: number): Promise<ReadonlyMap<string, Uint8Array>> {
  let known = templates.get(key)
  if (known === undefined) templates.set(key, (known = new Map()))
  let template = known.get(partitions)
  if (template === undefined) known.set(partitions, (template = makeTemplate(system, threadFolder(), partitions)))
  return template
}
