import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { FaultKind, Outcome, Replicas, SimulateOptions } from '../run/run.ts'
import type { PlayOptions } from '../story/story.ts'
import type { FromWorker, Task, WorkerOptions } from './worker.ts'

/** A thread that runs the simulation of a file, one seed after another. */
export type Thread = {
  /** @throws what the system cannot be started for, or why it cannot be loaded */
  readonly ask: (task: Task) => Promise<Done>
  /** As `simulate`, in the thread. */
  readonly simulate: (options: Omit<SimulateOptions, 'simulation' | 'system' | 'faults' | 'replicas'>) => Promise<Outcome>
  /** Ends it, whatever it is doing. */
  readonly close: () => Promise<void>
}

export type Done = Extract<FromWorker, { kind: 'done' }>

/** Every run loads the user's modules anew, and Node lets go of none: a thread that holds many is followed by another. */
export function openThread(options: {
  readonly file: string
  readonly faults?: readonly FaultKind[] | undefined
  readonly replicas?: Replicas | undefined
  /** Loads modules anew for each run, whoever makes the system. Default true; false keeps those that seem to keep nothing. */
  readonly anew?: boolean
  /** Plays a story, instead of what users do. */
  readonly play?: PlayOptions | undefined
}): Thread {
  const { file, faults, replicas, anew = true, play } = options
  const workerOptions: WorkerOptions = {
    file: pathToFileURL(file).href,
    faults: faults === undefined ? undefined : [...faults],
    replicas,
    anew,
    play,
  }
  let worker: Worker | undefined
  let closed = false

  /** The next thing it says; or that it ended without a word. */
  const answer = <K extends 'ready' | 'done'>(from: Worker, kind: K): Promise<Extract<FromWorker, { kind: K }>> =>
    new Promise((resolve, reject) => {
      from.removeAllListeners()
      from.once('message', (message: FromWorker) => {
        if (message.kind === kind) resolve(message as Extract<FromWorker, { kind: K }>)
        else reject(new Error(message.kind === 'failed' ? message.message : `A thread of the simulation said "${message.kind}"`))
      })
      from.once('error', reject)
      from.once('exit', (code) => reject(new Error(`A thread of the simulation ended with code ${code}`)))
    })

  const checkOpen = (): void => {
    if (closed) throw new Error('Cannot run a seed: the thread was closed')
  }
  const ask = async (task: Task): Promise<Done> => {
    checkOpen()
    let own = worker
    if (own === undefined) {
      worker = own = openWorker(workerOptions)
      await answer(own, 'ready')
      // Another thread may have failed meanwhile, which closes all.
      checkOpen()
    }
    const asked = answer(own, 'done')
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    own.postMessage(task)
    const done = await asked
    if (done.full) await release()
    return done
  }
  const release = async (): Promise<void> => {
    const ended = worker
    worker = undefined
    await ended?.terminate()
  }
  return {
    ask,
    simulate: async ({ seed, only, record }) => (await ask({ kind: 'run', seed, only, record })).result.outcome,
    close: () => {
      closed = true
      return release()
    },
  }
}

function openWorker(workerOptions: WorkerOptions): Worker {
  const fromSource = import.meta.url.endsWith('.ts')
  return new Worker(new URL(fromSource ? './worker.ts' : './worker.js', import.meta.url), {
    workerData: workerOptions,
    // In a checkout nothing is built; a thread knows nothing of what its process was told of that. What else the process
    // was told may be refused of a thread, as what a test runner says to a test file is.
    ...(fromSource ? { execArgv: ['--conditions=dure-source'] } : {}),
  })
}
