import { availableParallelism } from 'node:os'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { FaultKind, SimulationSource, SystemSource } from '../run/run.ts'
import { createReport, type Report } from './report.ts'
import { trySeed, type SeedResult } from './seeds.ts'
import type { FromWorker, WorkerWish } from './worker.ts'

export { loadSimulation } from './load.ts'
export { describeReport, RARE, type Report } from './report.ts'
export { trySeed, type SeedResult } from './seeds.ts'

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
  /** Threads, when a file is given. Default: one for each core. */
  readonly threads?: number
  /** Runs one in so many seeds twice. Default 50. */
  readonly verify?: number
  /** Stops after so many seeds that do not hold. Default: 10. */
  readonly failures?: number
  /** Names that `sometimes` is expected to be called with. Default: those of the simulation; with a file, none. */
  readonly expects?: readonly string[]
  readonly onSeed?: (result: SeedResult) => void
}

/** Runs many seeds and tells what they have shown. */
export async function explore(options: ExploreOptions): Promise<Report> {
  const { seeds = 100, from = 1, failures = 10, onSeed, expects = expectedOf(options.simulation) } = options
  const { add, report } = createReport(expects)
  const began = performance.now()
  let processor = 0
  let failed = 0
  let stopped = false
  const take = (result: SeedResult): void => {
    add(result)
    if (result.outcome.kind !== 'held' && ++failed >= failures) stopped = true
    onSeed?.(result)
  }
  const { file } = options
  if (file === undefined) {
    const { simulation, system, faults, verify = 50 } = options
    if (simulation === undefined) throw new TypeError('Cannot explore: give a simulation, or a file that exports one')
    const before = process.cpuUsage()
    for (let seed = from; seed < from + seeds && !stopped; seed++)
      take(await trySeed({ simulation, system, faults, seed, verify }))
    const { user, system: kernel } = process.cpuUsage(before)
    processor = (user + kernel) / 1_000
  } else {
    const threads = Math.max(1, Math.min(options.threads ?? availableParallelism(), seeds))
    let next = from
    const { faults, verify = 50 } = options
    const wish: WorkerWish = { file: pathToFileURL(file).href, faults: faults === undefined ? undefined : [...faults], verify }
    await Promise.all(
      Array.from({ length: threads }, () =>
        work(wish, {
          next: () => (stopped || next >= from + seeds ? undefined : next++),
          take,
          cost: (ms) => void (processor += ms),
        }),
      ),
    )
  }
  return report({ processor, elapsed: performance.now() - began })
}

/** What a simulation itself says should be seen. */
function expectedOf(source: SimulationSource | undefined): readonly string[] {
  return (typeof source === 'function' ? source() : source)?.expects ?? []
}

/** One thread, which is handed one seed after another. */
function work(
  wish: WorkerWish,
  hands: {
    readonly next: () => number | undefined
    readonly take: (result: SeedResult) => void
    readonly cost: (ms: number) => void
  },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const fromSource = import.meta.url.endsWith('.ts')
    const worker = new Worker(new URL(fromSource ? './worker.ts' : './worker.js', import.meta.url), {
      workerData: wish,
      // In a checkout nothing is built; a thread knows nothing of what its process was told of that.
      ...(fromSource ? { execArgv: [...process.execArgv, '--conditions=source'] } : {}),
    })
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    const hand = (): void => worker.postMessage(hands.next())
    worker.on('message', (message: FromWorker) => {
      if (message.kind === 'result') {
        hands.take(message.result)
        hand()
      } else if (message.kind === 'ready') hand()
      else if (message.kind === 'cost') hands.cost(message.ms)
      else reject(new Error(message.message))
    })
    worker.on('error', reject)
    worker.on('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`A thread of the simulation ended with code ${code}`)),
    )
  })
}
