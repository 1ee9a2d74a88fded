import { checkSimulation, type Simulation, type SimulationSource, type SystemSource } from '../run/run.ts'

export type Loaded = {
  readonly simulation: SimulationSource
  readonly system: SystemSource | undefined
  /** What it says should be seen over many runs. */
  readonly expects: readonly string[]
}

/**
 * The simulation that a module exports, and its system: the simulation's own, or the module's default export. A function
 * that gives a promise is asked once, for the simulation itself: so a system's file need not load it to be started.
 * @param name what the module is called in errors; default: its URL
 * @throws {TypeError} when there is none, or one that would test nothing
 */
export async function loadSimulation(url: string, name: string = url): Promise<Loaded> {
  const exports = (await import(url)) as Readonly<Record<string, unknown>>
  const exported = exports['simulation']
  const given: unknown = typeof exported === 'function' ? (exported as () => unknown)() : exported
  const simulation = given instanceof Promise ? ((await given) as unknown) : exported
  if (typeof simulation !== 'function' && !isSimulation(simulation)) {
    throw new TypeError(
      `Cannot simulate "${name}": it exports no simulation; add: export const simulation = { load: { step: … }, invariants: { … } }`,
    )
  }
  const source = simulation as SimulationSource
  const one = typeof source === 'function' ? source() : source
  if (!isSimulation(one)) throw new TypeError(`Cannot simulate "${name}": its simulation has no load or no invariants`)
  checkSimulation(one)
  const { expects = [] } = one
  if (one.system !== undefined) return { simulation: source, system: undefined, expects }
  const system = exports['default']
  if (typeof system !== 'function' && (typeof system !== 'object' || system === null)) {
    throw new TypeError(`Cannot simulate "${name}": neither its default export nor its simulation is a system`)
  }
  return { simulation: source, system: system as SystemSource, expects }
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
