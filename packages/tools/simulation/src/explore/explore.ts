import { realRuntime } from 'dure/runtime'
import { checkNumbers, COUNT, COUNT_OR_NONE, inTime, WAIT, type Range, type Ranges } from 'dure/runtime/internal'
import { availableParallelism } from 'node:os'
import type { FaultKind, Replicas, SimulationSource, SystemSource } from '../run/run.ts'
import { createReport, type Report } from './report.ts'
import { trySeed, type SeedResult } from './try-seed.ts'
import { openThread, type Done, type Thread } from './thread.ts'

export { loadSimulation } from './load.ts'
export { describeReport, RARE, type Report } from './report.ts'
export { trySeed, type SeedResult } from './try-seed.ts'
export { openThread, type Thread } from './thread.ts'

export type ExploreOptions = {
  /** A simulation of this thread; or give `file`, and several threads run it. */
  readonly simulation?: SimulationSource
  readonly system?: SystemSource
  /** A module that exports `simulation`, and by default a system if the simulation names none. */
  readonly file?: string
  /** How many, and the first. Default: 100 from 1. */
  readonly seeds?: number
  readonly from?: number
  readonly faults?: readonly FaultKind[] | undefined
  /** Copies of services, in place of those of the simulation. */
  readonly replicas?: Replicas | undefined
  /** Threads, when a file is given. Default: one for each core. */
  readonly threads?: number
  /** Runs one in so many seeds twice. Default 50. */
  readonly verify?: number
  /** Stops after so many seeds that do not hold. Default: 10. */
  readonly failures?: number
  /** Names that `sometimes` is expected to be called with. Default: those of the simulation; with a file, none. */
  readonly expects?: readonly string[]
  readonly onSeed?: (result: SeedResult) => void
  /** With a file: told when all seeds are run again from the first, because its modules remember earlier runs. */
  readonly onAgain?: () => void
  /**
   * Milliseconds by the clock on the wall that one seed may take, run twice or not. Default 300,000. What
   * never lets go of its thread can be ended only where a file is given.
   */
  readonly timeout?: number
  /** Told every 15 seconds of each seed that has been running for as long: with the milliseconds. */
  readonly onSlow?: (seed: number, ms: number) => void
}

/** Seeds are words of 32 bits: a larger one would be another's run once more. */
const LAST = 0xffffffff
const SEED: Range = { least: 0, most: LAST, whole: true }
const NUMBERS: Ranges<ExploreOptions> = {
  seeds: { ...SEED, least: 1 },
  from: SEED,
  threads: COUNT,
  verify: COUNT_OR_NONE,
  failures: COUNT,
  timeout: WAIT,
}
/** Milliseconds after which a seed that is still running is spoken of, each time. */
const SLOW = 15_000

/**
 * Runs many seeds and tells what they have shown.
 * @throws {RangeError} when there are no such seeds
 * @throws when the system cannot be started even once, or a seed goes on for longer than `timeout`
 *
 * @example
 * ```ts
 * import { explore } from '@dure/simulation'
 * import { contract, query } from 'dure/contract'
 * import { service, system } from 'dure/service'
 * import { z } from 'zod'
 *
 * const Clock = contract('clock', { version: '1.0.0', owner: 'team-time', operations: { now: query({ output: z.date() }) } })
 * const clock = service(Clock, { handlers: { now: (_, { clock }) => new Date(clock.now()) } })
 * const { held, failures } = await explore({
 *   seeds: 3,
 *   simulation: {
 *     system: system('time', { services: [clock] }),
 *     load: { duration: 5_000, step: async ({ client }) => void (await client(Clock).now()) },
 *     invariants: { 'somebody can be asked': async ({ client }) => void (await client(Clock).now()) },
 *   },
 * })
 * console.log(held, failures.length) // → 3 0
 * ```
 */
