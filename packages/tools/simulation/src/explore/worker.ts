import { parentPort, workerData } from 'node:worker_threads'
import type { FaultKind } from '../run/run.ts'
import { loadSimulation } from './load.ts'
import { trySeed, type SeedResult } from './seeds.ts'

/** What a thread is to do. */
export type WorkerWish = { readonly file: string; readonly faults: readonly FaultKind[] | undefined; readonly verify: number }

export type FromWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'result'; readonly result: SeedResult }
  /** Milliseconds of processor time that it took in all. */
  | { readonly kind: 'cost'; readonly ms: number }
  | { readonly kind: 'failed'; readonly message: string }

const port = parentPort
if (port !== null) {
  const { file, faults, verify } = workerData as WorkerWish
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
      trySeed({ simulation, system, faults, seed, verify }).then(
        (result) => say({ kind: 'result', result }),
        (error: unknown) =>
          say({ kind: 'failed', message: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
      )
    })
    say({ kind: 'ready' })
  } catch (error) {
    say({ kind: 'failed', message: error instanceof Error ? error.message : String(error) })
  }
}
