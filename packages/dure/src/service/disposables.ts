import { type Runtime } from '../runtime/runtime.ts'
import { aliveFor, checkNumbers, inTime, WAIT_OR_NONE } from '../runtime/internal.ts'
import type { Logger } from '../telemetry/telemetry.ts'
import type { StopOptions } from './system.ts'

/** `timeout` is what is left of the time of the whole stop. */
type Step = (options: StopOptions & { readonly timeout: number }) => Promise<void> | void

/** What has been started, and how to stop it again. */
export type Disposables = {
  readonly add: (what: string, step: Step) => void
  /**
   * Takes back every step, last first; one that fails does not keep the others from happening. All share one time: a step
   * whose time is over ends by force what it waits for, and one that cannot even do that is left behind and named in the log.
   */
  readonly dispose: (options?: StopOptions) => Promise<void>
}

/** Milliseconds over the time of all, for all of them and for each, to close what was ended by force. */
const [CLOSING, LEAST] = [1_000, 100]

export function createDisposables(options: {
  readonly runtime: Pick<Runtime, 'clock' | 'timers'>
  readonly log: Logger
  /** Milliseconds that all steps may take together, when the stop does not say. */
  readonly shutdownTimeout: number
}): Disposables {
  const { log, shutdownTimeout } = options
  const { clock, timers } = options.runtime
  const steps: { what: string; step: Step }[] = []
  let running: Promise<void> | undefined
  const run = async (how: StopOptions): Promise<void> => {
    const whole = how.timeout ?? shutdownTimeout
    const until = clock.monotonic() + whole
    for (let next = steps.pop(); next !== undefined; next = steps.pop()) {
      const { what, step } = next
      const left = until - clock.monotonic()
      const taken = (async () => step({ ...how, timeout: Math.max(0, left) }))().catch((error: unknown) =>
        log.error(`Could not stop ${what} cleanly`, { error }),
      )
      await inTime(timers, Math.max(LEAST, left + CLOSING), taken, () =>
        log.error(`Could not stop ${what} within the ${whole} ms of the whole stop; it is left behind`),
      )
    }
  }
  return {
    add: (what, step) => void steps.push({ what, step }),
    dispose: async (how = {}) => {
      checkNumbers('stop', how, { timeout: WAIT_OR_NONE })
      return (running ??= aliveFor(timers, () => run(how)))
    },
  }
}
