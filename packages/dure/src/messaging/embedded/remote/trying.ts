import { CallError, STATUSES } from '../../../contract/contract.ts'
import type { Runtime } from '../../../runtime/runtime.ts'
import { backoff } from '../../../runtime/internal.ts'
import { SessionOver } from './contract.ts'

/** Whether asking the broker once more may help: it could not be reached, was full, or did not answer in time. */
export function mayPass(error: unknown): boolean {
  if (SessionOver.is(error)) return true
  return error instanceof CallError && (STATUSES[error.code].retryable || error.code === 'DEADLINE_EXCEEDED')
}

/** Pauses between tries, which a stop cuts short. */
export type Pauses = {
  readonly pause: (failed: number) => Promise<void>
  readonly signal: AbortSignal
}

const RETRY = { first: 20, max: 1_000 }

export function createPauses(runtime: Runtime, signal: AbortSignal): Pauses {
  return { signal, pause: (failed) => runtime.timers.sleep(backoff(RETRY, failed, runtime.random), signal) }
}

/** Tries until it works, fails for good, or `patience` milliseconds are over; `work` is told how long it may take. */
export async function patiently<T>(
  options: { readonly runtime: Runtime; readonly pauses: Pauses; readonly patience: number },
  work: (timeout: number) => Promise<T>,
): Promise<T> {
  const { runtime, pauses, patience } = options
  const until = runtime.clock.monotonic() + patience
  for (let failed = 1; ; failed++) {
    try {
      // A try may take half of it, so that there is a second one when the first is lost in a process that hangs.
      return await work(Math.max(1, Math.min(patience / 2, until - runtime.clock.monotonic())))
    } catch (error) {
      if (!mayPass(error) || pauses.signal.aborted || runtime.clock.monotonic() >= until) throw error
      await pauses.pause(failed)
    }
  }
}
