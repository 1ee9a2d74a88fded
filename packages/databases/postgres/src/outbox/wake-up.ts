import type { Timers } from 'dure/runtime'

/** Wakes one waiter: what is set while nobody waits is not forgotten. */
export type WakeUp = {
  readonly set: () => void
  /** Resolves when it is set, or after `ms` milliseconds. */
  readonly wait: (ms: number) => Promise<void>
}

export function createWakeUp(timers: Timers): WakeUp {
  let isSet = false
  let waiting: (() => void) | undefined
  return {
    set: () => {
      isSet = true
      waiting?.()
    },
    wait: async (ms) => {
      if (!isSet) {
        await new Promise<void>((resolve) => {
          const timer = timers.after(ms, resolve)
          waiting = () => {
            timer.cancel()
            resolve()
          }
        })
        waiting = undefined
      }
      isSet = false
    },
  }
}
