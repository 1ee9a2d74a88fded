import type { Logger } from '../telemetry/telemetry.ts'
import type { StopOptions } from './system.ts'

type Step = (options: StopOptions) => Promise<void> | void

/** What has been started, and how to stop it again. */
export type Undo = {
  readonly add: (what: string, step: Step) => void
  /** Takes back every step, last first; one that fails does not keep the others from happening. */
  readonly all: (options?: StopOptions) => Promise<void>
}

export function createUndo(log: Logger): Undo {
  const steps: { what: string; step: Step }[] = []
  let running: Promise<void> | undefined
  const run = async (options: StopOptions): Promise<void> => {
    for (let next = steps.pop(); next !== undefined; next = steps.pop()) {
      try {
        await next.step(options)
      } catch (error) {
        log.error(`Could not stop ${next.what} cleanly`, { error })
      }
    }
  }
  return {
    add: (what, step) => void steps.push({ what, step }),
    all: (options = {}) => (running ??= run(options)),
  }
}
