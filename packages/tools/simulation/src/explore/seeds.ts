import { simulate, type Outcome, type SimulateOptions } from '../run/run.ts'

/** What becomes of one seed, small enough to be sent from one thread to another. */
export type SeedResult = {
  readonly seed: number
  readonly outcome: Outcome
  /** Run twice, and both runs were the same. */
  readonly verified: boolean
}

/**
 * Runs one seed; every so often twice, and whenever it fails: a seed that does not give the same run again could not be
 * replayed, and something in the system asks the real world.
 * @param options.verify runs one in so many seeds twice; default 50, and 0 for none but those that fail
 */
export async function trySeed(options: SimulateOptions & { readonly verify?: number }): Promise<SeedResult> {
  const { verify = 50, ...how } = options
  const outcome = await simulate(how)
  const { seed } = how
  if (outcome.kind === 'held' && (verify === 0 || seed % verify !== 0)) return { seed, outcome, verified: false }
  const again = await simulate(how)
  if (again.hash === outcome.hash && again.kind === outcome.kind) return { seed, outcome, verified: true }
  return { seed, outcome: { ...outcome, kind: 'nondeterministic', message: await firstDifference(how) }, verified: true }
}

async function firstDifference(how: SimulateOptions): Promise<string> {
  const [one, other] = [await simulate({ ...how, record: true }), await simulate({ ...how, record: true })]
  for (let at = 0; at < Math.max(one.lines.length, other.lines.length); at++) {
    const [a, b] = [one.lines[at], other.lines[at]]
    const [left, right] = [
      a && `${a.time.toFixed(3)} ${a.who} ${a.what} ${a.detail ?? ''}`,
      b && `${b.time.toFixed(3)} ${b.who} ${b.what} ${b.detail ?? ''}`,
    ]
    if (left !== right) return `two runs differ first at line ${at + 1}: "${left ?? 'the end'}" and "${right ?? 'the end'}"`
  }
  return 'two runs had different hashes, and two others had the same lines'
}
