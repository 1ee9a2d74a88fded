import { parentPort, workerData } from 'node:worker_threads'
import { CallError } from 'dure/contract'
import { describeThrown, isInstance } from 'dure/contract/internal'
import { modulesLoaded, withoutMarks } from '../kernel/kernel.ts'
import { messageOf, simulate, type FaultKind, type Only, type Replicas } from '../run/run.ts'
import { playing, type PlayOptions } from '../story/story.ts'
import { loadSimulation } from './load.ts'
import { trySeed, type SeedResult } from './try-seed.ts'

/** What a thread runs. */
export type WorkerOptions = {
  readonly file: string
  readonly faults: readonly FaultKind[] | undefined
  readonly replicas: Replicas | undefined
  /** Loads the modules anew for each run, also where that seems not to be needed. */
  readonly anew: boolean
  /** Plays this, instead of what users do. */
  readonly play?: PlayOptions | undefined
}

/** One run; or one seed as `trySeed` runs it, twice when it fails, and one in so many (`verify`). */
export type Task = { readonly seed: number; readonly record?: boolean | undefined } & (
  | { readonly kind: 'run'; readonly only?: Only | undefined }
  | { readonly kind: 'seed'; readonly verify: number }
)

export type FromWorker =
  | { readonly kind: 'ready' }
  | {
      readonly kind: 'done'
      readonly result: SeedResult
      /** Milliseconds of processor time that it took. */
      readonly processor: number
      /** It holds so many modules that another thread is to go on. */
      readonly full: boolean
    }
  | { readonly kind: 'failed'; readonly message: string }

/** Modules that a thread loads anew: about 400 MB of them. */
const MOST_MODULES = 25_000

const port = parentPort
if (port !== null) {
  const { file, faults, replicas, anew: always, play } = workerData as WorkerOptions
  const say = (message: FromWorker): void => port.postMessage(message)
  try {
    const { simulation: loaded, anew: again, system: own } = await loadSimulation(file)
    const anew: typeof again = play === undefined ? again : async () => playing(await again(), own, play)
    const system = play === undefined ? own : undefined
    const simulation = always || play !== undefined ? anew : loaded
    port.on('message', ({ kind, ...task }: Task) => {
      const before = process.threadCpuUsage()
      const how = { simulation, system, faults, replicas, ...task }
      const { seed } = task
      const done: Promise<SeedResult> =
        kind === 'seed' ? trySeed({ ...how, anew }) : simulate(how).then((outcome) => ({ seed, outcome, verified: false }))
      done.then(
        (result) => {
          const { user, system: kernel } = process.threadCpuUsage(before)
          say({ kind: 'done', result, processor: (user + kernel) / 1_000, full: modulesLoaded() > MOST_MODULES })
        },
        (error: unknown) => say({ kind: 'failed', message: wordsOf(error) }),
      )
    })
    say({ kind: 'ready' })
  } catch (error) {
    say({ kind: 'failed', message: wordsOf(error) })
  }
}

/** With the lines of the user's own code, which are where to look; an error of the library says all there is to say. */
function wordsOf(error: unknown): string {
  const message = messageOf(error)
  if (error instanceof CallError || isInstance(error, TypeError)) return message
  const own = (describeThrown(error).stack ?? '')
    .split('\n')
    .filter((line) => /^\s+at /.test(line) && !/node:internal|node_modules/.test(line))
  return withoutMarks([message, ...own.slice(0, 3)].join('\n'))
}
