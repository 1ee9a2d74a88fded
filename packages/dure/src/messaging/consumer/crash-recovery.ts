import type { Store } from '../../data/data.ts'
import type { Runtime } from '../../runtime/runtime.ts'
import type { Logger } from '../../telemetry/telemetry.ts'

/**
 * How the consumer before this one ended. One that did not end as it should may have been ended by a message, so
 * the first messages are then read with care (each try counted before it begins), and more of them after every
 * further crash: the message may sit behind others that were done but not yet noted as read.
 */
export type CrashRecord = {
  /** Batches of each partition to be read with care; 0 after a clean end. */
  readonly quarantine: number
  /** Notes that nothing is in hand any more. */
  readonly endClean: () => Promise<void>
  readonly stop: () => void
}

/** Whoever has lived this long was not started to crash at once. */
const HEALTHY = 30_000
const MOST = 16

export async function watchForCrashes(options: {
  store: Store
  runtime: Runtime
  log: Logger
  consumer: string
}): Promise<CrashRecord> {
  const { store, runtime, log, consumer } = options
  const { consumers } = store.records
  const crashes = await store.transaction((tx) => consumers.begin(tx, consumer))
  const settle = (how: 'ended' | 'well'): Promise<void> => store.transaction((tx) => consumers.settle(tx, consumer, how))
  const timer = runtime.timers.after(HEALTHY, () => {
    settle('well').catch((error: unknown) => log.warn('Cannot note that the consumer is well', { consumer, error }))
  })
  return {
    quarantine: crashes === 0 ? 0 : Math.min(MOST, 4 ** (crashes - 1)),
    endClean: () => {
      timer.cancel()
      return settle('ended')
    },
    stop: () => timer.cancel(),
  }
}
