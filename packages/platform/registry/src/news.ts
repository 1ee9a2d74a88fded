/** Whoever waits for the next change is told once for all that comes together. */
import type { Timer, Timers } from 'dure/runtime'

export type News = {
  readonly tell: () => void
  /** Resolves at the next change, after so many milliseconds, when the signal aborts, or at once when too many wait. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>
  readonly close: () => void
}

/** Milliseconds in which changes are gathered. */
const TOGETHER = 5

export function createNews(timers: Pick<Timers, 'after'>, most: number): News {
  const waiting = new Set<() => void>()
  let soon: Timer | undefined
  let closed = false
  const all = (): void => {
    soon = undefined
    for (const wake of waiting) wake()
  }
  return {
    tell: () => {
      if (!closed && waiting.size > 0) soon ??= timers.after(TOGETHER, all)
    },
    wait: (ms, signal) =>
      new Promise((resolve) => {
        if (closed || signal.aborted || waiting.size >= most) return resolve()
        const wake = (): void => {
          waiting.delete(wake)
          timer.cancel()
          signal.removeEventListener('abort', wake)
          resolve()
        }
        const timer = timers.after(ms, wake)
        signal.addEventListener('abort', wake, { once: true })
        waiting.add(wake)
      }),
    close: () => {
      closed = true
      soon?.cancel()
      all()
    },
  }
}
