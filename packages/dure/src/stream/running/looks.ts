import type { Runtime, Timer } from '../../runtime/runtime.ts'

/** Milliseconds between looks for what other processes have handed on, and before the next one when one has failed. */
const [LOOK, AGAIN] = [100, 1_000]

/** Looks again and again: at once when there was something, or when it is woken, because something was handed on here. */
export type Looks = { readonly wake: () => void; readonly stop: () => Promise<void> }

export function startLooks(options: {
  readonly timers: Runtime['timers']
  /** True when there may be more. */
  readonly look: () => Promise<boolean>
  readonly onError: (error: unknown) => void
}): Looks {
  const { timers, look, onError } = options
  let timer: Timer | undefined
  let current: Promise<void> | undefined
  let isWoken = false
  let isStopped = false

  const run = async (): Promise<void> => {
    let pause = LOOK
    try {
      do isWoken = false
      while (((await look()) || isWoken) && !isStopped)
    } catch (error) {
      onError(error)
      pause = AGAIN
    }
    current = undefined
    if (!isStopped) timer = timers.after(pause, begin)
  }
  const begin = (): void => {
    timer?.cancel()
    current = run()
  }
  begin()
  return {
    wake: () => {
      isWoken = true
      if (current === undefined && !isStopped) begin()
    },
    stop: async () => {
      isStopped = true
      timer?.cancel()
      await current
    },
  }
}
