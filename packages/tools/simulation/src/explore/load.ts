import type { System } from 'dure/service'
import { type Exports, importFresh } from '../kernel/kernel.ts'
import { checkSimulation, type Simulation, type SimulationSource, type SystemSource } from '../run/run.ts'

export type Loaded = {
  /**
   * A simulation that makes its system itself, for each life of each process, is made by a function of a module that is
   * loaded once; any other is loaded anew for each run, which takes longer.
   */
  readonly simulation: SimulationSource
  /** Loads the file anew for each run. */
  readonly anew: () => Promise<Simulation>
  /** Loads the file anew for each life of each process; undefined when the simulation names its system. */
  readonly system: SystemSource | undefined
  /** The simulation makes its system itself, so what modules keep in memory outlives a crash within a run. */
  readonly keepsModules: boolean
  /** What it says should be seen over many runs. */
  readonly expects: readonly string[]
}

/**
 * The simulation that a module exports, and its system: the simulation's own, or the module's default export. What the
 * modules of a system that is exported as it is keep in memory is gone when a process dies, as it is in earnest.
 * @param name what the module is called in errors; default: its URL
 * @throws {TypeError} when there is none, or one that would test nothing
 *
 * @example
 * ```ts
 * import { writeFileSync } from 'node:fs'
 * import { pathToFileURL } from 'node:url'
 * import { loadSimulation } from '@dure/simulation'
 *
 * writeFileSync(
 *   'shop.mjs',
 *   `export default () => ({})
 *    export const simulation = { load: { step: async () => {} }, invariants: {}, expects: ['a card was declined'] }`,
 * )
 * const { expects } = await loadSimulation(pathToFileURL('shop.mjs').href)
 * console.log(expects) // → [ 'a card was declined' ]
 * ```
 */
export async function loadSimulation(url: string, name: string = url): Promise<Loaded> {
  const exports = exportsOf((await import(url)) as Exports)
  const source = await sourceOf(exports, name)
  const first = simulationOf(source, name)
  const { expects = [] } = first
  const again = async (): Promise<Simulation> => simulationOf(await sourceOf(exportsOf(await importFresh(url)), name), name)
  const anew = async (): Promise<Simulation> => {
    const one = await again()
    const fresh = (part: 'system' | 'before') =>
      typeof one[part] === 'object' && { [part]: async () => (await again())[part] as System }
    return { ...one, ...fresh('system'), ...fresh('before') }
  }
  if (first.system !== undefined) {
    const made = typeof source === 'function' && typeof first.system === 'function'
    const keepsModules = typeof first.system === 'function'
    return { simulation: made ? (source as () => Simulation) : anew, anew, system: undefined, keepsModules, expects }
  }
  const given = exports['default']
  if (typeof given !== 'function' && (typeof given !== 'object' || given === null)) {
    throw new TypeError(`Cannot simulate "${name}": neither its default export nor its simulation is a system`)
  }
  const system: SystemSource = async (process) => {
    const loaded = exportsOf(await importFresh(url))['default'] as SystemSource
    return typeof loaded === 'function' ? loaded(process) : loaded
  }
  return { simulation: anew, anew, system, keepsModules: false, expects }
}

/** What a module compiled to CommonJS exports is what its default export holds. */
function exportsOf(loaded: Exports): Exports {
  const { default: inner } = loaded
  return typeof inner === 'object' && inner !== null && 'default' in inner ? (inner as Exports) : loaded
}

/** A function that gives a promise is asked for the simulation itself: so a system's file need not load it to be started. */
async function sourceOf(exports: Exports, name: string): Promise<unknown> {
  const exported = exports['simulation']
  const given: unknown = typeof exported === 'function' ? (exported as () => unknown)() : exported
  const source = given instanceof Promise ? ((await given) as unknown) : exported
  if (typeof source === 'function' || isSimulation(source)) return source
  throw new TypeError(
    `Cannot simulate "${name}": it exports no simulation; add: export const simulation = { load: { step: … }, invariants: { … } }`,
  )
}

function simulationOf(source: unknown, name: string): Simulation {
  const one: unknown = typeof source === 'function' ? (source as () => unknown)() : source
  if (!isSimulation(one)) throw new TypeError(`Cannot simulate "${name}": its simulation has no load or no invariants`)
  checkSimulation(one)
  return one
}

function isSimulation(value: unknown): value is Simulation {
  const one = value as Partial<Simulation> | null | undefined
  return (
    typeof one === 'object' &&
    one !== null &&
    typeof one.load?.step === 'function' &&
    typeof one.invariants === 'object' &&
    one.invariants !== null
  )
}
