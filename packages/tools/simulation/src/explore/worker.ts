import { parentPort, workerData } from 'node:worker_threads'
import { CallError, describeThrown, isInstance } from 'dure/contract'
import { messageOf, type FaultKind } from '../run/run.ts'
import { loadSimulation } from './load.ts'
import { trySeed, type SeedResult } from './seeds.ts'

/** What a thread is to do. */
export type WorkerWish = {
  readonly file: string
  readonly faults: readonly FaultKind[] | undefined
  readonly verify: number
  /** The first seed of all: it is run twice, so that few seeds find out a run that is not the same again as well. */
  readonly first: number
}

export type FromWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'result'; readonly result: SeedResult }
  /** Milliseconds of processor time that it took in all. */
  | { readonly kind: 'cost'; readonly ms: number }
  | { readonly kind: 'failed'; readonly message: string }

const port = parentPort
if (port !== null) {
  const { file, faults, verify, first } = workerData as WorkerWish
  const say = (message: FromWorker): void => port.postMessage(message)
  try {
    const { simulation, system } = await loadSimulation(file)
    const before = process.threadCpuUsage()
    port.on('message', (seed: number | undefined) => {
      if (seed === undefined) {
        const { user, system: kernel } = process.threadCpuUsage(before)
        say({ kind: 'cost', ms: (user + kernel) / 1_000 })
        return port.close()
      }
      trySeed({ simulation, system, faults, seed, verify: seed === first && verify > 0 ? 1 : verify }).then(
        (result) => say({ kind: 'result', result }),
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
  return [message, ...own.slice(0, 3)].join('\n')
}
