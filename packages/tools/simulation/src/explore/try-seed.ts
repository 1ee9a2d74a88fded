import { causesOf, watchWorld } from '../kernel/kernel.ts'
import { simulate, type Outcome, type SimulateOptions, type SimulationSource } from '../run/run.ts'

/** What becomes of one seed, small enough to be sent from one thread to another. */
export type SeedResult = {
  readonly seed: number
  readonly outcome: Outcome
  /** Run twice, and both runs were the same. */
  readonly verified: boolean
  /** The run is another one when the modules are loaded anew: they remember earlier runs, so `simulation` is of no use. */
  readonly remembers?: boolean
}

/**
 * Runs one seed; every so often twice, and whenever it fails: a seed that does not give the same run again could not be
 * replayed, and something in the system asks the real world. Where the modules can be loaded anew, that decides.
 * @param options.verify runs one in so many seeds twice; default 50, and 0 for none but those that fail
 * @param options.anew gives the same simulation from modules that are loaded anew
 */
export async function trySeed(
  options: SimulateOptions & { readonly verify?: number; readonly anew?: SimulationSource | undefined },
): Promise<SeedResult> {
  const { verify = 50, anew, ...how } = options
  const { seed } = how
  let outcome = await simulate(how)
  if (outcome.kind === 'held' && (verify === 0 || seed % verify !== 0)) return { seed, outcome, verified: false }
  let again = await simulate(how)
  const same = (): boolean => again.hash === outcome.hash && again.kind === outcome.kind
  let remembers = false
  if (anew !== undefined && anew !== how.simulation && (outcome.kind !== 'held' || !same())) {
    const fresh = { ...how, simulation: anew }
    const first = outcome
    outcome = await simulate(fresh)
    again = await simulate(fresh)
    remembers = same() && (outcome.hash !== first.hash || outcome.kind !== first.kind)
  }
  if (same()) return { seed, outcome, verified: true, remembers }
  const message = await firstDifference({ ...how, simulation: anew ?? how.simulation })
  return { seed, outcome: { ...outcome, kind: 'nondeterministic', message }, verified: true }
}

async function firstDifference(how: SimulateOptions): Promise<string> {
  const watch = watchWorld()
  const [one, other] = [await simulate({ ...how, record: true }), await simulate({ ...how, record: true })]
  const cure = causesOf(watch.stop())
  for (let at = 0; at < Math.max(one.lines.length, other.lines.length); at++) {
    const [a, b] = [one.lines[at], other.lines[at]]
    const [left, right] = [
      a && `${a.time.toFixed(3)} ${a.who} ${a.what} ${a.detail ?? ''}`,
      b && `${b.time.toFixed(3)} ${b.who} ${b.what} ${b.detail ?? ''}`,
    ]
    if (left !== right)
      return `two runs differ first at line ${at + 1}: "${left ?? 'the end'}" and "${right ?? 'the end'}"\n${cure}`
  }
  return `two runs had different hashes, and two others had the same lines\n${cure}`
}
