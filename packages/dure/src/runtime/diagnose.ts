import { Session } from 'node:inspector/promises'
import { isMainThread, Worker } from 'node:worker_threads'
import type { Stall, WatchOrder } from './stall-thread.ts'

/** Looking into a process that runs, for a while. All of it costs something while it lasts, and nothing before and after. */
export type Diagnose = {
  /**
   * What the processor did (`.cpuprofile`), or which code took memory (`.heapprofile`), as JSON text that Chrome's developer tools open.
   * Resolves after so many milliseconds, or when the signal fires.
   */
  readonly profile: (kind: ProfileKind, ms: number, signal: AbortSignal) => Promise<string>
  /** Turns of the event loop that took longer than `threshold` milliseconds, each with the code that was at work. */
  readonly stalls: (options: {
    readonly ms: number
    readonly threshold: number
    readonly signal: AbortSignal
  }) => Promise<readonly Stall[]>
}

export type ProfileKind = 'cpu' | 'heap'

/** Stalls that are told; more are not. */
const MOST_STALLS = 100

export const diagnose: Diagnose = {
  profile: async (kind, ms, signal) => {
    const session = new Session()
    session.connect()
    try {
      return kind === 'cpu' ? await cpuProfile(session, ms, signal) : await heapProfile(session, ms, signal)
    } finally {
      session.disconnect()
    }
  },
  stalls: async ({ ms, threshold, signal }) => {
    const beats = new SharedArrayBuffer(4)
    const beat = new Int32Array(beats)
    const beating = setInterval(() => void Atomics.add(beat, 0, 1), threshold / 4)
    const order: WatchOrder = { beats, threshold, main: isMainThread }
    const fromSource = import.meta.url.endsWith('.ts')
    const watching = new Worker(new URL(fromSource ? './stall-thread.ts' : './stall-thread.js', import.meta.url), {
      ...{ workerData: order, execArgv: [] },
    })
    const found: Stall[] = []
    const over = Promise.withResolvers<void>()
    watching.on('message', (told: Stall | 'over') => {
      if (told === 'over') over.resolve()
      else if (found.length < MOST_STALLS) found.push(told)
    })
    const failed = new Promise<never>((_, reject) => void watching.once('error', reject))
    try {
      await Promise.race([new Promise((resolve) => void watching.once('online', resolve)), failed])
      await Promise.race([pause(ms, signal), failed])
      Atomics.add(beat, 0, 1)
      // oxlint-disable-next-line unicorn/require-post-message-target-origin
      watching.postMessage('over')
      await Promise.race([over.promise, failed])
      return found
    } finally {
      clearInterval(beating)
      await watching.terminate()
    }
  },
}

async function cpuProfile(session: Session, ms: number, signal: AbortSignal): Promise<string> {
  await session.post('Profiler.enable')
  await session.post('Profiler.start')
  await pause(ms, signal)
  const { profile } = await session.post('Profiler.stop')
  return JSON.stringify(profile)
}

/** Samples of what was allocated and is there still: a snapshot would hold the process for as long as its memory is large. */
async function heapProfile(session: Session, ms: number, signal: AbortSignal): Promise<string> {
  await session.post('HeapProfiler.enable')
  await session.post('HeapProfiler.startSampling')
  await pause(ms, signal)
  const { profile } = await session.post('HeapProfiler.stopSampling')
  return JSON.stringify(profile)
}

/** Ends early, and well, when nobody waits any longer. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const timer = setTimeout(done, ms)
    function done(): void {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    signal.addEventListener('abort', done, { once: true })
  })
}
