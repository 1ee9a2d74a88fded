import type { Only } from './options.ts'
import type { Outcome } from './outcome.ts'
import { simulate, type SimulateOptions } from './simulate.ts'

/** A failing run, made as small as it could be made. */
export type Shrunk = {
  /** The smallest run, with every line of it. */
  readonly outcome: Outcome
  readonly only: Only
  /** Runs that it took. */
  readonly runs: number
}

/**
 * Makes a failing run smaller while it fails in the same way: first with fewer faults, then with fewer steps of users,
 * then with fewer faults again (delta debugging, Zeller 1999). What is left out does not change the dice of what is left.
 * @param options.most runs that it may take; default 500
 * @param options.run what runs it; default: this thread
 *
 * @example
 * ```ts
 * import { shrink, simulate, type Simulation } from '@dure/simulation'
 * import { contract, query } from 'dure/contract'
 * import { service, system } from 'dure/service'
 * import { z } from 'zod'
 *
 * const Clock = contract('clock', { version: '1.0.0', owner: 'team-time', operations: { now: query({ output: z.date() }) } })
 * const clock = service(Clock, { handlers: { now: () => new Date(0) } })
 * const simulation: Simulation = {
 *   system: system('time', { services: [clock] }),
 *   load: { duration: 5_000, step: async ({ client }) => void (await client(Clock).now()) },
 *   invariants: {
 *     'time goes on': async ({ client }) => {
 *       if (Number(await client(Clock).now()) === 0) throw new Error('it stands still')
 *     },
 *   },
 * }
 * const small = await shrink({ simulation, seed: 1, outcome: await simulate({ simulation, seed: 1 }) })
 * console.log(small.outcome.kind, small.outcome.faults.length, small.outcome.steps.length) // → violated 0 0
 * ```
 */
export async function shrink(
  options: Omit<SimulateOptions, 'record' | 'only'> & {
    readonly outcome: Outcome
    readonly most?: number
    readonly run?: (how: SimulateOptions) => Promise<Outcome>
  },
): Promise<Shrunk> {
  const { outcome: first, most = 500, run = simulate, ...how } = options
  let runs = 0
  let best: Outcome = first
  let only: Only = { faults: new Set(keysOf(first)), steps: new Set(first.steps) }

  /** With less going on, what a fault is to befall may come a little earlier than it did. */
  const fails = async (tried: Only): Promise<boolean> => {
    if (tried.pins === undefined) return failsExactly(tried)
    for (const slack of [only.slack, ...SLACKS.filter((one) => one !== only.slack)]) {
      if (await failsExactly({ ...tried, slack })) return true
    }
    return false
  }

  const failsExactly = async (tried: Only): Promise<boolean> => {
    if (runs >= most) return false
    runs++
    const outcome = await run({ ...how, only: tried })
    if (!isSame(outcome, first)) return false
    best = outcome
    only = tried
    return true
  }

  const fewerFaults = async (): Promise<void> => {
    await smaller(keysOf(best), (faults) => fails({ ...only, faults: new Set(faults) }))
  }
  const fewerSteps = async (): Promise<void> => {
    await smaller(best.steps, (steps) => fails({ ...only, steps: new Set(steps) }))
  }

  // What befell the hundredth message would befall another one with fewer steps: it is held to where it came.
  const pins = new Map(first.faults.flatMap(({ key, pin }) => (pin === undefined ? [] : [[key, pin] as const])))
  if (pins.size > 0) await failsExactly({ ...only, pins })
  await fewerFaults()
  await fewerSteps()
  await fewerFaults()
  const recorded = await run({ ...how, only, record: true })
  return { outcome: isSame(recorded, first) ? recorded : best, only, runs }
}

/** How exactly a fault is held to where it came. */
const SLACKS: readonly Only['slack'][] = [undefined, { ms: 20, skip: 0 }, { ms: 20, skip: 1 }]

function keysOf(outcome: Outcome): readonly string[] {
  return outcome.faults.map(({ key }) => key)
}

/** Whether a run failed as another did. */
export function isSame(one: Outcome, other: Outcome): boolean {
  if (one.kind !== other.kind) return false
  if (one.kind === 'violated' && other.kind === 'violated') return one.invariant === other.invariant
  if (one.kind === 'stuck' && other.kind === 'stuck') return one.phase === other.phase
  return true
}

/** Leaves parts of a list out, large parts first, as long as what is left still fails. */
async function smaller(list: readonly string[], fails: (part: readonly string[]) => Promise<boolean>): Promise<void> {
  if (list.length === 0 || (await fails([]))) return
  let left = list
  for (let size = Math.ceil(left.length / 2); left.length > 1;) {
    const before = left.length
    for (let from = 0; from < left.length && left.length > 1;) {
      const without = [...left.slice(0, from), ...left.slice(from + size)]
      if (without.length > 0 && (await fails(without))) left = without
      else from += size
    }
    // One by one as long as that still takes something away.
    if (size === 1 && left.length === before) return
    size = Math.ceil(size / 2)
  }
}