export async function explore(options: ExploreOptions): Promise<Report> {
  const { seeds = 100, from = 1, onAgain, expects = await expectedOf(options.simulation) } = options
  if (!Number.isInteger(from) || from < 0 || !Number.isInteger(seeds) || seeds < 1 || from + seeds - 1 > LAST)
    throw new RangeError(`Cannot explore ${seeds} seeds from ${from}: seeds are whole numbers from 0 to ${LAST}`)
  checkNumbers('explore seeds', options, NUMBERS)
  const known = { seeds, from, expects }
  const report = await exploreSeeds(options, { ...known, anew: false })
  if (report !== undefined) return report
  onAgain?.()
  return (await exploreSeeds(options, { ...known, anew: true }))!
}

/** Undefined when modules turned out to remember earlier runs, so that nothing that was seen may count. */
async function exploreSeeds(
  options: ExploreOptions,
  known: { readonly seeds: number; readonly from: number; readonly expects: readonly string[]; readonly anew: boolean },
): Promise<Report | undefined> {
  const { file, faults, replicas, verify = 50 } = options
  const { seeds, from, expects, anew } = known
  const counters = createCounters(options, expects)
  const workers =
    file === undefined
      ? [thisThread(options)]
      : Array.from({ length: Math.max(1, Math.min(options.threads ?? availableParallelism(), seeds)) }, () =>
          openThread({ file, faults, replicas, anew }),
        )
  let next = from
  let processor = 0
  let remembers = false
  const work = async ({ ask }: Asked): Promise<void> => {
    while (!remembers && !counters.isFull() && next < from + seeds) {
      const seed = next++
      const done = await timed(seed, options, ask({ kind: 'seed', seed, verify: seed === from && verify > 0 ? 1 : verify }))
      processor += done.processor
      if (done.result.remembers === true) remembers = true
      else if (!remembers) counters.take(done.result)
    }
  }
  try {
    await Promise.all(workers.map(work))
  } finally {
    // One that failed, or that never lets go, would keep this process alive.
    await Promise.all(workers.map(({ close }) => close()))
  }
  return remembers ? undefined : counters.report(processor)
}

type Asked = Pick<Thread, 'close'> & {
  readonly ask: (task: {
    readonly kind: 'seed'
    readonly seed: number
    readonly verify: number
  }) => Promise<Pick<Done, 'result' | 'processor'>>
}

/** For a simulation that is handed over as a value. */
function thisThread({ simulation, system, faults, replicas }: ExploreOptions): Asked {
  if (simulation === undefined) throw new TypeError('Cannot explore: give a simulation, or a file that exports one')
  return {
    ask: async ({ seed, verify }) => {
      const before = process.cpuUsage()
      const result = await trySeed({ simulation, system, faults, replicas, seed, verify })
      const { user, system: kernel } = process.cpuUsage(before)
      return { result, processor: (user + kernel) / 1_000 }
    },
    close: async () => {},
  }
}

/** By the clock on the wall: tells of a seed that runs for long, and fails when it takes too long. */
async function timed<T>(seed: number, { timeout = 300_000, onSlow }: ExploreOptions, work: Promise<T>): Promise<T> {
  const { clock, timers } = realRuntime()
  const began = clock.monotonic()
  const tell = (): void => {
    onSlow?.(seed, clock.monotonic() - began)
    telling = timers.after(SLOW, tell)
  }
  let telling = timers.after(SLOW, tell)
  const late = (): never => {
    throw new Error(
      `Seed ${seed} has not ended after ${Math.round(timeout / 1_000)} s on the clock: its run is very large, or something in it ` +
        'never lets go of the thread, such as a loop without end',
    )
  }
  return await inTime(timers, timeout, work, late).finally(() => telling.cancel())
}

/** What was seen so far. */
function createCounters({ failures = 10, onSeed }: ExploreOptions, expects: readonly string[]) {
  const { add, report } = createReport(expects)
  const began = performance.now()
  let failed = 0
  return {
    take: (result: SeedResult): void => {
      add(result)
      if (result.outcome.kind !== 'held') failed++
      onSeed?.(result)
    },
    isFull: () => failed >= failures,
    report: (processor: number) => report({ processor, elapsed: performance.now() - began }),
  }
}

/** What a simulation itself says should be seen. */
async function expectedOf(source: SimulationSource | undefined): Promise<readonly string[]> {
  return (typeof source === 'function' ? await source() : source)?.expects ?? []
}
